"""Where forms may begin in a text: one pass for the beginnings of all of them, by Hyperscan.

Measured with 200 secrets and their 60,000 forms (scripts/bench/redact.py): RE2 takes 2 ns for a byte of
JSON and 8 for one of base64, Aho-Corasick 3 and 10, Hyperscan 0.5, which is what leaves the decoding of gzip
the greater part. Whole forms would be a thousand times the beginnings, and are compared where one is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import hyperscan

HEAD: Final = 8
"""Bytes of each form that are looked for; more cost time to build, fewer are met in other text."""


type Database = hyperscan.Database
"""Patterns, ready to be searched for."""
type Meet = Callable[[int, int, int, int, object], bool | None]
"""What is called for each match: its pattern's number, …, where it ends, …; true ends the search."""


class Heads:
    """The first `HEAD` bytes of every form, or all of a shorter one, ready to be looked for."""

    __slots__ = ("_database", "_lengths")

    def __init__(self, forms: Iterable[bytes]) -> None:
        heads = sorted({form[:HEAD] for form in forms})
        self._lengths = [len(head) for head in heads]
        self._database = _compiled(heads) if heads else None

    def starts(self, data: bytes) -> list[int]:
        """Every place where a form may begin, in order."""
        if self._database is None or not data:
            return []
        met: list[int] = []
        lengths = self._lengths

        def meet(number: int, _from: int, end: int, _flags: int, _context: object) -> None:
            met.append(end - lengths[number])

        scan(self._database, data, meet, met.clear)
        return sorted(met) if met else met


def _compiled(heads: list[bytes]) -> hyperscan.Database:
    """Patterns of escaped bytes: the interface for literals cannot be given a zero byte."""
    return compiled([b"".join(b"\\x%02x" % byte for byte in head) for head in heads])


def compiled(expressions: list[bytes]) -> hyperscan.Database:
    """Patterns that are searched for together."""
    database = hyperscan.Database()
    count = len(expressions)
    database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=[0] * count)
    return database


def scan(database: hyperscan.Database, data: bytes, meet: Meet, forget: Callable[[], None]) -> None:
    """Call `meet` for all that is met in `data`; `forget` says that it begins anew."""
    with suppress(hyperscan.ScanTerminated):
        try:
            database.scan(data, match_event_handler=meet)
        except hyperscan.ScratchInUseError:  # another thread is searching
            forget()
            database.scan(data, match_event_handler=meet, scratch=hyperscan.Scratch(database))
