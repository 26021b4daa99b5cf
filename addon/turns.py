"""An event loop that runs next what is ready for whoever has kept it busy least.

One event loop serves all agents. asyncio runs what is ready in the order in which it became so, and where one
agent keeps it busy everybody else waits in line behind that one's work. Here each callback belongs, by its
context (PEP 567), to whoever's connection it serves, and what is ready for one agent is a line of its own.
Each step is charged to its line in processor time, of which a line is forgiven as much as the time for which
it was empty, and the line that is charged least goes first. So one that wants little waits for the step under
way and no more; whoever uses more than half of the time, in whatever pieces, waits for those who do not; and
nobody waits while there is nothing else to do.

That is start-time fair queueing (Goyal, Vin, Cheng, 1996), with forgiveness, and with some credit.

What serves nobody's connection (the book, the control socket) goes before all lines.
Connections that have not said whose they are share one.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import heapq
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

CREDIT = 0.05
"""Seconds of processor time by which a line that was empty for long is charged less than any that was not."""
PASS = 0.001
"""Seconds of processor time after which the loop looks at what else has become ready."""
MOST = 64
"""Callbacks after which it does so at the latest."""


@dataclass(slots=True, eq=False)
class _Whose:
    """Whose a connection is, as all know that serve it."""

    agent: str
    """Empty as long as it has not been said."""


_whose: contextvars.ContextVar[_Whose] = contextvars.ContextVar("whose")


def serving(agent: str) -> contextvars.Context:
    """A context for what serves one connection of `agent` (empty where it has to say so)."""
    context = contextvars.Context()
    context.run(_whose.set, _Whose(agent))
    return context


def known(agent: str) -> None:
    """Note that the connection that is served here is the agent's."""
    if (whose := _whose.get(None)) is not None:
        whose.agent = agent


def idle() -> float:
    """Seconds since the running loop last did something for an agent; 0 where it does not keep count."""
    loop = asyncio.get_running_loop()
    return loop.turns.idle() if isinstance(loop, Loop) else 0.0


@dataclass(slots=True, eq=False)
class _Line:
    """What is ready for one agent, in its order."""

    charged: float
    """Seconds of processor time."""
    left: float
    """When its latest turn ended: since then it is empty, if it is."""
    waits: bool = False
    """Whether it is among those that wait for a turn."""
    ready: collections.deque[asyncio.Handle] = field(default_factory=collections.deque)


class Turns:
    """Takes the place of the queue of a loop's ready callbacks, of which asyncio uses these methods only.

    `append` may be called in any thread, everything else in the loop's.
    """

    def __init__(
        self,
        nothing: asyncio.Handle,
        used: Callable[[], float] = time.thread_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`nothing`: a cancelled callback; `used`: seconds that the thread has worked; `clock`: steady."""
        self._nothing, self._used, self._clock = nothing, used, clock
        self._came: collections.deque[asyncio.Handle] = collections.deque()
        self.append = self._came.append
        self._shared: collections.deque[asyncio.Handle] = collections.deque()
        self._lines: dict[str, _Line] = {}
        """One for each agent that was ever there."""
        self._heap: list[tuple[float, int, _Line]] = []
        """Those that wait for a turn, by what they have been charged, and then in their order."""
        self._number = itertools.count()
        self._count = 0
        self._there: set[int] = set()
        """Those of readers and writers come again with each look, also while they still wait."""
        self._furthest = 0.0
        """What the line that was charged most, of those that had a turn, had been charged before it."""
        self._now: _Line | None = None
        """Whose turn it is…"""
        self._since = 0.0
        """… since when, in processor time, …"""
        self._until = math.inf
        """… and when the pass is over; not set before its first turn."""
        self._first = 0
        """How much of what is nobody's goes before all lines in this pass, …"""
        self._some = False
        """… and whether there was a turn of one: one there is, so that none is kept waiting for ever."""
        self._busy = clock()

    def __len__(self) -> int:
        """How many to run at most before the loop looks for more: a pass begins."""
        self._charge()
        self._sort()
        self._until, self._some = math.inf, False
        self._first = min(len(self._shared), MOST // 2)
        return min(self._count, MOST)

    def popleft(self) -> asyncio.Handle:
        """What is to run next: nothing, where the pass is over."""
        self._charge()
        self._sort()
        if self._until == math.inf:
            self._until = self._since + PASS
        over = self._since >= self._until
        if self._first or (self._shared and not self._heap and not over):
            self._first = max(self._first - 1, 0)
            return self._taken(self._shared)
        if not self._heap or (over and self._some):
            return self._nothing
        _, _, self._now = heapq.heappop(self._heap)
        self._now.waits = False
        self._furthest = max(self._furthest, self._now.charged)
        self._some = True
        return self._taken(self._now.ready)

    def clear(self) -> None:
        """Forget all: the loop is being closed."""
        for each in (self._came, self._shared, self._lines, self._heap, self._there):
            each.clear()
        self._now, self._count, self._first = None, 0, 0

    def idle(self) -> float:
        """Seconds since something was last done for an agent."""
        return self._clock() - self._busy

    def _charge(self) -> None:
        """End the turn under way."""
        now, line = self._used(), self._now
        if line is not None:
            self._now, self._busy = None, self._clock()
            line.charged += now - self._since
            line.left = self._busy
            if line.ready:
                self._list(line)
        self._since = now

    def _sort(self) -> None:
        """Have each of those that came wait in its line."""
        while self._came:
            handle = self._came.popleft()
            if id(handle) in self._there:
                continue
            self._there.add(id(handle))
            self._count += 1
            whose = handle.get_context().get(_whose)
            if whose is None:
                self._shared.append(handle)
                continue
            line = self._lines.get(whose.agent)
            if line is None:
                line = self._lines[whose.agent] = _Line(-math.inf, 0.0)
            line.ready.append(handle)
            if not line.waits:
                forgiven = line.charged - (self._clock() - line.left)
                line.charged = max(forgiven, self._furthest - CREDIT)
                self._list(line)

    def _list(self, line: _Line) -> None:
        line.waits = True
        heapq.heappush(self._heap, (line.charged, next(self._number), line))

    def _taken(self, ready: collections.deque[asyncio.Handle]) -> asyncio.Handle:
        handle = ready.popleft()
        self._count -= 1
        self._there.discard(id(handle))
        return handle


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own, but for the order in which it runs what is ready."""

    def __init__(self) -> None:
        """Raises `RuntimeError` with a Python whose loop is built otherwise."""
        super().__init__()
        if type(getattr(self, "_ready", None)) is not collections.deque:
            self.close()
            raise RuntimeError("this Python's event loop cannot be told what to run next")
        nothing = asyncio.Handle(int, (), self)
        nothing.cancel()
        self.turns = Turns(nothing)
        self._ready = self.turns
