"""Misuse by agents, for people to be told of: at once where it is new, and as a sum where it goes on.

A placeholder is worth nothing outside its place, so one that is seen elsewhere says that somebody tries to
use what an agent holds: it is a honeytoken. Rules: the first misuse of its kind by an agent is told at once;
those like it, and all beyond a handful of kinds, are counted and told as one sum when `EVERY` is over, for as
long as it goes on. What is told is a reason of ours and counts, never a byte of what was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from wharfinger.audit.event import Who

EVERY: Final = timedelta(minutes=10)
"""Between two sums, and after which the same misuse is new again."""
KINDS: Final = 3
"""Kinds of misuse of one agent that are told at once in that time."""
AT_ONCE: Final = 20
"""So much of all agents together."""
NAMED: Final = 10
"""Agents that are named in a sum."""
_REMEMBERED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Misuse:
    """What an agent did, and how often."""

    who: Who
    """The agent, with the run and the confinement of the last time."""
    reason: str
    """As the agent was told it: of the last time."""
    decision: str
    """Id of the last refusal, under which it stands in the audit log."""
    count: int = 1

    @property
    def agent(self) -> str:
        """Its name."""
        return self.who.agent

    @property
    def agent_id(self) -> str:
        """What is its own, whatever it is called."""
        return self.who.agent_id


@dataclass(frozen=True, slots=True)
class Alert:
    """What people are to be told."""

    found: tuple[Misuse, ...]
    at: datetime
    sum: bool = False
    """Whether it adds up what happened since the alert before it."""
    more: int = 0
    """Agents beyond those that are named."""


@dataclass(slots=True)
class _Agent:
    """The misuse of one agent since the last sum."""

    told: set[str] = field(default_factory=set)
    """The kinds that were told at once."""
    counted: Misuse | None = None
    """What was not."""


class Misuses:
    """See the module's head. Of one event loop."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Nothing so far."""
        self._now = now
        self._watchers: list[Callable[[Alert], object]] = []
        self._agents: dict[str, _Agent] = {}
        self._at_once = 0
        self._tick: asyncio.TimerHandle | None = None
        self._lately: dict[str, tuple[datetime, Misuse]] = {}

    def watch(self, told: Callable[[Alert], object]) -> None:
        """Have `told` called with every alert from now on. It must not wait."""
        self._watchers.append(told)

    def note(self, who: Who, reason: str, decision: str) -> None:
        """Take up one misuse. Returns at once."""
        found = Misuse(who, reason, decision)
        self._remember(found)
        agent = self._agents.setdefault(who.agent_id or who.agent, _Agent())
        if self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(EVERY.total_seconds(), self._sum)
        if reason not in agent.told and len(agent.told) < KINDS and self._at_once < AT_ONCE:
            agent.told.add(reason)
            self._at_once += 1
            self._tell(Alert((found,), self._now()))
            return
        before = 0 if agent.counted is None else agent.counted.count
        agent.counted = replace(found, count=before + 1)

    def lately(self) -> Iterator[Misuse]:
        """What each agent did within the last hour, with how often."""
        since = self._now() - _REMEMBERED
        self._lately = {key: held for key, held in self._lately.items() if held[0] > since}
        return (misuse for _, misuse in self._lately.values())

    def close(self) -> None:
        """Tell what has been counted, and count no more."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
            self._add_up()

    def _remember(self, found: Misuse) -> None:
        key, now = found.agent_id or found.agent, self._now()
        at, before = self._lately.get(key, (now, replace(found, count=0)))
        count = before.count if now - at < _REMEMBERED else 0
        self._lately[key] = (now, replace(found, count=count + 1))

    def _sum(self) -> None:
        """Tell what was counted, and go on with that for as long as there is something."""
        self._tick = None
        if self._add_up():
            self._tick = asyncio.get_running_loop().call_later(EVERY.total_seconds(), self._sum)

    def _add_up(self) -> bool:
        """Tell what was counted, if anything was; while it goes on, what was told is not new."""
        self._at_once = 0
        self._agents = {key: agent for key, agent in self._agents.items() if agent.counted is not None}
        if not self._agents:
            return False
        counted = [agent.counted for agent in self._agents.values() if agent.counted is not None]
        counted.sort(key=lambda misuse: (-misuse.count, misuse.agent))
        for agent in self._agents.values():
            agent.counted = None
        self._tell(Alert(tuple(counted[:NAMED]), self._now(), sum=True, more=len(counted[NAMED:])))
        return True

    def _tell(self, alert: Alert) -> None:
        for told in self._watchers:
            told(alert)
