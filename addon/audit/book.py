"""The book: takes events, gives each its place in the chain, and answers when it is durable.

Rules: an event has its sequence number, time and links from the moment it is taken, so the order in the
log is the order of the calls; whoever awaits a write and is cancelled takes nothing back; once a write has
failed, nothing is taken any more until a person resumes the book, and then the log goes on in a new file.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from wharfinger.audit import events, retention, salts
from wharfinger.audit.errors import BookBusy, BookFull, BookUnavailable
from wharfinger.audit.event import Event, EventKind, Outcome, Who
from wharfinger.audit.folder import Folder, System, segment_name
from wharfinger.audit.intake import Intake
from wharfinger.audit.notes import Signed, SigningKey, origin_of
from wharfinger.audit.placing import Placing
from wharfinger.audit.published import Position
from wharfinger.audit.recovery import Tail, recover
from wharfinger.audit.render import SIZE_LIMIT
from wharfinger.audit.signer import Signer
from wharfinger.audit.writer import FAILED, Receipt, Waiter, Writer
from wharfinger.clock import Clock
from wharfinger.rules.types import JSON

SEGMENT_BYTES = 64 * 1024 * 1024
BACKLOG = 4096
_ENDS = 2
"""Ends of requests already under way are taken up to this many times the backlog."""
_DAY = timedelta(days=1)
_KEPT_FOR = {EventKind.OUTCOME, EventKind.CONTROL, EventKind.STOPPED}
"""What the last room on a full disk is kept for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a book is written."""

    hmac_key: bytes
    """For sensitive inputs."""
    clock: Clock
    signing_key: bytes | None = None
    """For checkpoints; without it there are none."""
    durable: bool = True
    """False: events are written before anything is sent, but not synced, and each says so."""
    segment_bytes: int = SEGMENT_BYTES
    """The size at which a new file begins."""
    backlog: int = BACKLOG
    keep: timedelta | None = None
    """How long files are kept; None for ever."""
    listeners: Sequence[Callable[[Signed], None]] = ()
    """Hear of checkpoints, in a thread of their own."""
    took: Callable[[float, int], None] | None = None
    """Told in the writer's thread in how many seconds how many events became durable; must not block."""


