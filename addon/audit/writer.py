"""The thread that makes events durable, many at a time.

All that is queued is written in one go and synced once; only then is anybody told. The first error is
final: pages that failed to reach the disk may look clean afterwards, so trying again would prove nothing.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from wharfinger.audit import published, room, salts
from wharfinger.audit.errors import BookDamaged, BookUnavailable
from wharfinger.audit.folder import Folder, System, segment_name
from wharfinger.audit.published import Position

_log = logging.getLogger(__name__)

FAILED = "book.failed"
"""There while a write or sync has failed, and nobody has begun another file since."""
_BATCH = 1024 * 1024
"""Bytes written and synced at a time, so that nobody waits for more than that."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that an event is durable."""

    seq: int
    time: datetime


type Waiter = asyncio.Future[Receipt] | concurrent.futures.Future[Receipt]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line on its way to the disk."""

    data: bytes
    receipt: Receipt
    after: Position
    """Where the log is once this line is durable."""
    salt: bytes = b""
    """Where it is the header of a new file: the salt of that file's key."""
    waiter: Waiter | None = None


class Writer:
    """Owns the file that is written. Everything but `put` and `close` runs in its own thread."""

    def __init__(self, folder: Folder, system: System, start: Position | None, *, durable: bool) -> None:
        self.folder = folder
        self.system = system
        self.durable = durable
        self.trouble: BookUnavailable | None = None
        self.position = start
        """How far the log is durable."""
        self.queue: queue.SimpleQueue[Sequence[Entry] | None] = queue.SimpleQueue()
        self.committed: Callable[[Position], None] = _nothing
        """Told in the writer's thread how far the log is durable; must not block."""
        self.took: Callable[[float, int], None] = _uncounted
        """Told there in how many seconds how many events became durable; must not block."""
        self.taken = 0
        """How many entries have come off the queue."""
        self.full = False
        """Whether no more room can be had on the disk."""
        self.allocated = 0
        """Bytes of the file that there is room for, if that can be said; else 0."""
        self._path = ""
        self._fd = -1
        self._identity = (0, 0)
        self._head = folder.open_file(published.NAME, os.O_WRONLY | os.O_CREAT, system)
        if start is not None:
            self._use(start.segment, os.O_WRONLY | os.O_APPEND)
            self._publish(start)
        system.fsync(folder.fd)
        self._thread = threading.Thread(target=self._run, name="book", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Write what is queued, then end. `timeout` in seconds."""
        self.queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise BookUnavailable(f"the book did not finish writing within {timeout:g} s")
        try:
            os.fsync(self._head)
        finally:
            os.close(self._head)
            if self._fd >= 0:
                self._release()

    def fail(self, trouble: BookUnavailable) -> None:
        """Take nothing any more; for what others find wrong. From any thread."""
        if self.trouble is None:
            self.trouble = trouble

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._take()
            try:
                if self.trouble is None:
                    if not batch and self.position is not None and self._fd >= 0:
                        self._ahead(self.position.length)
                    for part in _by_segment(batch):
                        self._commit(part)
                        _settle(part)
                    continue
            except BaseException as error:  # noqa: BLE001 - whatever it is, nothing may pass as written
                self.trouble = self._explain(error)
                self._mark()
                _log.critical("%s: every request is refused from now on", self.trouble.reason)
            _settle(batch, self.trouble)

    def _take(self) -> tuple[list[Entry], bool]:
        """Everything that waits, up to about the size of a batch; False when this was the last."""
        batch: list[Entry] = []
        size = 0
        entries = self.queue.get()
        while entries is not None:
            batch += entries
            self.taken += len(entries)
            size += sum([len(entry.data) for entry in entries])
            if size >= _BATCH or self.queue.empty():
                return batch, True
            entries = self.queue.get_nowait()
        return batch, False

    def _commit(self, batch: Sequence[Entry]) -> None:
        if batch[0].salt:
            self._begin(batch[0].after.segment, batch[0].salt)
        else:
            self._unchanged()
        began = time.monotonic()
        self.system.write_all(self._fd, b"".join([entry.data for entry in batch]))
        if self.durable:
            self.system.fdatasync(self._fd)
        self.took(time.monotonic() - began, len(batch))
        self._publish(batch[-1].after)
        self._ahead(batch[-1].after.length)

    def _begin(self, number: int, salt: bytes) -> None:
        """Make the next file; its name, and the salt of its key, are durable before any line in it."""
        if self._fd >= 0:
            self._unchanged()
            self._release()
        salts.keep(self.folder, number, salt, self.system)
        self._use(number, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        self.system.fsync(self.folder.fd)

    def _use(self, number: int, flags: int) -> None:
        name = segment_name(number)
        self._fd = self.folder.open_file(name, flags, self.system)
        self._path = str(self.folder.path / name)
        found = os.fstat(self._fd)
        self._identity = (found.st_dev, found.st_ino)
        self._ahead(found.st_size, anew=True)

    def _ahead(self, length: int, *, anew: bool = False) -> None:
        """Take room behind byte `length`, where there is too little."""
        if not anew and (not self.allocated or self.allocated - length > room.LOW):
            return
        try:
            self.system.allocate(self._fd, length, room.AHEAD)
        except OSError as error:
            self.full = room.lacks_room(error)
            if anew:
                self.allocated = length if self.full else 0
        else:
            self.allocated, self.full = length + room.AHEAD, False

    def _release(self) -> None:
        """Close the file, giving back the room behind its end."""
        try:
            if self.trouble is None and self.allocated and self.position is not None:
                os.ftruncate(self._fd, self.position.length)
        finally:
            os.close(self._fd)
            self._fd = -1

    def poke(self) -> None:
        """Look once more whether there is room. From any thread."""
        self.queue.put(())

    def _unchanged(self) -> None:
        """Notice that the file was moved, removed, replaced, cut or added to by somebody else."""
        try:
            found = self.system.stat(self._path)
        except FileNotFoundError:
            raise BookDamaged(f"'{self._path}' was moved or removed while it was written") from None
        if (found.st_dev, found.st_ino) != self._identity:
            raise BookDamaged(f"'{self._path}' was replaced by another file while it was written")
        if self.position is None or found.st_size != self.position.length:
            raise BookDamaged(f"'{self._path}' was changed by somebody else while it was written")

    def _publish(self, position: Position) -> None:
        self.system.pwrite(self._head, position.record(), 0)
        self.position = position
        self.committed(position)

    def _mark(self) -> None:
        """Leave word that this file is not to be gone on with: its pages may be lost and look clean.

        Not synced: after the next boot nothing of it is in memory, and the file is what it is.
        """
        with contextlib.suppress(OSError, BookUnavailable):
            os.close(self.folder.open_file(FAILED, os.O_WRONLY | os.O_CREAT, System()))

    def _explain(self, error: BaseException) -> BookUnavailable:
        if isinstance(error, BookUnavailable):
            return error
        what = error.strerror if isinstance(error, OSError) else type(error).__name__
        return BookUnavailable(
            f"the book '{self._path}' cannot be written: {what}",
            "see to the disk, then `wharfinger audit resume`, or start the proxy again",
        )


def _nothing(position: Position) -> None:
    """Nobody listens."""


def _uncounted(seconds: float, events: int) -> None:
    """Nobody counts."""


def _by_segment(batch: list[Entry]) -> list[list[Entry]]:
    """A batch, parted before each header."""
    parts: list[list[Entry]] = []
    for entry in batch:
        if entry.salt or not parts:
            parts.append([])
        parts[-1].append(entry)
    return parts


def _settle(batch: Sequence[Entry], trouble: BookUnavailable | None = None) -> None:
    """Tell all who wait: one wake-up for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Entry]] = {}
    for entry in batch:
        if isinstance(entry.waiter, asyncio.Future):
            loops.setdefault(entry.waiter.get_loop(), []).append(entry)
        elif entry.waiter is not None:
            _resolve([entry], trouble)
    for loop, entries in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, entries, trouble)
        except RuntimeError:  # the loop is closed, and with it whoever waited
            _log.debug("nobody waits any more for %d events", len(entries))


def _resolve(entries: Sequence[Entry], trouble: BookUnavailable | None) -> None:
    for entry in entries:
        if entry.waiter is None or entry.waiter.done():
            continue
        if trouble is None:
            entry.waiter.set_result(entry.receipt)
        else:
            entry.waiter.set_exception(type(trouble)(trouble.reason, trouble.hint))
