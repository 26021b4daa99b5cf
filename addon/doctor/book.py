"""Checks of the book: that its end is as it was written, and that it takes events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wharfinger.audit import reader
from wharfinger.audit.chain import Broken, Walk
from wharfinger.audit.reader import Record
from wharfinger.doctor.findings import Finding, fail, ok

LAST = 1000
"""How many events of the end are checked; `audit verify` checks all."""


def end_of_book(folder: Path) -> Iterator[Finding]:
    """The last events: each its own bytes, each following the one before."""
    if not folder.is_dir():
        yield ok("book", "there is none yet")
        return
    records = reader.tail(folder, LAST)
    walk, wrong = Walk(), 0
    for record in records:
        try:
            walk.step(record.line, _number(record), b'"kind":"segment"' in record.line[:400])
        except Broken as broken:
            wrong += 1
            yield fail("book", f"{record.file}: {broken}", "wharfinger audit verify tells all; keep a copy")
            walk.resume(record.line)
        if wrong == 5:
            return
    if not wrong:
        yield ok("book", f"the last {len(records)} events are as they were written")


def _number(record: Record) -> int:
    digits = "".join(character for character in record.file if character.isdigit())
    return int(digits or 0)
