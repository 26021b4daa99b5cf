"""Check a whole log: that every line is what was written, and that none is missing between two others.

What it cannot show without a checkpoint kept elsewhere is said in every result (`LIMITS`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wharfinger.audit import published
from wharfinger.audit.chain import GENESIS, LINE_LIMIT, Broken, Walk
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder, segment_name
from wharfinger.audit.published import Position

LIMITS = (
    "without a checkpoint kept elsewhere this proves nothing against whoever can write the folder: "
    "events cut off the end, or a log written anew, cannot be told from the log that was kept"
)

MOST_FAILURES = 100
"""More than these are not listed one by one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as it was written."""

    file: str
    line: int
    """From 1; 0 where it is about the file."""
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found."""

    events: int
    """Lines read."""
    files: int
    log: str
    first: int
    """Sequence number of the first event that is kept."""
    head: str
    """SHA-256 of the last line: compare it with one noted elsewhere."""
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.failures


def verify(path: Path, *, progress: Callable[[int, int], None] | None = None) -> Verification:
    """Read and check the whole book in `path`; `progress` is told bytes done and bytes in all.

    May run while the book is written: it stops at the length that was durable when it began.
    """
    folder = Folder.open(path)
    try:
        return _Verifier(folder, progress).run()
    finally:
        folder.close()


class _Verifier:
    def __init__(self, folder: Folder, progress: Callable[[int, int], None] | None) -> None:
        self.folder = folder
        self.progress = progress
        self.failures: list[Failure] = []
        self.notes: list[str] = [LIMITS]
        self.walk = Walk()
        self.events = 0
        self.first: int | None = None
        self.done = 0
        self.total = 0

    def run(self) -> Verification:
        position = self._published()
        numbers = self.folder.segments()
        self.total = sum(self._size(number) for number in numbers)
        self._present(numbers, position)
        for number in numbers:
            self._file(number, position)
        if position is not None and self.walk.log not in (None, position.log):
            self._fail(published.NAME, 0, "it is of another log")
        return Verification(
            events=self.events,
            files=len(numbers),
            log=self.walk.log or "",
            first=self.first or 0,
            head=self.walk.prev or "",
            failures=tuple(self.failures),
            notes=tuple(self.notes),
        )

    def _fail(self, file: str, line: int, what: str) -> None:
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(Failure(file, line, what))
        elif len(self.failures) == MOST_FAILURES:
            self.failures.append(Failure(file, line, "from here on, more is wrong than is listed"))

    def _published(self) -> Position | None:
        try:
            position = published.read(self.folder)
        except BookDamaged as damaged:
            self._fail(published.NAME, 0, damaged.reason)
            return None
        if position is None:
            self.notes.append("no length was published: the last file was read to its end")
        return position

    def _size(self, number: int) -> int:
        return os.stat(segment_name(number), dir_fd=self.folder.fd, follow_symlinks=False).st_size

    def _present(self, numbers: list[int], position: Position | None) -> None:
        """Every file between the first and the published one is there; the walk begins at the first."""
        last = max([*numbers[-1:], *([position.segment] if position else [])], default=0)
        first = numbers[0] if numbers else 1
        for missing in sorted(set(range(first, last + 1)) - set(numbers)):
            self._fail(segment_name(missing), 0, "it is gone")
        if first == 1:
            self.walk = Walk(seq=0, prev=GENESIS)
        else:
            self.notes.append(
                f"the log is kept from '{segment_name(first)}' on: what was before is not checked"
            )

    def _file(self, number: int, position: Position | None) -> None:
        name = segment_name(number)
        current = position is not None and number == position.segment
        end = position.length if position is not None and current else None
        if position is not None and number > position.segment:
            self.notes.append(f"'{name}' is not published: it is checked when the book is opened again")
            return
        try:
            fd = self.folder.open_file(name, os.O_RDONLY)
        except (OSError, BookDamaged) as error:
            self._fail(name, 0, getattr(error, "reason", None) or f"it cannot be read: {error}")
            self.walk = Walk(log=self.walk.log)
            return
        offset = line = 0
        with os.fdopen(fd, "rb", buffering=1024 * 1024) as file:
            while (end is None or offset < end) and (stored := file.readline(LINE_LIMIT + 2)):
                line += 1
                offset += len(stored)
                self._line(name, number, line, stored)
            beyond = os.fstat(file.fileno()).st_size - offset
        if position is not None and current:
            self._ends(name, line, offset, beyond, position)

    def _line(self, name: str, number: int, line: int, stored: bytes) -> None:
        self.events += 1
        self.done += len(stored)
        if self.progress is not None and (self.events & 1023 == 0 or self.done == self.total):
            self.progress(self.done, self.total)
        whole = stored.removesuffix(b"\n")
        try:
            if whole == stored:
                raise Broken("it is not a whole line")
            members = self.walk.step(whole, number, line == 1)
        except Broken as broken:
            self._fail(name, line, str(broken))
            self.walk.resume(whole)
        else:
            self.first = members["seq"] if self.first is None else self.first

    def _ends(self, name: str, line: int, offset: int, beyond: int, position: Position) -> None:
        if offset < position.length:
            what = f"it ends at byte {offset} of {position.length}: events were cut off the end"
            self._fail(name, 0, what)
        elif (offset, self.walk.seq, self.walk.prev) != (position.length, position.seq, position.prev):
            self._fail(name, line, "the log does not end as it was published: it was rewritten")
        elif beyond > 0:
            self.notes.append(f"{beyond} bytes behind the published end of '{name}' are not checked")
