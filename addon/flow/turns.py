"""Turns at the event loop: no agent has more than half of its time while others want any.

One event loop serves all agents, and what has come in for one of them is worked off at once. Each agent may
use so much of the loop's time at once; beyond that what comes for it, from its own connections and from its
upstreams, waits until it has been away from the loop for as long as it was on it. An agent that is alone
waits for nobody, nor does it wait later for what it used then; nor does one while another has used more of
late, so that whoever keeps the loop busy waits for those who do not. Connections that have not said whose
they are count as one agent, which waits for the others and for which nobody waits: in between they are its
own, if it makes one for each request.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SHARE = 0.5
"""Of the loop's time, for one agent while there are others."""
BURST = 0.004
"""Seconds of it that an agent may use at once: about two requests, which others then wait for."""
RECENT = 1.0
"""Seconds for which an agent that had a turn counts as there, and in which what it used counts for less."""
LOOK = 0.02
"""Seconds after which an agent that waits looks again: another may have used more meanwhile."""


@dataclass(slots=True)
class _Account:
    until: float = 0.0
    """Up to when the agent has used its share: a time of the clock, and of the future beyond its burst."""
    used: float = 0.0
    """Seconds of late: what is RECENT old counts for a third."""
    at: float = 0.0
    """When that was."""
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Where those wait who are to have the next ones, in their order."""

    def of_late(self, now: float) -> float:
        """What it has used, as it counts now."""
        return self.used * math.exp((self.at - now) / RECENT)


class Turns:
    """Of one event loop; used from there only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that only go up."""
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._latest = ""
        """Whose turn the latest was, of those that are known…"""
        self._latest_at = self._before_at = 0.0
        """… when that was, and when the latest of anybody else was."""

    def spent(self, agent: str, seconds: float) -> None:
        """Note that so much processor time was used for `agent` (empty where it is not known)."""
        now = self._clock()
        account = self._accounts.setdefault(agent, _Account())
        account.used, account.at = account.of_late(now) + seconds, now
        account.until = max(account.until, now - BURST / SHARE) + seconds / SHARE
        if self._others_until(agent) <= now:
            account.until = min(account.until, now)  # else the next turn of another would make all of it due
        if agent:
            if agent != self._latest:
                self._latest, self._before_at = agent, self._latest_at
            self._latest_at = now

    async def wait(self, agent: str) -> None:
        """Return once it is the agent's turn; those who wait for it go on in their order."""
        account = self._accounts.setdefault(agent, _Account())
        if not account.queue.locked() and self.left(agent) == 0:
            return
        async with account.queue:
            while (left := self.left(agent)) > 0:  # noqa: ASYNC110 - time is what is waited for
                await asyncio.sleep(min(left, LOOK))

    def left(self, agent: str) -> float:
        """Seconds until it may be the agent's turn, if no other has one meanwhile; 0 where it is."""
        account, now = self._accounts.get(agent), self._clock()
        if account is None:
            return 0.0
        left = min(account.until, self._others_until(agent)) - now
        return left if left > 0 and not self._is_lighter(agent, account, now) else 0.0

    def idle(self) -> float:
        """Seconds since somebody had a turn."""
        return self._clock() - max((each.at for each in self._accounts.values()), default=0.0)

    def _is_lighter(self, agent: str, account: _Account, now: float) -> bool:
        """Whether another agent has used more of late."""
        own, others = account.of_late(now), self._accounts.items()
        present = (each for name, each in others if name and now - each.at < RECENT)
        return agent != "" and any(each.of_late(now) > own for each in present)

    def _others_until(self, agent: str) -> float:
        """Up to when others than the agent count as there."""
        return (self._before_at if agent == self._latest else self._latest_at) + RECENT
