r"""Find the forms of secrets that are broken over lines, in a body that arrives in pieces.

Encoders of mail, PEM and APIs break what they encode into lines: base64 after 60, 64 or 76 characters, by a
line feed, one with a carriage return, either of them escaped (`\n` in JSON, `%0A` in forms), some with an
indentation; quoted-printable anywhere, by a `=` before the line's end. Such a break is *soft*: what stands
before and after it belongs together.

A line's end is taken for soft after a `=`, and between letters of base64 if at least `RUN` of them stand
before it: shorter lines are those of texts, and no event or line of a log waits for what comes after it. An
empty line ends everything.

What comes in has been searched as it stands. Here the soft breaks are left out of it, and where there are any
it is searched again. Held back is again only a true beginning of a form, with its breaks.

Most bodies have no such break, which is seen in passing; of those that have, most hold no secret, which is
seen with all ends of lines taken away at once. Only where that shows something are the breaks looked at each.
"""

from __future__ import annotations

import functools
import re
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from wharfinger.rules.redact.heads import Database, compiled, scan
from wharfinger.rules.redact.matcher import Layers, Match

RUN: Final = 32
"""Letters of base64 that stand before a soft break."""
INDENT: Final = 32
"""Most spaces and tabs after one."""
_CONTEXT: Final = RUN + len(rb"=%0D%0A")
"""Bytes of what went out that are remembered, to see what stood before a break."""

_LETTERS: Final = (string.ascii_letters + string.digits + "+/_-").encode()
_CLASS: Final = rb"[A-Za-z0-9+/_\-]"
_PLAIN: Final = rb"\r?\n"
_IN_JSON: Final = rb"(?:\\r)?\\n"
_IN_FORM: Final = rb"(?:%0[Dd])?%0[Aa]"
_END: Final = rb"(?:" + rb"|".join((_PLAIN, _IN_JSON, _IN_FORM)) + rb")"
_INDENTED: Final = re.compile(rb"\n[ \t]")
_FORM_END: Final = re.compile(rb"=?" + _IN_FORM)
_BEFORE: Final = re.compile(rb"=?" + _END + rb"\Z")
_OPENING: Final = frozenset(rb"=\r%0dD" + b"\r")
"""What may stand last in one of these."""
_OPEN: Final = re.compile(rb"(?:=|=?(?:\r|\\(?:r\\?)?|%(?:0(?:[Dd](?:%0?)?)?)?))\Z")
"""At the end of a piece: what may become a break."""
_LONGEST_END: Final = len(rb"=%0D%0A")


@dataclass(frozen=True, slots=True)
class _Breaks:
    """The soft breaks of a text: from where to where each is, and where one begins that is not whole yet."""

    places: tuple[tuple[int, int], ...]
    open: int | None


