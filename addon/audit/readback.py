"""The log read back from its files, as far as it is durable, and the Merkle tree over what was found there.

A checkpoint is signed over what stands in the files, not over what was meant to be written. So each line
is read again, must give its own leaf hash, and must stand where its number and the line before put it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson
from wharfinger.audit.chain import GENESIS, LINE_LIMIT, VERSION, Broken, body_of, leaf_of, link
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder, segment_name
from wharfinger.audit.leaves import before
from wharfinger.audit.merkle import Tree
from wharfinger.audit.published import Position

_BLOCK = 1024 * 1024
_HINT = "nothing is sent until this is looked into: keep a copy, run `wharfinger audit verify`"


class ReadBack:
    """Follows the log. One thread uses it; another writes."""

    def __init__(self, folder: Folder, number: int) -> None:
        """Begin at the head of file `number`. Raises `BookDamaged` where what was before cannot be told."""
        self._folder = folder
        self.number = number
        self.offset = 0
        self._fd = -1
        header = _header(folder, number)
        self.prev: str = header.get("prev", GENESIS)
        self.tree = before(folder, number, header)

    @classmethod
    def begin(cls, folder: Folder) -> ReadBack:
        """The beginning of a log that has no line yet."""
        made = cls.__new__(cls)
        made._folder, made.number, made.offset, made._fd = folder, 1, 0, -1
        made.prev, made.tree = GENESIS, Tree()
        return made

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def advance(self, position: Position, mark: int = 0) -> Iterator[int]:
        """Read on to `position`; `BookDamaged` where the log is not as it was written.

        Stops after event number `mark`, at the end of each file, and at the end, giving the file's number:
        `tree` is then that of everything up to there.
        """
        while self.number < position.segment:
            yield from self._file(None, mark)
            yield self.number
            self.close()
            self.number, self.offset = self.number + 1, 0
        yield from self._file(position.length, mark)
        if (self.tree.size, self.prev) != (position.seq, position.prev):
            self._damaged("it does not end as it was written")
        yield self.number

    def sync(self) -> None:
        """Make durable what was read: for a book whose writer does not."""
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def _file(self, end: int | None, mark: int) -> Iterator[int]:
        """The lines up to byte `end`, or all of a finished file."""
        if self._fd < 0:
            try:
                self._fd = self._folder.open_file(segment_name(self.number), os.O_RDONLY)
            except FileNotFoundError:
                self._damaged("it is gone")
        end = os.fstat(self._fd).st_size if end is None else end
        rest = b""
        at = self.offset
        while at < end:
            block = os.pread(self._fd, min(_BLOCK, end - at), at)
            if not block:
                self._damaged(f"it ends before byte {end}")
            at += len(block)
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for line in lines:
                self._line(line)
                if self.tree.size == mark:
                    yield self.number
            if len(rest) > LINE_LIMIT:
                break
        if rest:
            self._damaged("a line of it has no end")

    def _line(self, line: bytes) -> None:
        start = b'{"version":%d,"seq":%d,"prev":"%b",' % (VERSION, self.tree.size, self.prev.encode())
        try:
            body_of(line)
            if not line.startswith(start):
                raise Broken("it does not follow the line before it")
        except Broken as broken:
            self._damaged(f"event {self.tree.size}: {broken}")
        self.tree.append(leaf_of(line))
        self.prev = link(line)
        self.offset += len(line) + 1

    def _damaged(self, what: str) -> NoReturn:
        name = self._folder.path / segment_name(self.number)
        raise BookDamaged(f"'{name}' does not read back as it was written: {what}", _HINT)


def _header(folder: Folder, number: int) -> dict[str, Any]:
    """The members of a file's first line; none where it cannot be read, which reading on will tell."""
    try:
        fd = folder.open_file(segment_name(number), os.O_RDONLY)
    except FileNotFoundError:
        return {}
    try:
        data = os.pread(fd, LINE_LIMIT, 0)
    finally:
        os.close(fd)
    try:
        found = orjson.loads(data.partition(b"\n")[0])
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
