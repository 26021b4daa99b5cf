"""The ledger: what limits have counted, in memory for the decision and in the store for the next start.

Rules: a count is taken in one synchronous step, whole or not at all, and is durable before the first byte
goes upstream; it is given back only for a request of which no byte went upstream, or which was answered
with 4xx. A window slides: what was counted an hour ago to the microsecond counts no more. Time has passed
once both clocks say so. Up to `MOST` counts of one counter are kept apart; with more, the oldest are put
together under the later time, so that memory is bounded and the error is on the strict side.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from wharfinger.limits import rows
from wharfinger.limits.rows import Counted
from wharfinger.rules.models.limits import Window
from wharfinger.rules.policies.limits import Reservation

if TYPE_CHECKING:
    from wharfinger.clock import Clock
    from wharfinger.keeping.store import Store

MOST: Final = 100_000
_LOOKED_AT: Final = 1_000
"""Entries that are looked through to say when there is room again; beyond, the end of the window is told."""
_DAY: Final = timedelta(days=1)

type _Name = tuple[str, str, str]
"""Agent id, run (where the window is one), key."""


@dataclass(slots=True)
class _Entry:
    amount: Fraction
    at: datetime
    since: float
    """On the monotonic clock."""


class _Counter:
    """What one limit has counted of one agent."""

    def __init__(self, span: timedelta | None) -> None:
        self.span = span
        self.total = Fraction(0)
        self.entries: OrderedDict[str, _Entry] = OrderedDict()

    def add(self, decision: str, entry: _Entry) -> None:
        self.entries[decision] = entry
        self.total += entry.amount
        if len(self.entries) > MOST:
            _, oldest = self.entries.popitem(last=False)
            self.entries[next(iter(self.entries))].amount += oldest.amount

    def remove(self, decision: str, amount: Fraction) -> None:
        """Give back what this decision has counted; what was put together with it stays."""
        entry = self.entries.get(decision)
        if entry is not None:
            entry.amount -= amount
            self.total -= amount
            if not entry.amount:
                del self.entries[decision]

    def pass_time(self, now: datetime, monotonic: float) -> None:
        """Drop what is outside of the window."""
        if self.span is None:
            return
        while self.entries:
            first = self.entries[next(iter(self.entries))]
            if self._left(first, now, monotonic) > 0:
                return
            self.entries.popitem(last=False)
            self.total -= first.amount

    def frees(self, room: Fraction, now: datetime, monotonic: float) -> datetime | None:
        if self.span is None or room < 0:
            return None
        total = self.total
        for number, entry in enumerate(self.entries.values()):
            total -= entry.amount
            if total <= room:
                return now + timedelta(seconds=self._left(entry, now, monotonic))
            if number >= _LOOKED_AT:
                break
        return now + self.span

    def _left(self, entry: _Entry, now: datetime, monotonic: float) -> float:
        """Seconds for which an entry still counts, by the clock on which that is longer."""
        span = self.span.total_seconds() if self.span is not None else 0.0
        passed = min((now - entry.at).total_seconds(), monotonic - entry.since)
        return span - passed


class Ledger:
    """All counters. Counted in the event loop; asked from any thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._counters: dict[_Name, _Counter] = {}
        self._held: dict[str, tuple[tuple[_Name, ...], tuple[Counted, ...]]] = {}
        """By decision id: what was counted for a request that has not come to its end."""

    async def open(self) -> None:
        """Take up what was counted before; a request that a crash cut off has been counted for good."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        await self._store.run(rows.prune, now - _DAY)
        for counted in await self._store.run(rows.every):
            passed = max((now - counted.at).total_seconds(), 0.0)
            entry = _Entry(counted.amount, counted.at, monotonic - passed)
            self._counter(counted.agent_id, counted.run, counted.key, counted.window).add(
                counted.decision, entry
            )

    def view(self, agent_id: str, run: str) -> View:
        """What is counted of one agent, in this run of it if it is in one."""
        return View(self, agent_id, run)

    def reserve(self, decision: str, agent_id: str, run: str, reservations: Iterable[Reservation]) -> bool:
        """Count all of them, or nothing where one does not fit any more: then decide again."""
        wanted = tuple(reservations)
        if not wanted:
            return True
        now, monotonic = self._clock.now(), self._clock.monotonic()
        with self._lock:
            if any(not self._fits(each, agent_id, run, now, monotonic) for each in wanted):
                return False
            taken = tuple(
                Counted(decision, agent_id, _run(each.window, run), each.key, each.window, now, each.amount)
                for each in wanted
                if each.amount
            )
            for each in taken:
                counter = self._counter(agent_id, each.run, each.key, each.window)
                counter.add(decision, _Entry(each.amount, now, monotonic))
        names = tuple((agent_id, each.run, each.key) for each in taken)
        self._held[decision] = (names, taken)
        return True

    async def keep(self, decision: str) -> None:
        """Make what was counted for this decision durable."""
        held = self._held.get(decision)
        if held is not None and held[1]:
            await self._store.run(rows.insert, held[1])

    def settle(self, decision: str) -> None:
        """The request has come to an end, and stays counted."""
        self._held.pop(decision, None)

    def give_back(self, decision: str) -> bool:
        """The request counts for nothing; whether anything of it is to be forgotten by `forget`."""
        names, taken = self._held.pop(decision, ((), ()))
        with self._lock:
            for name, each in zip(names, taken, strict=True):
                if (counter := self._counters.get(name)) is not None:
                    counter.remove(decision, each.amount)
        return bool(taken)

    async def forget(self, decision: str) -> None:
        """Give back in the store what was given back here."""
        await self._store.run(rows.delete, decision)

    def end_run(self, run: str) -> None:
        """Drop what a run has counted: nothing can ask for it again."""
        with self._lock:
            for name in [name for name in self._counters if name[1] == run]:
                del self._counters[name]

    async def sweep(self) -> None:
        """Drop from the store what no window holds any more."""
        await self._store.run(rows.prune, self._clock.now() - _DAY)

    # For views

    def used(self, name: _Name) -> Fraction:
        """How much a counter has counted by now."""
        with self._lock:
            counter = self._counters.get(name)
            if counter is None:
                return Fraction(0)
            counter.pass_time(self._clock.now(), self._clock.monotonic())
            if not counter.entries:
                del self._counters[name]
                return Fraction(0)
            return counter.total

    def frees(self, name: _Name, room: Fraction) -> datetime | None:
        """When a counter will hold no more than `room`."""
        with self._lock:
            counter = self._counters.get(name)
            if counter is None:
                return self._clock.now()
            return counter.frees(room, self._clock.now(), self._clock.monotonic())

    def _fits(self, wanted: Reservation, agent_id: str, run: str, now: datetime, monotonic: float) -> bool:
        counter = self._counters.get((agent_id, _run(wanted.window, run), wanted.key))
        if counter is None or wanted.room is None:
            return wanted.room is None or wanted.room >= 0
        counter.pass_time(now, monotonic)
        return counter.total <= wanted.room

    def _counter(self, agent_id: str, run: str, key: str, window: Window) -> _Counter:
        return self._counters.setdefault((agent_id, run, key), _Counter(window.span))


@dataclass(frozen=True, slots=True)
class View:
    """`rules.policies.limits.Counters` of one agent."""

    ledger: Ledger
    agent_id: str
    run: str

    def used(self, key: str, window: Window) -> Fraction | None:
        """How much is counted now; None where the window is a run, and there is none."""
        if window is Window.RUN and not self.run:
            return None
        return self.ledger.used((self.agent_id, _run(window, self.run), key))

    def frees(self, key: str, window: Window, room: Fraction) -> datetime | None:
        """When no more than `room` will be counted."""
        return self.ledger.frees((self.agent_id, _run(window, self.run), key), room)


def _run(window: Window, run: str) -> str:
    return run if window is Window.RUN else ""