class LineStream:
    """One body on its way; takes what `SecretStream` has searched, and counts into its findings."""

    __slots__ = ("_before", "_findings", "_held", "_layers", "_replacements")

    def __init__(self, layers: Layers, replacements: Mapping[str, bytes], findings: Counter[str]) -> None:
        self._layers = layers
        self._replacements = replacements
        self._findings = findings
        self._before = b""
        self._held = b""

    @property
    def held(self) -> int:
        """Bytes held back at the moment."""
        return len(self._held)

    def feed(self, chunk: bytes, ahead: bytes = b"") -> bytes:
        """What of the body so far can go out now; `ahead` is what is known of the rest, and comes later."""
        if not chunk:
            return b""
        return self._release(self._held + chunk if self._held else chunk, ahead, last=False)

    def finish(self) -> bytes:
        """The rest, when the body has ended."""
        return self._release(self._held, b"", last=True) if self._held else b""

    def _release(self, data: bytes, ahead: bytes, *, last: bool) -> bytes:
        if (ahead or data)[-1] not in _OPENING and not _has_marks(data) and not _has_marks(ahead):
            self._held, self._before = b"", (self._before + data[-_CONTEXT:])[-_CONTEXT:]
            return data
        known = len(self._before)
        whole = b"".join((self._before, data, ahead))
        clean, held = data, len(data)
        start = self._to_be_searched(whole, known, last=last)
        if start is not None:
            start = min(start, known + len(data))
            breaks = _breaks(whole, start)
            if breaks.places or (breaks.open is not None and not last):
                passed, rest = data[: start - known], data[start - known :]
                found, held = self._searched(rest, _Joined(whole, start, breaks, last=last), last=last)
                clean, held = passed + found, len(passed) + held
        self._held = data[held:]
        self._before = whole[max(0, known + held - _CONTEXT) : known + held]
        return clean

    def _to_be_searched(self, whole: bytes, known: int, *, last: bool) -> int | None:
        """From where on a form may stand across breaks; None if nowhere."""
        open_ = None if last else _open(whole, known)
        if open_ is None and not _has_breaks(whole):
            return None
        if self._layers.lined or _INDENTED.search(whole):
            return known
        text = _without_ends(whole[known:] if open_ is None else whole[known:open_])
        met, kept = self._layers.search(text, last=last)
        if met:
            return known
        size = len(text) - kept
        tail = whole[-size - _LONGEST_END :]
        if size == 0 or (open_ is None and _without_ends(tail) == tail):
            return None  # what is held without a line's end in it is held elsewhere
        return max(known, len(whole) - 2 * size - 2 * RUN)

    def _searched(self, data: bytes, joined: _Joined, *, last: bool) -> tuple[bytes, int]:
        """What can go out of `data`, and from where on it is held."""
        met, kept = self._layers.search(joined.text, last=last)
        held = min(joined.place(kept), len(data)) if kept < len(joined.text) else len(data)
        out: list[bytes] = []
        at = 0
        for match in met:
            start, end = joined.place(match.start), joined.place(match.end - 1) + 1
            if end > len(data):  # it ends in what has not come yet
                held = min(held, start)
                break
            self._findings[match.name] += 1
            out += (data[at:start], self._replacements[match.name])
            at = end
        out.append(data[at:held])
        return b"".join(out), held


def _has_marks(data: bytes) -> bool:
    return b"\n" in data or b"\\" in data or b"%" in data


class _Joined:
    """A text without its soft breaks, and where each byte of that stands in it."""

    def __init__(self, whole: bytes, known: int, breaks: _Breaks, *, last: bool) -> None:
        """Of `whole` from `known` on, up to a break that is not whole yet, if more is to come."""
        parts: list[bytes] = []
        at = known
        for start, end in breaks.places:
            parts.append(whole[at:start])
            at = end
        parts.append(whole[at:] if last or breaks.open is None else whole[at : max(at, breaks.open)])
        self.text = b"".join(parts)
        self._edges = list(accumulate(map(len, parts[:-1])))
        self._left_out = [0, *accumulate(end - start for start, end in breaks.places)]

    def place(self, index: int) -> int:
        """Where the byte at `index` stands."""
        return index + self._left_out[bisect_right(self._edges, index)]


def within(data: bytes, layers: Layers) -> bool:
    """Whether a form stands in `data`, broken over lines."""
    breaks = _breaks(data, 0)
    return bool(breaks.places) and bool(layers.search(_Joined(data, 0, breaks, last=True).text, last=True)[0])


def covered(data: bytes, layers: Layers) -> list[Match]:
    """Every form in `data` that is broken over lines, and maybe others, overlapping or not."""
    if not _may_be_broken(data, layers):
        return []
    joined = _Joined(data, 0, _breaks(data, 0), last=True)
    return [
        Match(joined.place(match.start), joined.place(match.end - 1) + 1, match.name)
        for match in layers.covered(joined.text)
    ]


def letters(data: bytes) -> int:
    """Bytes of `data` that stand in no soft break."""
    if not _has_marks(data) or not _has_breaks(data):
        return len(data)
    return len(data) - sum(end - start for start, end in _breaks(data, 0).places)


