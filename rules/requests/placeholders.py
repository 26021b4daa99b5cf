r"""The dummies that agents hold in a credential's stead, and finding them where they should not be.

A placeholder is exchanged for its credential in one place only (DESIGN 3, invariant 5); anywhere else
it is evidence of misuse. So it is looked for in every byte of a request, in the spellings in which an
API would still read it: any letter case, percent-encoded (once or more), with JSON's `\u` escapes,
and inside base64 of either alphabet at any alignment (as in `Basic`), line breaks allowed, and inside base64
of that. In a stream the last is found only where one piece holds it whole.

A transformation that no API undoes (encryption, reversal) is not found and needs no finding: a
placeholder is worth nothing outside its place.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import re2

ROUNDS: Final = 3
"""How many layers of percent-encoding and JSON escapes are taken off."""
_MEMORY: Final = 256 << 20
"""Upper bound for re2's automaton in bytes; beyond it re2 is slower, never wrong."""
_URL: Final = bytes.maketrans(b"+/", b"-_")
_SIGNS: Final = bytes.maketrans(b"%=", b"=%")
MAX_FOUND: Final = 1_000


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a placeholder was issued to, and for which credential."""

    agent: str
    credential: str
    sealed: str = ""
    """Of a placeholder for what an API has made: the value's own name."""


class Placeholders:
    """All placeholders in use, by value. Immutable; built once for each configuration and store state."""

    def __init__(self, table: Mapping[str, Owner]) -> None:
        """Prepare the search; `table` maps each placeholder (ASCII) to its owner."""
        self._others: Placeholders | None = None
        self._owners = dict(table)
        self._values = {
            (owner.agent, owner.credential): text for text, owner in table.items() if not owner.sealed
        }
        self._plain = {text.lower().encode(): owner for text, owner in table.items()}
        self._encoded = {
            spelling: owner for text, owner in table.items() for spelling in _base64_spellings(text.encode())
        }
        self._nested = {
            twice: owner for once, owner in self._encoded.items() for twice in _base64_spellings(once)
        }

    def with_others(self, table: Mapping[str, Owner]) -> Placeholders:
        """These, and others beside them: the search for these is not prepared anew."""
        made = copy(self)
        made.__dict__.pop("beginnings", None)
        made._others = Placeholders(table) if table else None
        return made

    def of(self, agent: str, credential: str) -> str | None:
        """The placeholder of `credential` in the hands of `agent`, if it was issued one."""
        return self._values.get((agent, credential))

    def exact(self, value: str) -> Owner | None:
        """The owner of `value` if it is a placeholder to the letter."""
        owner = self._owners.get(value)
        return owner if owner is not None or self._others is None else self._others.exact(value)

    def scan(self, data: bytes | str) -> tuple[Owner, ...]:
        """The owners of placeholders found in `data`, each once; text is read as latin-1 or UTF-8.

        The cost is a few passes over `data`, whatever is in it, and no more than `MAX_FOUND` findings are
        looked at for their owners: one is enough to refuse.
        """
        if self._others is not None and (beside := self._others.scan(data)):
            return beside
        if not self._owners or not data:
            return ()
        octets = _octets(data) if isinstance(data, str) else data
        found = self._found(octets)
        if b"%" in octets or b"\\" in octets or b"\n" in octets or b"\r" in octets:
            found = [*found, *(owner for view in _views(octets) for owner in self._found(view))]
        return tuple(dict.fromkeys(found)) if found else ()

    def _found(self, view: bytes) -> Iterable[Owner]:
        if self._pattern.search(view) is None:
            return ()
        matches = islice(self._pattern.finditer(view), MAX_FOUND)
        return dict.fromkeys(self._owner(match.group(0)) for match in matches)

    @property
    def longest(self) -> int:
        """Length of the longest placeholder, in characters."""
        own = max(map(len, self._owners), default=0)
        return own if self._others is None else max(own, self._others.longest)

    @cached_property
    def beginnings(self) -> tuple[frozenset[bytes], frozenset[bytes]]:
        """All proper beginnings of placeholders (in lower case), and of their base64 spellings."""
        plain, encoded = frozenset(_beginnings(self._plain)), frozenset(_beginnings(self._encoded))
        if self._others is None:
            return plain, encoded
        return plain | self._others.beginnings[0], encoded | self._others.beginnings[1]

    @cached_property
    def _pattern(self) -> re2._Regexp[bytes]:
        options = re2.Options()
        options.max_mem = _MEMORY
        options.encoding = re2.Options.Encoding.LATIN1
        plain = b"|".join(re2.escape(text) for text in self._plain)
        encoded = b"|".join(re2.escape(text) for text in (*self._encoded, *self._nested))
        return re2.compile(b"(?i:" + plain + b")|" + encoded, options)

    def _owner(self, text: bytes) -> Owner:
        return self._encoded.get(text) or self._nested.get(text) or self._plain[text.lower()]


def _octets(data: str) -> bytes:
    try:
        return data.encode("latin-1")
    except UnicodeEncodeError:
        return data.encode("utf-8", "surrogatepass")


