"""What the book has taken, on its way to the writer: what one turn of an event loop brings goes together."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context

from wharfinger.audit.writer import Entry, Writer

PATIENCE = 0.01
"""Seconds that events nobody waits for are kept for company, so that they cost no sync of their own."""


class Intake:
    """See the module's head. `lock` is to be held for `add` and `give`, so that lines keep their order."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._writer: Writer | None = None
        self._waiting: list[Entry] = []
        self._handed = 0
        self._soon: tuple[asyncio.AbstractEventLoop, bool] | None = None
        """Where a handing over is scheduled, and whether it is for the next turn."""

    @property
    def backlog(self) -> int:
        """How many lines were taken and are not written yet."""
        return len(self._waiting) + self._handed - (self._writer.taken if self._writer is not None else 0)

    def lead_to(self, writer: Writer) -> None:
        """Hand over to this writer from now on."""
        self._writer, self._handed = writer, 0

    def add(self, entry: Entry) -> None:
        """Take a line, which waits to be handed over."""
        self._waiting.append(entry)

    def give(self) -> None:
        """Hand over what waits."""
        if self._waiting and self._writer is not None:
            self._handed += len(self._waiting)
            self._writer.queue.put(self._waiting)
            self._waiting = []

    def give_later(self, loop: asyncio.AbstractEventLoop, *, urgent: bool) -> None:
        """Hand over in the next turn of `loop` if it is urgent, else when patience ends.

        In a context of its own: it is for all whose events wait, not for whoever came first.
        """
        if self._soon == (loop, True) or (not urgent and self._soon == (loop, False)):
            return
        self._soon = (loop, urgent)
        if urgent:
            loop.call_soon(self._due, context=Context())
        else:
            loop.call_later(PATIENCE, self._due, context=Context())

    def _due(self) -> None:
        with self.lock:
            self._soon = None
            self.give()
