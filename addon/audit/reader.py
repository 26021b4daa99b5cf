"""Read the book while it is written: only what is durable, in the order in which it was taken.

Nothing is verified here beyond being an event; see `verify`.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from wharfinger.audit import published
from wharfinger.audit.chain import LINE_LIMIT
from wharfinger.audit.errors import BookDamaged, BookUnavailable
from wharfinger.audit.folder import Folder, segment_name

_BLOCK = 256 * 1024


@dataclass(frozen=True)
class Record:
    """A stored event."""

    line: bytes
    """As stored, without the newline."""
    file: str
    number: int
    """Line of the file, from 1; 0 where it was read from the end."""
    offset: int = -1
    """Its first byte in the file; -1 where that is not known."""

    @cached_property
    def members(self) -> Mapping[str, Any]:
        """The event as a mapping, as `docs/audit-format.md` describes it."""
        try:
            found = orjson.loads(self.line)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            where = f"'{self.file}' line {self.number}" if self.number else f"a line of '{self.file}'"
            raise BookDamaged(f"{where} is not an event", "run `wharfinger audit verify`")
        return found

    @property
    def seq(self) -> int:
        """Its place in the log."""
        return int(self.members["seq"])

    @property
    def kind(self) -> str:
        """What it tells of: an `EventKind`, or one of a later version."""
        return str(self.members["kind"])

    @property
    def time(self) -> datetime:
        """The wall clock when it was taken."""
        return datetime.fromisoformat(self.members["time"])

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools called."""
        return tuple(call["tool"] for call in self.members.get("calls", ()))


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for; all that is given must hold."""

    agent: str | None = None
    tool: str | None = None
    verdict: str | None = None
    kind: str | None = None
    since: datetime | None = None
    """From then on; aware."""
    until: datetime | None = None
    """Before then; aware."""
    text: str | None = None
    """Anywhere in the event, whatever its case."""

    def matches(self, record: Record) -> bool:
        """Whether an event is one of those searched for."""
        members = record.members
        return (
            (self.agent is None or self.agent in (members.get("agent"), members.get("agent_id")))
            and (self.tool is None or self.tool in record.tools)
            and (self.verdict is None or members.get("verdict") == self.verdict)
            and (self.kind is None or members.get("kind") == self.kind)
            and (self.since is None or record.time >= self.since)
            and (self.until is None or record.time < self.until)
            and (self.text is None or _holds(members, self.text.casefold()))
        )


def _holds(value: Any, text: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(key, text) or _holds(part, text) for key, part in value.items())
    if isinstance(value, list):
        return any(_holds(part, text) for part in value)
    return text in str(value).casefold()


def records(path: Path) -> Iterator[Record]:
    """All durable events of the book in `path`, oldest first."""
    reader = _Reader(path)
    try:
        yield from reader.new()
    finally:
        reader.close()


def search(path: Path, query: Query) -> Iterator[Record]:
    """The durable events that `query` matches, oldest first."""
    return (record for record in records(path) if query.matches(record))


def show(path: Path, reference: str) -> list[Record]:
    """All events of one decision (`d_…`), approval (`a_…`), or event (`e_…` or its sequence number).

    An event that belongs to a decision brings the others of that decision along.
    """
    wanted = {reference}
    if not reference.startswith("d_"):
        for record in records(path):
            if reference in _names(record) and (decision := record.members.get("decision")):
                wanted.add(decision)
    return [record for record in records(path) if wanted & _names(record)]


def _names(record: Record) -> set[str]:
    found = (record.members.get(name) for name in ("decision", "approval", "id"))
    return {str(record.seq), *(name for name in found if name), *record.members.get("decisions", ())}


def tail(path: Path, count: int) -> list[Record]:
    """The last `count` durable events, oldest first, without reading the whole book."""
    folder = Folder.open(path)
    found: deque[Record] = deque()
    try:
        position = published.read(folder)
        for number in reversed(folder.segments()):
            if position is not None and number > position.segment:
                continue
            end = position.length if position is not None and number == position.segment else None
            for line in _backwards(folder, number, end):
                if len(found) == count:
                    return list(found)
                found.appendleft(Record(line, segment_name(number), 0))
        return list(found)
    finally:
        folder.close()


def _backwards(folder: Folder, number: int, end: int | None) -> Iterator[bytes]:
    """Whole lines of a file, last first, from byte `end` (or the last newline)."""
    fd = folder.open_file(segment_name(number), os.O_RDONLY)
    try:
        at = os.fstat(fd).st_size if end is None else end
        rest = b""
        first = True
        while at > 0:
            size = min(_BLOCK, at)
            at -= size
            lines = (os.pread(fd, size, at) + rest).split(b"\n")
            rest = lines[0]
            whole = lines[1:]
            if first:  # what follows the last newline is not a whole line
                whole, first = whole[:-1], not whole
            yield from reversed(whole)
        if rest and not first:
            yield rest
    finally:
        os.close(fd)


def follow(
    path: Path, *, after: int | None = None, poll: float = 0.2, stop: threading.Event | None = None
) -> Iterator[Record]:
    """Durable events as they come, for ever or until `stop` is set.

    Begins behind sequence number `after`, or with the next event. Looks every `poll` seconds.
    """
    stop = stop or threading.Event()
    reader = _Reader(path)
    try:
        if after is None and (last := published.read(reader.folder)) is not None:
            after = last.seq - 1
        while True:
            yield from (record for record in reader.new() if after is None or record.seq > after)
            if stop.wait(poll):
                return
    finally:
        reader.close()


class Follower:
    """Events as they become durable from now on, without a look at those that are there already."""

    def __init__(self, path: Path) -> None:
        self._reader = _Reader(path)
        if (position := published.read(self._reader.folder)) is not None:
            self._reader.number, self._reader.offset = position.segment, position.length

    def new(self) -> list[Record]:
        """What became durable since the last time."""
        return list(self._reader.new())

    def close(self) -> None:
        """Let go of the folder."""
        self._reader.close()


class Tail:
    """Events behind a sequence number, as they become durable; may be asked again and again."""

    def __init__(self, path: Path, *, after: int) -> None:
        """Begin behind event `after`; -1 for the first there is."""
        self._reader = _Reader(path)
        self._after = after
        for number in self._reader.folder.segments():
            if 0 <= _first(self._reader.folder, number) <= after:
                self._reader.number = number

    def new(self) -> Iterator[Record]:
        """What became durable since the last one that was taken."""
        return (record for record in self._reader.new() if record.seq > self._after)

    def close(self) -> None:
        """Let go of the folder."""
        self._reader.close()


def _first(folder: Folder, number: int) -> int:
    """Sequence number of a file's first event; -1 where it has none yet."""
    fd = folder.open_file(segment_name(number), os.O_RDONLY)
    try:
        found = re.match(rb'\{"version":[0-9]+,"seq":([0-9]+),', os.pread(fd, 64, 0))
    finally:
        os.close(fd)
    return int(found[1]) if found else -1


