"""The last events of the book, in the memory of the office: what pages show costs the proxy nothing.

The office follows the book's files by itself, up to what the proxy has published as durable. What does
not fit is not here; `wharfinger audit search` reads all there is.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wharfinger.audit import reader
from wharfinger.audit.errors import BookUnavailable
from wharfinger.audit.reader import Follower, Record

_log = logging.getLogger(__name__)

EVENTS = 100_000
BYTES = 128 * 1024 * 1024
_POLL_SECONDS = 0.15
_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; all that is given must hold."""

    words: tuple[str, ...] = ()
    """Each anywhere in the event, whatever its case."""
    kind: str = ""
    verdict: str = ""
    agent: str = ""
    before: int | None = None
    """Older than this sequence number."""

    def needles(self) -> tuple[bytes, ...]:
        """What the stored line of every event that matches holds, in lower case."""
        fields = {"kind": self.kind, "verdict": self.verdict, "agent": self.agent}
        exact = [f'"{name}":{json.dumps(value)}' for name, value in fields.items() if value]
        words = [json.dumps(word)[1:-1] for word in self.words]
        return tuple(text.lower().encode("ascii") for text in (*exact, *words))

    def matches(self, members: Mapping[str, Any]) -> bool:
        """Whether the fields are as wanted; the words have been looked for in the line."""
        return all(
            not wanted or members.get(name) == wanted
            for name, wanted in (("kind", self.kind), ("verdict", self.verdict), ("agent", self.agent))
        )


class Tail:
    """See the module's head. Read from the event loop's thread and its helpers."""

    def __init__(self, folder: Path, *, events: int = EVENTS, bytes_: int = BYTES) -> None:
        """`folder` is the book's."""
        self._folder = folder
        self._events = events
        self._limit = bytes_
        self._lock = threading.Lock()
        self._kept: deque[_Kept] = deque()
        self._bytes = 0
        self._cut = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._latest: dict[str, int] = {}
        self.told: list[Callable[[list[Record]], object]] = []
        """Called with events as they are read, on the tail's thread; maybe again with those of before."""
        self.trouble = ""
        """Why the book cannot be read at the moment."""
        self.loaded = False
        """Whether what was there at the start has been read."""

    def start(self) -> None:
        """Follow the book, on a thread."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow it no more."""
        self._stop.set()

    # What pages ask.

    @property
    def complete(self) -> bool:
        """Whether all of the book is here."""
        return self.loaded and not self._cut

    def newest(self) -> Iterator[Record]:
        """The events here, newest first, as they are at this moment."""
        return (kept.record() for kept in self._newest())

    def search(self, search: Search, limit: int) -> list[Record]:
        """At most `limit` events that match, newest first."""
        needles, found = search.needles(), []
        for kept in self._newest():
            if search.before is not None and kept.seq >= search.before:
                continue
            if needles:
                line = kept.line.lower()
                if not all(needle in line for needle in needles):
                    continue
            record = kept.record()
            if search.matches(record.members):
                found.append(record)
                if len(found) == limit:
                    break
        return found

    def after(self, seq: int, limit: int) -> list[Record]:
        """The first `limit` events here that are newer than `seq`, oldest first."""
        newer = list(itertools.takewhile(lambda kept: kept.seq > seq, self._newest()))
        return [kept.record() for kept in reversed(newer[-limit:])]

    def life(self, reference: str) -> list[Record]:
        """All events here of one decision (`d_…`), approval (`a_…`) or event, oldest first."""
        wanted = {reference}
        for record in self._naming(reference):
            if reference in _names(record) and (decision := record.members.get("decision")):
                wanted.add(str(decision))
        found = {record.seq: record for name in wanted for record in self._naming(name)}
        return [found[seq] for seq in sorted(found) if wanted & _names(found[seq])]

    @property
    def last(self) -> int:
        """The sequence number of the newest event; -1 before any."""
        return max(self._latest.values(), default=-1)

    async def changes(self, after: int, patience: float) -> frozenset[str]:
        """The kinds of events newer than `after`, waited for `patience` seconds at most."""
        if self.last <= after:
            event = self._changed
            try:
                async with asyncio.timeout(patience):
                    await event.wait()
            except TimeoutError:
                return frozenset()
        return frozenset(kind for kind, seq in self._latest.items() if seq > after)

    def _newest(self) -> Iterator[_Kept]:
        with self._lock:
            found = tuple(self._kept)
        return reversed(found)

    def _naming(self, name: str) -> Iterator[Record]:
        text = json.dumps(name).encode("ascii")
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 19 else None
        return (kept.record() for kept in self._newest() if text in kept.line or kept.seq == number)

    # The thread.

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except (BookUnavailable, OSError) as error:
                self.trouble = str(error) or type(error).__name__
                self.loaded = True
                if self._stop.wait(_RETRY_SECONDS):
                    return

    def _follow(self) -> None:
        follower = Follower(self._folder)
        try:
            records = reader.tail(self._folder, self._events)
            with self._lock:
                self._kept.clear()
                self._bytes = 0
                self._cut = bool(records) and records[0].seq > 0
            self._take(records)
            self.loaded, self.trouble = True, ""
            last = records[-1].seq if records else -1
            while not self._stop.wait(_POLL_SECONDS):
                self._take([record for record in follower.new() if record.seq > last])
        finally:
            follower.close()

    def _take(self, records: list[Record]) -> None:
        if not records:
            return
        latest = {record.kind: record.seq for record in records}
        for tell in self.told:
            tell(records)
        with self._lock:
            for record in records:
                self._kept.append(_Kept(record.seq, record.line))
                self._bytes += len(record.line)
            while len(self._kept) > self._events or self._bytes > self._limit:
                self._bytes -= len(self._kept.popleft().line)
                self._cut = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, latest)

    def _tell(self, latest: Mapping[str, int]) -> None:
        self._latest.update(latest)
        told, self._changed = self._changed, asyncio.Event()
        told.set()


@dataclass(frozen=True, slots=True)
class _Kept:
    """An event as it is stored. What it says is read each time: as text it takes a fifth of the memory."""

    seq: int
    line: bytes

    def record(self) -> Record:
        return Record(self.line, "", 0)


def _names(record: Record) -> set[str]:
    found = (record.members.get(name) for name in ("decision", "approval", "id"))
    return {str(record.seq), *(str(name) for name in found if name)}
