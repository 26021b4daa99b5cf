"""Where recorded calls are read from: the book of a data folder, or a file that was exported from one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from wharfinger.audit import reader
from wharfinger.audit.chain import LINE_LIMIT
from wharfinger.audit.reader import Query, Record
from wharfinger.faults import Fault
from wharfinger.replaying.recorded import decided


class NotReadable(Fault):
    """A file of events that cannot be read."""


def events(book: Path | None, file: Path | None, since: datetime | None) -> Iterator[Record]:
    """The event that decided each recorded request, oldest first. Raises `NotReadable`."""
    records = _lines(file) if file is not None else reader.records(book) if book is not None else iter(())
    query = Query(since=since)
    return decided(record for record in records if since is None or query.matches(record))


def _lines(file: Path) -> Iterator[Record]:
    try:
        with file.open("rb") as opened:
            number = 0
            while line := opened.readline(LINE_LIMIT + 1):
                number += 1
                if len(line) > LINE_LIMIT:
                    raise NotReadable(f'"{file}" line {number} is too long to be an event', "")
                if stripped := line.strip():
                    yield Record(stripped, file.name, number)
    except OSError as error:
        raise NotReadable(f'"{file}" cannot be read: {(error.strerror or "unknown").lower()}', "") from error