class Book:
    """The audit log of one runtime, open for writing. Trusts its caller to hold the data folder's lock."""

    def __init__(self, path: Path, terms: Terms, system: System) -> None:
        """Use `Book.open`."""
        self._path = path
        self._terms = terms
        self._system = system
        self._intake = Intake()
        self._closed = False
        self._stopped = True
        """Whether nothing is open."""
        self._resuming = False
        self._signer: Signer | None = None

    @classmethod
    def open(
        cls, folder: Path, terms: Terms | None = None, *, system: System | None = None, **given: Any
    ) -> Book:
        """Open the log in `folder`, making it where there is none; blocks while it is read and mended.

        On these `terms`, or on those `given` by their names. Raises `BookDamaged` where the log is not as it
        was left, else `BookUnavailable`.
        """
        book = cls(folder.absolute(), terms or Terms(**given), system or System())
        tail = book._start()
        try:
            book._settle_accounts(tail, ended=True)
        except BaseException:
            book.close()
            raise
        return book

    def _start(self, *, anew: bool = False) -> Tail:
        """Read and mend what there is, and make ready to go on behind it: `anew`, in a new file."""
        terms, system = self._terms, self._system
        folder = Folder.open(self._path, create=True)
        try:
            tail = recover(folder, system)
            at = tail.position
            salt = salts.read(folder, at.segment) if at is not None else None
            anew = anew or folder.has(FAILED)  # pages of that file may be lost, and look clean
            self._placing = Placing(
                tail, None if anew else salt, terms.hmac_key, terms.clock, durable=terms.durable
            )
            self._writer = Writer(folder, system, at, durable=terms.durable)
            self._writer.took = terms.took or self._writer.took
            self._intake.lead_to(self._writer)
        except OSError as error:
            folder.close()
            raise BookUnavailable(f"the book in '{self._path}' cannot be opened: {error.strerror}") from error
        except BaseException:
            folder.close()
            raise
        self._folder, self._stopped = folder, False
        try:
            self._sign()
            if anew:
                self._begin_anew()
        except BaseException:
            self._stop(30)
            raise
        return tail

    def _sign(self) -> None:
        if self._terms.signing_key is None:
            return
        writer = self._writer
        self._signer = Signer(
            self._folder,
            self._system,
            SigningKey(origin_of(self._placing.at.log), self._terms.signing_key),
            lambda: writer.position,
            synced=writer.durable,
            alarm=writer.fail,
            listeners=self._terms.listeners,
            chores=self.expire if self._terms.keep is not None else None,
        )
        self._signer.begin()
        writer.committed = self._signer.committed

    def _begin_anew(self) -> None:
        """Begin another file, after one that was not to be gone on with."""
        header: concurrent.futures.Future[Receipt] = concurrent.futures.Future()
        with self._intake.lock:
            self._intake.add(self._placing.begin(header))
            self._intake.give()
        header.result()
        self._folder.remove(FAILED)

    @property
    def checkpoint(self) -> Signed | None:
        """The last checkpoint that was made and kept."""
        return self._signer.latest if self._signer is not None else None

    @property
    def checkpoint_trouble(self) -> str:
        """Why the last checkpoint could not be kept, if so."""
        return self._signer.trouble if self._signer is not None else ""

    @property
    def trouble(self) -> BookUnavailable | None:
        """Why nothing can be written any more, if so."""
        return self._writer.trouble

    @property
    def full(self) -> bool:
        """Whether the disk has no room, so that only ends and commands are taken."""
        return self._writer.full

    @property
    def position(self) -> Position | None:
        """How far the log is durable."""
        return self._writer.position

    @property
    def backlog(self) -> int:
        """How many events were taken and are not written yet."""
        return self._intake.backlog

    @property
    def unsettled(self) -> int:
        """How many intents have no outcome yet."""
        return len(self._placing.open)

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
            with self._intake.lock:
                self._take(event, future)
                self._intake.give_later(loop, urgent=urgent)
        except Exception as error:  # noqa: BLE001 - whoever looks at the future is told
            future.set_exception(error)
        return future

    def record(self, event: Event) -> Receipt:
        """As `write`, for callers without an event loop: blocks until `event` is durable."""
        future: concurrent.futures.Future[Receipt] = concurrent.futures.Future()
        with self._intake.lock:
            self._take(event, future)
            self._intake.give()
        return future.result()

    def close(self, timeout: float = 30) -> None:
        """Write what was taken, then let go of the files; blocks, at most `timeout` seconds."""
        with self._intake.lock:
            if self._closed:
                return
            self._closed = True
            self._intake.give()
        self._stop(timeout)

    def _stop(self, timeout: float) -> None:
        if self._stopped:
            return
        self._stopped = True
        try:
            self._writer.close(timeout)
        finally:
            if self._signer is not None:
                self._signer.close(timeout)
            self._folder.close()

    # What is taken.

    def _take(self, event: Event, waiter: Waiter) -> None:
        self._accepting(event)
        age = None if self._terms.keep is None else min(self._terms.keep, _DAY)
        if self._placing.full(self._terms.segment_bytes, age) and (self._placing.fresh or not self.full):
            self._intake.add(self._placing.begin())
        self._intake.add(self._placing.event(event, waiter))

    def _accepting(self, event: Event) -> None:
        if (trouble := self._writer.trouble) is not None:
            raise type(trouble)(trouble.reason, trouble.hint)
        if self._closed or self._resuming:
            raise BookUnavailable("the book is closed" if self._closed else "the book is being resumed")
        if self._writer.full and not self._has_room(event):
            self._writer.poke()
            raise BookFull(
                "the disk of the book is full", "free some space: a proxy that runs goes on by itself then"
            )
        most = self._terms.backlog * (_ENDS if event.kind is EventKind.OUTCOME else 1)
        if self.backlog >= most:
            raise BookBusy(f"{most} events wait to be written: the disk is too slow for this load")

    def _has_room(self, event: Event) -> bool:
        """Whether what is left on a full disk is for events like this."""
        left = self._writer.allocated - self._placing.at.length
        return event.kind in _KEPT_FOR and left > 2 * SIZE_LIMIT

    def _settle_accounts(self, tail: Tail, *, ended: bool) -> None:
        """Write what was cut off and, if the proxy `ended`, that nobody knows how open intents did."""
        open_ = tail.open if ended else {}
        if not tail.dropped and not open_:
            return
        found = Event(
            EventKind.RECOVERED,
            detail={
                "dropped_bytes": sum(size for _, size, _ in tail.dropped),
                "dropped": [{"file": f, "bytes": n, "sha256": digest} for f, n, digest in tail.dropped],
                "unknown": len(open_),
            },
        )
        unknown = [
            events.outcome(
                decision,
                Who(agent) if agent else None,
                Outcome.UNKNOWN,
                reason="the proxy ended before the outcome was written",
            )
            for decision, agent in open_.items()
        ]
        waiters: list[concurrent.futures.Future[Receipt]] = []
        with self._intake.lock:
            for event in (found, *unknown):
                waiters.append(concurrent.futures.Future())
                self._take(event, waiters[-1])
            self._intake.give()
        for waiter in waiters:
            waiter.result()

    # What a person commands, and what time does.

    def resume(self) -> int:
        """After trouble: check what is there, and go on in a new file. Blocks; the number of that file.

        Raises `BookUnavailable` where there is no trouble, or it is there still; then nothing has changed.
        """
        with self._intake.lock:
            trouble = self._writer.trouble
            if trouble is None or self._closed:
                raise BookUnavailable("the book is not stopped: there is nothing to resume")
            self._resuming = True
            self._intake.give()  # to the writer, which tells them that they were not written
        try:
            with contextlib.suppress(OSError, BookUnavailable):
                self._stop(30)
            self._signer = None
            tail = self._start(anew=True)
        except BookUnavailable:
            self._writer.fail(trouble)
            raise
        finally:
            self._resuming = False
        self._settle_accounts(tail, ended=False)
        return self._placing.at.segment

    def forget(self, number: int) -> bool:
        """Destroy the key of the sensitive inputs in one finished file; False where that was done before."""
        if not 1 <= number < self._placing.at.segment:
            raise BookUnavailable(
                f"file {number} is not a finished file of the log",
                f"the one that is written is {self._placing.at.segment}",
            )
        return salts.destroy(self._folder, number, self._system)

    def expire(self) -> list[int]:
        """Remove the files that are older than events are kept; blocks. The numbers of those removed."""
        if self._terms.keep is None or (signed := self.checkpoint) is None:
            return []
        before = self._terms.clock.now() - self._terms.keep
        numbers = retention.expired(self._folder, before, signed.checkpoint.size)
        for number in numbers:
            detail: dict[str, JSON] = {"file": segment_name(number), "before": before.isoformat()}
            self.record(events.notice("audit.expired", "events are kept no longer than this", detail=detail))
            retention.remove(self._folder, number, self._system)
        return numbers


def _looked_at(future: asyncio.Future[Receipt]) -> None:
    """Mark an error as seen: the book's trouble is told by every later write, and in the log."""
    if not future.cancelled():
        future.exception()
