"""Open a log that may have been left in the middle of a write, and say what was lost.

Only what was never answered for may go: the part of the last file behind its published length that does
not continue the chain (a torn line, or what a loss of power left of a batch). Anything wrong before that
is damage, and the book is not continued.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from wharfinger.audit import published
from wharfinger.audit.chain import GENESIS, LINE_LIMIT, Broken, Walk, leaf_of, link
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.event import EventKind
from wharfinger.audit.folder import Folder, System, segment_name
from wharfinger.audit.leaves import before as tree_before
from wharfinger.audit.merkle import Tree
from wharfinger.audit.published import Position

MOST_DROPPED = 2 * 1024 * 1024
"""More than the writer syncs at a time was not lost by a crash."""

_HINT = "run `wharfinger audit verify`; to begin a new log, move the whole folder away and keep it"


@dataclass(slots=True)
class Tail:
    """Where a log is continued."""

    position: Position | None
    """None where there is no log yet."""
    open: dict[str, str] = field(default_factory=dict)
    """Decision ids of intents without an outcome → their agent."""
    tree: Tree = field(default_factory=Tree)
    """Of all events before that place."""
    began: datetime | None = None
    """When its last file was begun."""
    dropped: list[tuple[str, int, str]] = field(default_factory=list)
    """What was cut off: file, bytes, SHA-256 of them."""


def recover(folder: Folder, system: System) -> Tail:
    """Check the last file against its predecessor and the published length, and mend its torn end."""
    position = published.read(folder)
    numbers = folder.segments()
    _complete(folder, numbers, position)
    tail = Tail(None)
    while numbers:
        number = numbers.pop()
        end = _Segment(folder, number, position)
        end.read(_link_of(folder, numbers[-1]) if numbers else None, tail)
        if end.good:
            end.mend(system, tail)
            tail.position = end.position
            return tail
        end.discard(system, tail)  # made by a rotation that did not get as far as its header
    return tail


def _complete(folder: Folder, numbers: list[int], position: Position | None) -> None:
    if position is not None and (not numbers or numbers[-1] < position.segment):
        raise BookDamaged(f"'{folder.path / segment_name(position.segment)}' is gone", _HINT)
    for before, after in itertools.pairwise(numbers):
        if after != before + 1:
            raise BookDamaged(f"'{folder.path / segment_name(before + 1)}' is gone", _HINT)


def _link_of(folder: Folder, number: int) -> str:
    """SHA-256 of the last line of a finished file."""
    fd = folder.open_file(segment_name(number), os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        data = os.pread(fd, LINE_LIMIT, max(0, size - LINE_LIMIT))
    finally:
        os.close(fd)
    return link(data.removesuffix(b"\n").rpartition(b"\n")[2])


class _Segment:
    """The last file of a log, as it was found."""

    def __init__(self, folder: Folder, number: int, position: Position | None) -> None:
        self.folder = folder
        self.number = number
        self.name = segment_name(number)
        self.path = folder.path / self.name
        self.published = position
        self.floor = 0
        """Bytes that were published as durable."""
        if position is not None and position.segment == number:
            self.floor = position.length
        self.good = 0
        """Bytes that continue the chain."""
        self.rest = b""
        self.position: Position | None = None

    def read(self, before: str | None, tail: Tail) -> None:
        fd = self.folder.open_file(self.name, os.O_RDONLY)
        with os.fdopen(fd, "rb") as file:
            data = file.read()
        walk = Walk(prev=before if self.number > 1 else GENESIS, seq=0 if self.number == 1 else None)
        line, trouble = 0, ""
        while (end := data.find(b"\n", self.good)) >= 0:
            line, start = line + 1, self.good
            try:
                members = walk.step(data[start:end], self.number, start == 0)
            except Broken as broken:
                trouble = f"line {line}: {broken}"
                break
            if start == 0:
                tail.tree = tree_before(self.folder, self.number, members)
                tail.began = datetime.fromisoformat(members["time"])
            tail.tree.append(leaf_of(data[start:end]))
            _follow(tail.open, members)
            self.good = end + 1
            if self.good >= self.floor > start:
                self._same(walk)
        self.rest = data[self.good :]
        self._judge(trouble or f"it ends within line {line + 1}", walk.log)
        if self.good:
            self.position = Position(
                str(walk.log), self.number, self.good, int(walk.seq or 0), str(walk.prev)
            )

    def _same(self, walk: Walk) -> None:
        """At the published length, the log is the published one."""
        found = self.published
        here = (walk.log, self.good, walk.seq, walk.prev)
        if found is not None and (found.log, found.length, found.seq, found.prev) != here:
            raise BookDamaged(f"'{self.path}' is not the log that was published: it was rewritten", _HINT)

    def _judge(self, trouble: str, log: str | None) -> None:
        other = self.published is not None and self.good and self.published.log != log
        if self.good < self.floor or other:
            trouble = "it is of another log" if other else trouble
            raise BookDamaged(f"'{self.path}' was changed or cut off: {trouble}", _HINT)
        lines = b"\n" in self.rest
        if len(self.rest) > MOST_DROPPED or (lines and (self.published is None or not self.good)):
            raise BookDamaged(f"'{self.path}' was changed: {trouble}", _HINT)

    def mend(self, system: System, tail: Tail) -> None:
        """Cut the torn end off, and write what was never published again.

        Its pages may have been in memory only, and marked clean by an fdatasync that failed: written
        again, they are part of the next one.
        """
        fd = self.folder.open_file(self.name, os.O_RDWR)
        try:
            if self.rest:
                os.ftruncate(fd, self.good)
                self._note(tail)
            again = os.pread(fd, self.good - self.floor, self.floor)
            while again:
                done = system.pwrite(fd, again, self.good - len(again))
                again = again[done:]
            system.fdatasync(fd)
        finally:
            os.close(fd)

    def discard(self, system: System, tail: Tail) -> None:
        """Remove a file that has no header."""
        self._note(tail)
        os.unlink(self.name, dir_fd=self.folder.fd)
        system.fsync(self.folder.fd)

    def _note(self, tail: Tail) -> None:
        tail.dropped.append((self.name, len(self.rest), sha256(self.rest).hexdigest()))


def _follow(waiting: dict[str, str], members: dict[str, object]) -> None:
    """Keep the table of intents that have no outcome yet."""
    kind, decision = members.get("kind"), str(members.get("decision", ""))
    if kind == EventKind.SEGMENT:
        carried = members.get("open")
        waiting.clear()
        waiting.update(carried if isinstance(carried, dict) else {})
    elif kind == EventKind.INTENT:
        waiting[decision] = str(members.get("agent", ""))
    elif kind == EventKind.OUTCOME:
        waiting.pop(decision, None)
