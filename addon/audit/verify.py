"""Check a log: that every line is what was written, that none is missing between two others, and that
what stands there is what its checkpoints were made of.

What this cannot show without a checkpoint kept elsewhere is said in every result (`claims.LIMITS`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wharfinger.audit import leaves, published
from wharfinger.audit.chain import GENESIS, LINE_LIMIT, Broken, Walk, leaf_of
from wharfinger.audit.claims import LIMITS, Claims, Failure, Findings
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder, segment_name
from wharfinger.audit.merkle import Tree
from wharfinger.audit.notes import PublicKey, Signed
from wharfinger.audit.published import Position

__all__ = ["LIMITS", "Asked", "Failure", "Verification", "verify"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found."""

    events: int
    """Lines read."""
    files: int
    log: str
    first: int
    """Sequence number of the first event that is kept, or that was read."""
    head: str
    """SHA-256 of the last line: compare it with one noted elsewhere."""
    size: int
    """Events up to the last one read, from the first there ever was."""
    root: str
    """Merkle root over all of them, in hex; empty where it cannot be told."""
    checkpoints: int
    """How many checkpoints were compared with the log."""
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be checked, and against what."""

    first: int = 0
    """Sequence number of the first event that matters."""
    last: int | None = None
    """And of the last one; None for the end."""
    outside: Sequence[tuple[str, Signed]] = ()
    """Checkpoints kept elsewhere, each with the name of the file it came from."""
    key: PublicKey | None = None
    """What signatures are checked with; None for the key in the folder."""


def verify(
    path: Path, asked: Asked | None = None, *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Read and check the book in `path`; `progress` is told bytes done and bytes in all.

    May run while the book is written: it stops at the length that was durable when it began.
    """
    folder = Folder.open(path)
    try:
        return _Verifier(folder, asked or Asked(), progress).run()
    finally:
        folder.close()


