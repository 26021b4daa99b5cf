"""Denials that repeat: the first is written at once, those like it are counted, and told once a second.

Rules: an agent that asks for the same thing again and again, and is denied it for the same reason, makes at
most one event a second of it; so do all the further things it asks for, once it has been denied more than a
handful of different ones for that reason. The counts add up to exactly what was denied. Only denials come
here: whatever is sent has an event of its own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from wharfinger.audit.event import Event
from wharfinger.audit.writer import Receipt

EVERY = 1.0
"""Seconds between two events that count."""
DIFFERENT = 20
"""So many different denials of one agent, for one reason, are told of by themselves at a time."""
IDS = 32
"""So many decisions are named in a counted event."""

type Reason = tuple[str, ...]
type Same = tuple[Reason, str]


class Destination(Protocol):
    """The book, as far as it is needed here."""

    async def write(self, event: Event) -> Receipt:
        """Answer when it is durable."""
        ...

    def submit(self, event: Event) -> asyncio.Future[Receipt]:
        """Take it, and return at once."""
        ...


@dataclass(slots=True)
class _Counted:
    """Denials alike since the last event about them."""

    count: int = 0
    last: Event | None = None
    decisions: list[str] = field(default_factory=list)


class Repeats:
    """See the module's head. Of one event loop."""

    def __init__(self, book: Destination) -> None:
        self._book = book
        self._counted: dict[Same, _Counted] = {}
        self._different: dict[Reason, int] = {}
        self._tick: asyncio.TimerHandle | None = None

    async def write(self, event: Event) -> None:
        """Record a denial: returns when it is durable, or at once where it is only counted."""
        same = self._same(event)
        found = self._counted.get(same)
        if found is None:
            self._counted[same] = _Counted()
            self._different[same[0]] = self._different.get(same[0], 0) + 1
            self._wait()
            await self._book.write(event)
            return
        found.count += event.count or 1
        found.last = event
        if len(found.decisions) < IDS:
            found.decisions.append(event.decision)

    def _same(self, event: Event) -> Same:
        who, target = event.who, event.target
        reason = (who.agent_id or who.agent if who else "", str(event.code), event.reason)
        what = " ".join(call.tool for call in event.calls)
        if target is not None:
            what += f" {target.method} {target.scheme} {target.host} {target.port} {target.path}"
        same = (reason, what)
        if same not in self._counted and self._different.get(reason, 0) >= DIFFERENT:
            return (reason, "\x00")  # what no target is: all the others
        return same

    def _wait(self) -> None:
        if self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(EVERY, self._tell)

    def _tell(self) -> None:
        """Write what was counted; forget what did not repeat."""
        self._tick = None
        self.flush()
        if self._counted:
            self._wait()

    def flush(self) -> list[asyncio.Future[Receipt]]:
        """Hand all counts to the book now; the futures are done when they are durable."""
        handed = []
        for same, found in list(self._counted.items()):
            if found.last is None:
                del self._counted[same]
                self._forget(same[0])
                continue
            event = replace(found.last, count=found.count, decisions=tuple(found.decisions))
            self._counted[same] = _Counted()
            future = self._book.submit(event)
            future.add_done_callback(partial(self._written, same, event))
            handed.append(future)
        return handed

    def _forget(self, reason: Reason) -> None:
        self._different[reason] -= 1
        if not self._different[reason]:
            del self._different[reason]

    def _written(self, same: Same, event: Event, done: asyncio.Future[Receipt]) -> None:
        """Count again what could not be written."""
        if not done.cancelled() and done.exception() is None:
            return
        if same not in self._counted:
            self._counted[same] = _Counted()
            self._different[same[0]] = self._different.get(same[0], 0) + 1
        found = self._counted[same]
        found.count += event.count
        found.last = found.last or event
        found.decisions = [*event.decisions, *found.decisions][:IDS]

    def close(self) -> list[asyncio.Future[Receipt]]:
        """Hand over what was counted, and wait for no more."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        return self.flush()