def _may_be_broken(data: bytes, layers: Layers) -> bool:
    if not _has_marks(data) or not _has_breaks(data):
        return False
    if layers.lined or _INDENTED.search(data):
        return True
    return bool(layers.search(_without_ends(data), last=True)[0])


def _breaks(whole: bytes, known: int) -> _Breaks:
    """Those of `whole` that end after `known`; of one that begins before it, what stands after it."""
    places: list[tuple[int, int]] = []
    for end in _ends(whole):
        if end <= known:
            continue
        start = _start(whole, end)
        quoted = whole[start] == ord("=")
        after = _indented(whole, end) if whole[end - 1] == ord("\n") and not quoted else end
        if after == len(whole):
            return _Breaks(tuple(places), max(start, known))
        soft = whole[after] not in b"\r\n" if quoted else whole[after] in _LETTERS
        if soft:
            places.append((max(start, known), after))
    return _Breaks(tuple(places), _open(whole, known))


def _start(whole: bytes, end: int) -> int:
    """Where the break begins whose line's end is just before `end`."""
    tail = whole[max(0, end - _LONGEST_END) : end]
    found = _BEFORE.search(tail)
    return end - len(tail) + (found.start() if found is not None else len(tail))


def _indented(whole: bytes, at: int) -> int:
    """Where what follows an indentation begins."""
    most = min(len(whole), at + INDENT)
    while at < most and whole[at] in b" \t":
        at += 1
    return at


def _open(whole: bytes, known: int) -> int | None:
    """Where something begins at the end of `whole` that may become a break."""
    tail = whole[-_LONGEST_END:]
    found = _OPEN.search(tail) if tail and tail[-1] in _OPENING else None
    if found is None:
        return None
    start = len(whole) - len(tail) + found.start()
    run = whole[max(0, start - RUN) : start]
    lettered = len(run) == RUN and not run.translate(None, _LETTERS)
    return max(start, known) if whole[start] == ord("=") or lettered else None


def _without_ends(text: bytes) -> bytes:
    """`text` without any end of a line, be it soft or not."""
    if b"\\" in text:
        text = text.replace(b"=\\r\\n", b"").replace(b"=\\n", b"")
        text = text.replace(b"\\r\\n", b"").replace(b"\\n", b"")
    if b"%" in text:
        text = _FORM_END.sub(b"", text)
    if b"=" in text:
        text = text.replace(b"=\r\n", b"").replace(b"=\n", b"")
    return text.translate(None, b"\r\n") if b"\n" in text else text


def _has_breaks(whole: bytes) -> bool:
    """Whether a line ends in it that may be broken softly."""
    met: list[int] = []

    def meet(_number: int, _from: int, end: int, _flags: int, _context: object) -> bool:
        met.append(end)
        return True  # one is enough

    for database in _databases(whole):
        scan(database, whole, meet, met.clear)
        if met:
            return True
    return False


def _ends(whole: bytes) -> list[int]:
    """Where lines end that may be broken softly, in order."""
    met: set[int] = set()

    def meet(_number: int, _from: int, end: int, _flags: int, _context: object) -> None:
        met.add(end)

    for database in _databases(whole):
        scan(database, whole, meet, met.clear)
    return sorted(met)


def _databases(whole: bytes) -> Iterator[Database]:
    """What is to be looked for, each where it can be: together they take twenty times as long."""
    if b"\n" in whole:
        yield _database(_PLAIN)
    if b"\\" in whole:
        yield _database(_IN_JSON)
    if b"%" in whole:
        yield _database(_IN_FORM)


@functools.cache
def _database(end: bytes) -> Database:
    """A pattern for each last letter takes a third of the time where texts have short lines."""
    return compiled(
        [b"=" + end, *(_CLASS + b"{%d}\\x%02x" % (RUN - 1, last) + end for last in sorted(_LETTERS))]
    )