class _Reader:
    """Keeps its place in the log."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder.open(path)
        self.number = 0
        """File that is being read; 0 before the first."""
        self.offset = 0
        self.lines = 0

    def close(self) -> None:
        self.folder.close()

    def new(self) -> Iterator[Record]:
        """What became durable since the last time."""
        position = published.read(self.folder)
        last = position.segment if position is not None else None
        for number in self.folder.segments():
            if number < self.number or (last is not None and number > last):
                continue
            if number > self.number:
                self.number, self.offset, self.lines = number, 0, 0
            end = position.length if position is not None and number == last else None
            yield from self._file(number, end)

    def _file(self, number: int, end: int | None) -> Iterator[Record]:
        fd = self.folder.open_file(segment_name(number), os.O_RDONLY)
        with os.fdopen(fd, "rb", buffering=_BLOCK) as file:
            file.seek(self.offset)
            while end is None or self.offset < end:
                line = file.readline(LINE_LIMIT + 1)
                if not line.endswith(b"\n"):
                    if end is not None or len(line) > LINE_LIMIT:
                        raise BookUnavailable(
                            f"'{self.folder.path / segment_name(number)}' ends before its published length",
                            "run `wharfinger audit verify`",
                        )
                    return
                self.offset += len(line)
                self.lines += 1
                yield Record(line[:-1], segment_name(number), self.lines, self.offset - len(line))


def printable(text: str) -> str:
    r"""Text of an event for a terminal: control, bidi and other invisible characters as `\u` escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