def _beginnings(texts: Mapping[bytes, Owner]) -> Iterator[bytes]:
    return (text[:end] for text in texts for end in range(len(text)))


def _base64_spellings(value: bytes) -> frozenset[bytes]:
    """The parts of base64 that do not depend on what stands before and after `value`, for each alignment."""
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + value).rstrip(b"=")
        loose = (before + len(value)) % 3 != 0
        text = text[(0, 2, 3)[before] : len(text) - loose]
        found |= {text, text.translate(_URL)}
    return frozenset(found)


def _views(data: bytes) -> Iterator[bytes]:
    """`data` without its line breaks, and with each layer of encoding taken off; only what differs."""
    if b"\n" in data or b"\r" in data:
        yield data.translate(None, b"\r\n")
    for _ in range(ROUNDS):
        bare = _decoded(data)
        if bare == data:
            return
        yield bare
        data = bare


def _decoded(data: bytes) -> bytes:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"\\").replace(b"\\u00", b"%")
        data = data.replace(b"\\r", b"").replace(b"\\n", b"").replace(b"\\/", b"/")
    return percent_decoded(data) if b"%" in data else data


def percent_decoded(data: bytes) -> bytes:
    """`data` with its percent escapes decoded once, as `urllib.parse.unquote_to_bytes` does.

    In passes of C code, where that is a loop in Python: bodies may be full of escapes. Quoted-printable
    (RFC 2045 6.7) is the same with another sign, so the two signs change places, escaped ones too. It
    reads a sign at the end, before a line break or before another sign in ways of its own; that is escaped.
    """
    if b"%%" in data:  # the second time for what the first has put side by side
        data = data.replace(b"%%", b"%25%").replace(b"%%", b"%25%")
    data = data.replace(b"%\n", b"%25\n").replace(b"%\r", b"%25\r")
    if data.endswith(b"%"):
        data += b"25"
    data = data.replace(b"%3D", b"%3d").replace(b"%25", b"%3D").replace(b"%3d", b"%25")
    return binascii.a2b_qp(data.translate(_SIGNS)).translate(_SIGNS)


@dataclass(slots=True)
class StreamScan:
    """Scans an upload as it streams, holding back only what may be the beginning of a placeholder.

    Raw, percent-encoded, JSON-escaped and base64 spellings are found under every split of the stream.
    """

    placeholders: Placeholders
    _held: bytes = b""

    @property
    def reach(self) -> int:
        """Bytes that a placeholder may take in a stream, however it is written."""
        return self.placeholders.longest * _WIDEST

    def feed(self, data: bytes) -> tuple[bytes, Owner | None]:
        """What may be sent now, and the owner of a placeholder if one has appeared (then nothing may)."""
        data = self._held + data
        if found := self.placeholders.scan(data):
            self._held = b""
            return b"", found[0]
        keep = self._kept(data)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep], None

    def finish(self) -> tuple[bytes, Owner | None]:
        """What was held back, now that nothing follows; as `feed` answers."""
        rest, self._held = self._held, b""
        found = self.placeholders.scan(rest)
        return (b"", found[0]) if found else (rest, None)

    def _kept(self, data: bytes) -> int:
        """Length of the longest end of `data` that a placeholder could begin with."""
        for start in range(max(0, len(data) - self.reach), len(data)):
            if self._may_begin(data[start:]):
                return len(data) - start
        return 0

    def _may_begin(self, tail: bytes) -> bool:
        plain, encoded = self.placeholders.beginnings
        text = b""
        at = 0
        while at < len(tail):
            octet, width = _unit(tail, at)
            if octet is None:
                return width > 0
            text += octet
            if not text or (text.lower() not in plain and text not in encoded):
                return False
            at += width
        return True


_WIDEST: Final = 9
"""Bytes one character may take in a stream: `%2525` + two digits, or `\\\\\\u00` + two digits."""
_SHORT: Final = {b"n": (b"", 2), b"r": (b"", 2), b"/": (b"/", 2)}
"""JSON's short escapes that may stand inside base64: line breaks, which base64 ignores, and the slash."""
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


def _unit(data: bytes, at: int) -> tuple[bytes | None, int]:
    """One character of `data` at `at`, decoded, and its width; no character if it is cut short."""
    first = data[at : at + 1]
    if first == b"%":
        end = at + 1
        while data[end : end + 2] == b"25":
            end += 2
        return _digits(data, at, end, b"%")
    if first == b"\\":
        end = at
        while data[end : end + 1] == b"\\":
            end += 1
        lead = data[end : end + 3]
        if lead == b"u00":
            return _digits(data, at, end + 3, b"\\")
        return (None, 1) if b"u00".startswith(lead) else _SHORT.get(lead[:1], (first, 1))
    if first in (b"\r", b"\n"):
        return b"", 1
    return first, 1


def _digits(data: bytes, at: int, digits: int, otherwise: bytes) -> tuple[bytes | None, int]:
    pair = data[digits : digits + 2]
    if not _HEX.issuperset(pair):
        return otherwise, 1
    if len(pair) < 2:
        return None, 1
    return bytes([int(pair, 16)]), digits + 2 - at
