"""Signs checkpoints of the book while it is written, and beside the writing: nothing waits for it.

Rules: only what is durable is signed, and only after it was read back; each second, or when a thousand
events have come, if there is anything new, at the end of each file and at the end of the book; a log that
does not read back as written, or that an earlier checkpoint contradicts, is trouble of the book itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from wharfinger.audit import checkpoints
from wharfinger.audit.checkpoints import Kept, Store
from wharfinger.audit.errors import BookDamaged, BookUnavailable
from wharfinger.audit.folder import Folder, System
from wharfinger.audit.notes import Checkpoint, Signed, SigningKey
from wharfinger.audit.published import Position
from wharfinger.audit.readback import ReadBack

_log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two checkpoints, at least."""
EVENTS = 1000
"""Events after which there is one sooner."""

CHORES = 3600.0
"""Seconds between two rounds of what is to be done now and then."""
_SOON = 60.0
"""Seconds after the start until the first of them."""

_HINT = "keep a copy of the folder and run `wharfinger audit verify`: the log was rewritten or cut off"


class Signer:
    """Signs what `position` says is durable. `begin` is called before anything new is written."""

    def __init__(
        self,
        folder: Folder,
        system: System,
        key: SigningKey,
        position: Callable[[], Position | None],
        *,
        synced: bool,
        alarm: Callable[[BookUnavailable], None],
        listeners: Sequence[Callable[[Signed], None]] = (),
        chores: Callable[[], object] | None = None,
    ) -> None:
        """`alarm` is told what ends the book; `listeners` hear of each checkpoint once it is kept.

        `chores` is called each hour, after what is there has been signed.
        """
        self.key = key
        self.latest: Signed | None = None
        self.trouble = ""
        """Why the last checkpoint could not be kept, if so: it is tried again."""
        self._folder = folder
        self._store = Store(folder, system)
        self._position = position
        self._synced = synced
        self._alarm = alarm
        self._listeners = listeners
        self._chores = chores
        self._chores_at = time.monotonic() + min(CHORES, _SOON)
        self._size = 0
        """Events that the last checkpoint is of."""
        self._due: list[tuple[int, Signed]] = []
        """Signed and not yet kept, oldest first, each with the file it goes to."""
        self._wake = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None
        self._reading: ReadBack | None = None

    def begin(self) -> None:
        """Read the log back from the last checkpoint's file on, then go on in a thread of its own.

        Raises `BookDamaged` where the log is not the one that the last checkpoint was made of.
        """
        last = checkpoints.newest(self._folder)
        numbers = self._folder.segments()
        position = self._position()
        if last is None:
            start = numbers[0] if numbers else 0
        else:
            self._own(last)
            start = int(last.file[5:-12])
            self._size, self.latest = last.signed.checkpoint.size, last.signed
        self._reading = ReadBack(self._folder, start) if start else ReadBack.begin(self._folder)
        if last is not None and self._reading.tree.size > self._size:
            raise BookDamaged(f"the checkpoint of {self._size} events lies with a later file", _HINT)
        if start:
            self._store.mend(start)
        if position is not None:
            self._read_on(self._reading, position)
        if last is not None and (position is None or position.seq < self._size):
            raise BookDamaged(
                f"the log ends before the {self._size} events that a checkpoint was made of", _HINT
            )
        self._store.publish(self.key.public)
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def committed(self, position: Position) -> None:
        """Hear from the writer how far the log is durable."""
        if position.seq - self._size >= EVENTS:
            self._wake.set()

    def close(self, timeout: float) -> None:
        """Sign the end of what was written, then stop. The writer has ended. `timeout` in seconds."""
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
        if self._reading is not None and (self._thread is None or not self._thread.is_alive()):
            self._reading.close()

    def _own(self, last: Kept) -> None:
        name = self.key.public.name
        if last.signed.checkpoint.origin != name:
            raise BookDamaged(f"'{last.file}' has checkpoints of another log", _HINT)
        if not self.key.public.signed(last.signed):
            raise BookDamaged(
                f"'{last.file}': checkpoint {last.number} is not signed with this installation's key",
                "restore the installation key that the book was written with; else move the folder away",
            )

    def _run(self) -> None:
        while not self._ending:
            self._wake.wait(EVERY)
            self._wake.clear()
            self._turn()
        self._turn()

    def _turn(self) -> None:
        position, reading = self._position(), self._reading
        try:
            if position is not None and reading is not None and position.seq > reading.tree.size:
                self._read_on(reading, position)
                if not self._synced:
                    reading.sync()
            self._keep()
        except BookDamaged as damaged:
            _log.critical("%s: every request is refused from now on", damaged.reason)
            self._alarm(damaged)
            self._ending = True
        except Exception as error:  # noqa: BLE001 - told, and tried again: nothing waits for it
            self.trouble = str(error) or type(error).__name__
            _log.exception("a checkpoint could not be made")
        else:
            self.trouble = ""
            self._do_chores()

    def _do_chores(self) -> None:
        if self._chores is not None and not self._ending and time.monotonic() >= self._chores_at:
            self._chores_at = time.monotonic() + CHORES
            try:
                self._chores()
            except Exception:  # noqa: BLE001 - tried again in an hour; the log itself is well
                _log.exception("what is to be done now and then with the audit log could not be done")

    def _read_on(self, reading: ReadBack, position: Position) -> None:
        """Read back up to `position`; sign the end of each file on the way, and where it ends."""
        mark = self.latest.checkpoint if self.latest is not None else None
        for number in reading.advance(position, mark.size if mark is not None else 0):
            size, root = reading.tree.size, reading.tree.root()
            if mark is not None and size == mark.size and root != mark.root:
                raise BookDamaged(
                    f"the first {size} events are not those that a checkpoint was made of", _HINT
                )
            if size > self._size:
                self._sign(number, size, root)

    def _sign(self, number: int, size: int, root: bytes) -> None:
        signed = self.key.sign(Checkpoint(self.key.public.name, size, root))
        if self._due and self._due[-1][0] == number:
            self._due.pop()  # it could not be kept in time; this one says all that it said
        self._due.append((number, signed))
        self._size = size

    def _keep(self) -> None:
        while self._due:
            number, signed = self._due[0]
            self._store.add(number, signed)
            self._due.pop(0)
            self.latest = signed
            for listener in self._listeners:
                listener(signed)
