"""The leaf hashes of a log, in order: from its files, or from what is kept of files that were removed.

When a file of the log is removed by age its leaf hashes stay, in `book-000001.leaves`: a first line of JSON
that says which file it was, then one hash a line. With them every proof can still be made and checked.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from wharfinger.audit import published
from wharfinger.audit.chain import LINE_LIMIT, Broken, leaf_of
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder, segment_name
from wharfinger.audit.merkle import Tree


def leaves_name(number: int) -> str:
    """File of the leaf hashes of the log's part `number`."""
    return f"book-{number:06d}.leaves"


@dataclass(frozen=True, slots=True)
class Removed:
    """What is kept of a file that was removed."""

    log: str
    segment: int
    first: int
    """Sequence number of its first event."""
    leaves: tuple[bytes, ...]

    def stored(self) -> bytes:
        """The file's content."""
        head = {"version": 1, "log": self.log, "segment": self.segment, "first": self.first,
                "count": len(self.leaves)}  # fmt: skip
        return b"".join([orjson.dumps(head), b"\n", *(leaf.hex().encode() + b"\n" for leaf in self.leaves)])


def removed(folder: Folder, number: int) -> Removed:
    """What is kept of file `number`; FileNotFoundError where nothing is, `BookDamaged` if it was changed."""
    fd = folder.open_file(leaves_name(number), os.O_RDONLY)
    with os.fdopen(fd, "rb") as file:
        data = file.read()
    first, *lines = data.split(b"\n")
    try:
        head = orjson.loads(first)
        hashes = tuple(bytes.fromhex(line.decode("ascii")) for line in lines[:-1])
        found = Removed(head["log"], head["segment"], head["first"], hashes)
        good = found.stored() == data and found.segment == number
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        good = False
    if not good:
        raise BookDamaged(f"'{folder.path / leaves_name(number)}' was changed: it is not what was kept")
    return found


def kept(folder: Folder) -> list[int]:
    """Numbers of the removed files whose leaf hashes are there, in order."""
    return folder.numbers(".leaves")


def leaf_hashes(folder: Folder) -> Iterator[bytes]:
    """The leaf hash of every durable event from the first on, removed ones too.

    Raises `BookDamaged` where a file is missing, or a line is none.
    """
    position = published.read(folder)
    numbers = folder.segments()
    last = position.segment if position is not None else (numbers[-1] if numbers else 0)
    for number in range(1, last + 1):
        if number in numbers:
            end = position.length if position is not None and number == last else None
            yield from _of_segment(folder, number, end)
            continue
        try:
            yield from removed(folder, number).leaves
        except FileNotFoundError:
            raise BookDamaged(
                f"'{folder.path / segment_name(number)}' is gone, and its leaf hashes with it",
                "proofs need the hash of every event since the first",
            ) from None


def _of_segment(folder: Folder, number: int, end: int | None) -> Iterator[bytes]:
    fd = folder.open_file(segment_name(number), os.O_RDONLY)
    with os.fdopen(fd, "rb", buffering=1024 * 1024) as file:
        while (end is None or file.tell() < end) and (line := file.readline(LINE_LIMIT + 2)):
            try:
                yield leaf_of(line.removesuffix(b"\n"))
            except Broken as broken:
                where = folder.path / segment_name(number)
                raise BookDamaged(f"'{where}': {broken}", "run `wharfinger audit verify`") from None


def before(folder: Folder, number: int, header: Mapping[str, Any]) -> Tree:
    """The tree of all events before file `number`, as its header tells it, or else read from those files."""
    if number == 1:
        return Tree()
    if (told := told_by(header)) is not None:
        return told
    tree, first = Tree(), header.get("seq")
    if isinstance(first, int):
        for leaf in itertools.islice(leaf_hashes(folder), first):
            tree.append(leaf)
    if tree.size != first:
        raise BookDamaged(f"'{folder.path / segment_name(number)}' does not tell where it begins")
    return tree


def told_by(header: Mapping[str, Any]) -> Tree | None:
    """The tree that a file's header says was there before it; None where it does not."""
    try:
        return Tree(header["seq"], [bytes.fromhex(part) for part in header["tree"]])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
