"""How far the book is durable, for readers in other processes: one short record in the file `book.head`.

The writer overwrites it in place after each fdatasync of a segment. It is not synced itself (that would
double the cost of every event), so after a loss of power it may be old; it is never ahead of the log.
What lies beyond it in the last file was written by a process that ended before it could answer for it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder

NAME = "book.head"
SIZE = 256
"""Bytes of the record: JSON, blanks and a newline."""

_ATTEMPTS = 40
_PAUSE = 0.0005


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log: everything before it is durable."""

    log: str
    segment: int
    length: int
    """Bytes of that segment's file."""
    seq: int
    """Sequence number of the next event."""
    prev: str
    """SHA-256 of the last line."""

    def record(self) -> bytes:
        """The stored form, `SIZE` bytes long."""
        body = b'{"version":1,"log":"%b","segment":%d,"length":%d,"seq":%d,"prev":"%b"' % (
            self.log.encode(),
            self.segment,
            self.length,
            self.seq,
            self.prev.encode(),
        )
        return (body + b',"check":"%b"}' % _check(body)).ljust(SIZE - 1) + b"\n"


def _check(body: bytes) -> bytes:
    return sha256(body).hexdigest()[:16].encode()


def parse(data: bytes) -> Position | None:
    """The position in a stored record; None where it is not one, to the last byte."""
    try:
        found: dict[str, Any] = orjson.loads(data)
        position = Position(found["log"], found["segment"], found["length"], found["seq"], found["prev"])
        return position if position.record() == data else None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return None


def read(folder: Folder) -> Position | None:
    """The published position; None where none was published.

    A record that is being overwritten is read again; one that stays unreadable is `BookDamaged`.
    """
    try:
        fd = folder.open_file(NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        for _ in range(_ATTEMPTS):
            data = os.pread(fd, SIZE + 1, 0)
            if not data.strip(b"\x00"):  # a file system may leave zeros where power was lost
                return None
            if (position := parse(data)) is not None:
                return position
            time.sleep(_PAUSE)
    finally:
        os.close(fd)
    raise BookDamaged(
        f"'{folder.path / NAME}' was changed: its checksum is wrong",
        "it only tells readers how far the log is durable: move it away, after `audit verify`",
    )
