"""The book: takes events, gives each its place in the chain, and answers when it is durable.

Rules: an event has its sequence number, time and links from the moment it is taken, so the order in the
log is the order of the calls; whoever awaits a write and is cancelled takes nothing back; once a write has
failed, nothing is taken any more until the book is opened again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hmac
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
from wharfinger.audit import events
from wharfinger.audit.chain import GENESIS, VERSION, ascii_json, leaf_of, link, seal
from wharfinger.audit.errors import BookBusy, BookUnavailable
from wharfinger.audit.events import Event, EventKind, Outcome, Who
from wharfinger.audit.folder import Folder, System
from wharfinger.audit.notes import Signed, SigningKey, origin_of
from wharfinger.audit.published import Position
from wharfinger.audit.recovery import Tail, recover
from wharfinger.audit.render import render
from wharfinger.audit.signer import Signer
from wharfinger.audit.writer import Entry, Receipt, Waiter, Writer
from wharfinger.clock import Clock

SEGMENT_BYTES = 64 * 1024 * 1024
BACKLOG = 4096
PATIENCE = 0.01
"""Seconds that events nobody waits for are kept for company, so that they cost no sync of their own."""
_ENDS = 2
"""Ends of requests already under way are taken up to this many times the backlog."""


def segment_key(hmac_key: bytes, log: str, segment: int) -> bytes:
    """The key for the sensitive inputs in one file of one log."""
    return hmac.digest(hmac_key, b"segment\x00%b\x00%d" % (log.encode(), segment), "sha256")


class Book:
    """The audit log of one runtime, open for writing. Trusts its caller to hold the data folder's lock."""

    def __init__(
        self,
        folder: Folder,
        tail: Tail,
        writer: Writer,
        *,
        hmac_key: bytes,
        clock: Clock,
        segment_bytes: int,
        backlog: int,
    ) -> None:
        """Use `Book.open`."""
        self._folder = folder
        self._writer = writer
        self._clock = clock
        self._hmac_key = hmac_key
        self._segment_bytes = segment_bytes
        self._backlog = backlog
        self._lock = threading.Lock()
        self._waiting: list[Entry] = []
        """Taken, and not yet handed to the writer: what one turn of the event loop brings goes together."""
        self._handed = 0
        self._soon: tuple[asyncio.AbstractEventLoop, bool] | None = None
        """Where a handing over is scheduled, and whether it is for the next turn."""
        self._closed = False
        self._last = datetime.min.replace(tzinfo=UTC)
        self._open = dict(tail.open)
        self._tree = tail.tree
        self._signer: Signer | None = None
        self._at = tail.position or Position(secrets.token_hex(16), 0, 0, 0, GENESIS)
        self._key = segment_key(hmac_key, self._at.log, self._at.segment)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        hmac_key: bytes,
        clock: Clock,
        signing_key: bytes | None = None,
        listeners: Sequence[Callable[[Signed], None]] = (),
        durable: bool = True,
        segment_bytes: int = SEGMENT_BYTES,
        backlog: int = BACKLOG,
        system: System | None = None,
    ) -> Book:
        """Open the log in `folder`, making it where there is none; blocks while it is read and mended.

        `hmac_key` is for sensitive inputs; with `signing_key` there are checkpoints, of which `listeners`
        hear in a thread of their own. With `durable` false events are written before anything is sent, but
        not synced, and each says so. `segment_bytes` is the size at which a new file begins.
        Raises `BookDamaged` where the log is not as it was left, else `BookUnavailable`.
        """
        system = system or System()
        place = Folder.open(folder.absolute(), create=True)
        try:
            tail = recover(place, system)
            writer = Writer(place, system, tail.position, durable=durable)
        except OSError as error:
            place.close()
            raise BookUnavailable(f"the book in '{folder}' cannot be opened: {error.strerror}") from error
        except BaseException:
            place.close()
            raise
        book = cls(
            place,
            tail,
            writer,
            hmac_key=hmac_key,
            clock=clock,
            segment_bytes=segment_bytes,
            backlog=backlog,
        )
        try:
            if signing_key is not None:
                book._sign(signing_key, system, listeners)
            book._settle_accounts(tail)
        except BaseException:
            book.close()
            raise
        return book

    def _sign(self, seed: bytes, system: System, listeners: Sequence[Callable[[Signed], None]]) -> None:
        writer = self._writer
        self._signer = Signer(
            self._folder,
            system,
            SigningKey(origin_of(self._at.log), seed),
            lambda: writer.position,
            synced=writer.durable,
            alarm=writer.fail,
            listeners=listeners,
        )
        self._signer.begin()
        writer.committed = self._signer.committed

    @property
    def checkpoint(self) -> Signed | None:
        """The last checkpoint that was made and kept."""
        return self._signer.latest if self._signer is not None else None

    @property
    def trouble(self) -> BookUnavailable | None:
        """Why nothing can be written any more, if so."""
        return self._writer.trouble

    @property
    def position(self) -> Position | None:
        """How far the log is durable."""
        return self._writer.position

    @property
    def unsettled(self) -> int:
        """How many intents have no outcome yet."""
        return len(self._open)

    async def write(self, event: Event) -> Receipt:
        """Answer when `event` is durable. If the caller is cancelled it is written all the same.

        Raises `BookUnavailable`; then it must be taken as not written, and what it is about not be done.
        """
        return await self._future(event, urgent=True)

    def submit(self, event: Event) -> asyncio.Future[Receipt]:
        """Take `event` and return at once; the future is done when it is durable, some ms later.

        For outcomes, which nothing waits for: they share the sync of another event where one comes soon.
        Never raises: where the event cannot be taken, the future says so.
        """
        return self._future(event, urgent=False)

    def _future(self, event: Event, *, urgent: bool) -> asyncio.Future[Receipt]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        future.add_done_callback(_looked_at)
        try:
            with self._lock:
                self._take(event, future)
                self._hand_over_later(loop, urgent=urgent)
        except Exception as error:  # noqa: BLE001 - whoever looks at the future is told
            future.set_exception(error)
        return future

    def _hand_over_later(self, loop: asyncio.AbstractEventLoop, *, urgent: bool) -> None:
        """See to it that what was taken gets to the writer: in the next turn, or when patience ends."""
        if self._soon == (loop, True) or (not urgent and self._soon == (loop, False)):
            return
        self._soon = (loop, urgent)
        if urgent:
            loop.call_soon(self._hand_over)
        else:
            loop.call_later(PATIENCE, self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            self._soon = None
            self._give_waiting()

    def _give_waiting(self) -> None:
        if self._waiting:
            self._handed += len(self._waiting)
            self._writer.queue.put(self._waiting)
            self._waiting = []

    def record(self, event: Event) -> Receipt:
        """As `write`, for callers without an event loop: blocks until `event` is durable."""
        future: concurrent.futures.Future[Receipt] = concurrent.futures.Future()
        with self._lock:
            self._take(event, future)
            self._give_waiting()
        return future.result()

    def close(self, timeout: float = 30) -> None:
        """Write what was taken, then let go of the files; blocks, at most `timeout` seconds."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._give_waiting()
        try:
            self._writer.close(timeout)
        finally:
            if self._signer is not None:
                self._signer.close(timeout)
            self._folder.close()

    def _take(self, event: Event, waiter: Waiter) -> None:
        self._accepting(event)
        if self._at.segment == 0 or self._at.length >= self._segment_bytes:
            self._begin_segment()
        self._put(render(event, self._key), waiter)
        if event.kind is EventKind.INTENT:
            self._open[event.decision] = event.who.agent if event.who else ""
        elif event.kind is EventKind.OUTCOME:
            self._open.pop(event.decision, None)

    def _accepting(self, event: Event) -> None:
        if (trouble := self._writer.trouble) is not None:
            raise type(trouble)(trouble.reason, trouble.hint)
        if self._closed:
            raise BookUnavailable("the book is closed")
        most = self._backlog * (_ENDS if event.kind is EventKind.OUTCOME else 1)
        if len(self._waiting) + self._handed - self._writer.taken >= most:
            raise BookBusy(f"{most} events wait to be written: the disk is too slow for this load")

    def _begin_segment(self) -> None:
        at = self._at
        self._at = Position(at.log, at.segment + 1, 0, at.seq, at.prev)
        self._key = segment_key(self._hmac_key, at.log, self._at.segment)
        header: dict[str, object] = {"kind": EventKind.SEGMENT, "log": at.log, "segment": self._at.segment}
        header |= {"tree": [part.hex() for part in self._tree.full], "open": self._open}
        self._put(ascii_json(orjson.dumps(header)), None, begins=True)

    def _put(self, members: bytes, waiter: Waiter | None, *, begins: bool = False) -> None:
        """Give rendered members their place."""
        at, now = self._at, self._clock.now()
        if now.tzinfo is not UTC:
            now = now.astimezone(UTC)
        body = (
            b'{"version":%d,"seq":%d,"prev":"%b","id":"e_%b_%d","time":"%bZ","mono_ns":%d,%b%b'
            % (
                VERSION,
                at.seq,
                at.prev.encode(),
                at.log[:8].encode(),
                at.seq,
                now.isoformat(timespec="microseconds")[:26].encode(),  # in UTC, so that the rest is "+00:00"
                int(self._clock.monotonic() * 1e9),
                self._remarks(now),
                members[1:],
            )
        )
        line = seal(body)
        after = Position(at.log, at.segment, at.length + len(line) + 1, at.seq + 1, link(line))
        self._at, self._last = after, now
        self._tree.append(leaf_of(line))
        self._waiting.append(Entry(line + b"\n", Receipt(at.seq, now), after, begins, waiter))

    def _remarks(self, now: datetime) -> bytes:
        """Members for what is out of the ordinary: not synced, or a wall clock that went back."""
        remarks = b"" if self._writer.durable else b'"durable":false,'
        if now < self._last:
            remarks += b'"clock_back_us":%d,' % ((self._last - now).total_seconds() * 1e6)
        return remarks

    def _settle_accounts(self, tail: Tail) -> None:
        """Write what recovery found: what was cut off, and that nobody knows how open intents ended."""
        if not tail.dropped and not tail.open:
            return
        found = Event(
            EventKind.RECOVERED,
            detail={
                "dropped_bytes": sum(size for _, size, _ in tail.dropped),
                "dropped": [{"file": f, "bytes": n, "sha256": digest} for f, n, digest in tail.dropped],
                "unknown": len(tail.open),
            },
        )
        unknown = [
            events.outcome(
                decision,
                Who(agent) if agent else None,
                Outcome.UNKNOWN,
                reason="the proxy ended before the outcome was written",
            )
            for decision, agent in tail.open.items()
        ]
        waiters: list[concurrent.futures.Future[Receipt]] = []
        with self._lock:
            for event in (found, *unknown):
                waiters.append(concurrent.futures.Future())
                self._take(event, waiters[-1])
            self._give_waiting()
        for waiter in waiters:
            waiter.result()


def _looked_at(future: asyncio.Future[Receipt]) -> None:
    """Mark an error as seen: the book's trouble is told by every later write, and in the log."""
    if not future.cancelled():
        future.exception()
