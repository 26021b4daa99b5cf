"""A part of something larger, cut out of more than was asked for, with no half of a secret in it.

Whoever chooses where parts begin and end can have a secret in halves, or byte by byte: no half is a form
that would be found. Looking for halves would be worse: a mask at the edge of a part would then tell a guess
how near it is. So the upstream is asked for `reach` bytes more on either side (`requests.ranges`), and what
comes is cut back here.

Rules: a byte goes out only if on either side of it at least as much is known as the longest form takes, or
the whole begins or ends there. It is masked if any form covers it, whether that overlaps another or not. So
what becomes of a byte depends on what stands around it and not on where a part begins: no set of parts shows
more than the whole does, masked like this. What cannot be cut so is `Uncut`, and the caller withholds it.

A mask is as long as what it hides, or the lengths and offsets of parts would not be true any more. How long
that is can be told from these anyway.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wharfinger.rules.redact import lines
from wharfinger.rules.redact.fleeting import Fleeting
from wharfinger.rules.redact.matcher import Match
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.ranges import Asked

MASK: Final = b"*"
PIECE: Final = 64 << 10
"""Bytes that are masked at a time."""
MARGIN: Final = 128
"""Bytes at the ends of what is known, where it cannot be told yet which ends of lines are soft."""
_ROUND: Final = 1024
_RANGE: Final = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.ASCII | re.IGNORECASE)
_NONE: Final = re.compile(r"bytes \*/[0-9]{1,19}", re.ASCII | re.IGNORECASE)


class Uncut(Exception):
    """What was asked for cannot be cut out of what came; its text tells why and quotes none of it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Which of the bytes that come are given out."""

    offset: int
    """Of the first byte that comes, in the whole."""
    came: int
    """How many come."""
    start: int
    end: int
    """The first of them that is given out, and the first that is not any more."""
    whole: int | None
    """How many bytes the whole has, where that is said."""

    @property
    def opens(self) -> bool:
        """Whether the whole begins with what comes."""
        return self.offset == 0

    @property
    def closes(self) -> bool:
        """Whether it ends with it."""
        return self.offset + self.came == self.whole

    @property
    def size(self) -> int:
        """How many bytes are given out."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """The field that says which these are."""
        size = "*" if self.whole is None else self.whole
        return f"bytes {self.offset + self.start}-{self.offset + self.end - 1}/{size}"


def reach(secrets: SecretSet) -> int:
    """How many bytes more are asked for on either side of a part.

    As many as the longest form has when it is broken over lines of 32 letters with the longest ends, and
    some for what is made for one request only. Forms in shorter lines are seen when they come, and withheld.
    """
    most = secrets.longest * 9 // 4 + 2 * MARGIN
    return -(-most // _ROUND) * _ROUND


def is_unsatisfied(content_range: Sequence[str]) -> bool:
    """Whether these fields say that nothing of the whole is in the range."""
    return len(content_range) == 1 and _NONE.fullmatch(content_range[0]) is not None


def cut(asked: Asked, content_range: Sequence[str]) -> Cut | int:
    """What of a part that these fields describe is given to who asked; if nothing, the whole's size.

    Raises `Uncut`.
    """
    found = _RANGE.fullmatch(content_range[0]) if len(content_range) == 1 else None
    if found is None:
        raise Uncut("it does not say which part it is")
    first, last = int(found[1]), int(found[2])
    whole = None if found[3] == "*" else int(found[3])
    if last < first or (whole is not None and last >= whole):
        raise Uncut("it says that it is a part that cannot be")
    if asked.first is not None:
        start, end = asked.first, last if asked.last is None else min(asked.last, last)
    elif whole is not None:
        start, end = max(0, whole - (asked.last or 0)), whole - 1
    else:
        raise Uncut("it does not say where the whole ends")
    if whole is not None and start >= whole:
        return whole
    if not first <= start <= end <= last:
        raise Uncut("it is another part than was asked for")
    return Cut(first, last - first + 1, start - first, end - first + 1, whole)


class PartStream:
    """The body of one part on its way. After `Uncut` the rest of it must be withheld; what went out is clean.

    Holds twice the reach and one piece at most, and whatever comes at once.
    """

    __slots__ = ("_buffer", "_came", "_cut", "_fleeting", "_from", "_next", "_reach", "_secrets", "findings")

    as_it_came = False
    """Its codings are not undone: what has any is no part that could be read."""
    waits = True
    """The first bytes may show that it has to be withheld."""

    def __init__(self, secrets: SecretSet, part: Cut, fleeting: Fleeting | None = None) -> None:
        """`fleeting` is looked for as well."""
        self._secrets = secrets
        self._fleeting = fleeting
        self._cut = part
        self._reach = reach(secrets)
        self._buffer = bytearray()
        self._came = 0
        self._from = 0
        """Which of the bytes that come the first in the buffer is."""
        self._next = part.start
        """Which of them goes out next."""
        self.findings: Counter[str] = Counter()
        """Name of a secret → how often it was masked so far."""

    @property
    def waiting(self) -> int:
        """Bytes that are held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> bytes:
        """What can go out now. Raises `Uncut`."""
        self._came += len(data)
        if self._came > self._cut.came:
            raise Uncut("it is longer than it says")
        if self._next == self._cut.end:
            return b""
        self._buffer += data
        return self._given(last=False) if len(self._buffer) >= 2 * self._reach + PIECE else b""

    def finish(self) -> bytes:
        """The rest, when the body has ended. Raises `Uncut`."""
        if self._came < self._cut.came:
            raise Uncut("it is shorter than it says")
        return self._given(last=True)

    def let_go(self, most: int) -> bytes:
        """Nothing of it goes out before what follows is known: see `BodyRedactor.let_go`."""
        return b""

    def _given(self, *, last: bool) -> bytes:
        known = self._from + len(self._buffer)
        end = min(self._cut.end, known if last else known - self._reach)
        out = self._masked(end, last=last) if end > self._next else b""
        self._next = max(self._next, end)
        kept = known if self._next == self._cut.end else min(known, max(self._from, self._next - self._reach))
        del self._buffer[: kept - self._from]
        self._from = kept
        return out

    def _masked(self, until: int, *, last: bool) -> bytes:
        """The bytes from the next up to `until`."""
        data = bytes(self._buffer)
        begin, end = self._next - self._from, until - self._from
        self._check(data[:begin], edge=self._from == 0 and self._cut.opens)
        self._check(data[end:], edge=last and self._cut.closes)
        out, masked = bytearray(data[begin:end]), begin
        for match in self._matches(data):
            start, stop = max(match.start, begin), min(match.end, end)
            if start >= stop:
                continue
            out[start - begin : stop - begin] = MASK * (stop - start)
            counted = match.start < begin and self._next > self._cut.start
            if match.name and start >= masked and not counted:
                self.findings[match.name] += 1
            masked = max(masked, stop)
        return bytes(out)

    def _matches(self, data: bytes) -> list[Match]:
        """Every place that is to be masked, in order."""
        found = self._secrets.covered(data)
        if self._fleeting:
            found += [Match(start, end, "") for start, end in self._fleeting.places(data)]
        return sorted(found, key=lambda match: (match.start, -match.end))

    def _check(self, around: bytes, *, edge: bool) -> None:
        """Raise `Uncut` where a form could begin, or end, beyond what is known."""
        longest = max(self._secrets.longest, self._fleeting.longest if self._fleeting else 0)
        if not edge and lines.letters(around) < longest + MARGIN:
            raise Uncut("too little of what stands around it is known")