class _Verifier:
    def __init__(self, folder: Folder, asked: Asked, progress: Callable[[int, int], None] | None) -> None:
        self.folder = folder
        self.asked = asked
        self.progress = progress
        self.findings = Findings()
        self.walk = Walk()
        self.tree: Tree | None = None
        """Of everything before the next line; None where that cannot be told."""
        self.events = 0
        self.first: int | None = None
        self.done = 0
        self.total = 0

    def run(self) -> Verification:
        self.claims = Claims(self.folder, self.asked.outside, self.asked.key, self.findings)
        position = self._published()
        numbers = self._chosen(self.folder.segments(), position)
        self.total = sum(self._size(number) for number in numbers)
        for number in numbers:
            if not self._enough():
                self._file(number, position)
        if position is not None and self.walk.log not in (None, position.log):
            self.findings.fail(published.NAME, 0, "it is of another log")
        self.claims.left_over(self.walk.seq or 0, to_the_end=not self._enough())
        return Verification(
            events=self.events,
            files=len(numbers),
            log=self.walk.log or "",
            first=self.first or 0,
            head=self.walk.prev or "",
            size=self.walk.seq or 0,
            root=self.tree.root().hex() if self.tree is not None else "",
            checkpoints=self.claims.compared,
            failures=tuple(self.findings.failures),
            notes=tuple(self.findings.notes),
        )

    def _enough(self) -> bool:
        """Whether all that was asked for has been read, and a checkpoint after it if there is one."""
        last = self.asked.last
        return last is not None and (self.walk.seq or 0) >= self.claims.after(last)

    def _published(self) -> Position | None:
        try:
            position = published.read(self.folder)
        except (OSError, BookDamaged) as error:
            self.findings.fail(
                published.NAME, 0, getattr(error, "reason", None) or f"it cannot be read: {error}"
            )
            return None
        if position is None:
            self.findings.note("no length was published: the last file was read to its end")
        elif self.claims.last > position.seq:  # a loss of power may leave an old length
            self.findings.note("the published length is older than a checkpoint: the last file was read on")
            return None
        return position

    def _size(self, number: int) -> int:
        return os.stat(segment_name(number), dir_fd=self.folder.fd, follow_symlinks=False).st_size

    def _chosen(self, numbers: list[int], position: Position | None) -> list[int]:
        """The files to read. Every file between the first and the published one is there."""
        last = max([*numbers[-1:], *([position.segment] if position else [])], default=0)
        first = numbers[0] if numbers else 1
        for missing in sorted(set(range(first, last + 1)) - set(numbers)):
            self.findings.fail(segment_name(missing), 0, "it is gone")
        start = self._start(numbers)
        if start == 1:
            self.walk, self.tree = Walk(seq=0, prev=GENESIS), Tree()
        elif start == first:
            self.findings.note(f"events are kept from '{segment_name(first)}' on, of those before the hashes")
            self._removed(first)
        return [number for number in numbers if number >= start]

    def _start(self, numbers: list[int]) -> int:
        """The last file that begins at or before the first event that matters."""
        start = numbers[0] if numbers else 1
        for number in numbers if self.asked.first else ():
            begins = self._begins(number)
            if begins is not None and begins <= self.asked.first:
                start = number
        return start

    def _begins(self, number: int) -> int | None:
        try:
            fd = self.folder.open_file(segment_name(number), os.O_RDONLY)
        except (OSError, BookDamaged):
            return None
        with os.fdopen(fd, "rb") as file:
            try:
                seq = Walk().step(file.readline(LINE_LIMIT).removesuffix(b"\n"), number, True)["seq"]
            except Broken:
                return None
        return int(seq)

    def _removed(self, first: int) -> None:
        """Take up the leaf hashes of the files that were removed before the first that is kept."""
        tree, log = Tree(), None
        for number in range(1, first):
            try:
                kept = leaves.removed(self.folder, number)
            except FileNotFoundError:
                self.findings.fail(segment_name(number), 0, "it is gone, and its leaf hashes with it")
                return
            except BookDamaged as damaged:
                self.findings.fail(leaves.leaves_name(number), 0, damaged.reason)
                return
            if kept.first != tree.size or (log is not None and kept.log != log):
                self.findings.fail(leaves.leaves_name(number), 0, "it does not continue the one before")
                return
            for leaf in kept.leaves:
                tree.append(leaf)
                self.claims.compare(tree, kept.log)
            log = kept.log
        self.walk, self.tree = Walk(seq=tree.size, log=log), tree

    def _file(self, number: int, position: Position | None) -> None:
        name = segment_name(number)
        current = position is not None and number == position.segment
        end = position.length if position is not None and current else None
        if position is not None and number > position.segment:
            self.findings.note(f"'{name}' is not published: it is checked when the book is opened again")
            return
        try:
            fd = self.folder.open_file(name, os.O_RDONLY)
        except (OSError, BookDamaged) as error:
            self.findings.fail(name, 0, getattr(error, "reason", None) or f"it cannot be read: {error}")
            self.walk, self.tree = Walk(log=self.walk.log), None
            return
        offset = line = 0
        with os.fdopen(fd, "rb", buffering=1024 * 1024) as file:
            while (end is None or offset < end) and (stored := file.readline(LINE_LIMIT + 2)):
                line += 1
                offset += len(stored)
                self._line(name, number, line, stored)
                if self._enough():
                    return
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
            self.findings.fail(name, line, str(broken))
            self.walk.resume(whole)
            self.tree = None
            return
        self.first = members["seq"] if self.first is None else self.first
        if line == 1:
            self._header(name, members)
        if self.tree is not None:
            self.tree.append(leaf_of(whole))
            self.claims.compare(self.tree, self.walk.log)

    def _header(self, name: str, members: dict[str, Any]) -> None:
        """The tree that a file says it continues is the one that is there."""
        told = leaves.told_by(members)
        if self.tree is None:
            self.tree = told
        elif "tree" in members and (told is None or told.full != self.tree.full):
            self.findings.fail(name, 1, "its header tells of other events before it than are there")

    def _ends(self, name: str, line: int, offset: int, beyond: int, position: Position) -> None:
        if offset < position.length:
            what = f"it ends at byte {offset} of {position.length}: events were cut off the end"
            self.findings.fail(name, 0, what)
        elif (offset, self.walk.seq, self.walk.prev) != (position.length, position.seq, position.prev):
            self.findings.fail(name, line, "the log does not end as it was published: it was rewritten")
        elif beyond > 0:
            self.findings.note(f"{beyond} bytes behind the published end of '{name}' are not checked")
