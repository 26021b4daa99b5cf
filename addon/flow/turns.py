"""Turns at the event loop: no agent has more than half of its time while others want any.

One event loop serves all agents, and what has come in for one of them is worked off at once. Each agent may
use so much of the loop's time at once; beyond that what comes for it, from its own connections and from its
upstreams, waits until it has been away from the loop for as long as it was on it. An agent that is alone
waits for nobody. Connections that have not said whose they are count as one agent, which waits for the others
and for which nobody waits: in between they are its own, if it makes one for each request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SHARE = 0.5
"""Of the loop's time, for one agent while there are others."""
BURST = 0.004
"""Seconds of it that an agent may use at once: about two requests, which others then wait for."""
RECENT = 1.0
"""Seconds for which an agent that had a turn counts as there."""


@dataclass(slots=True)
class _Account:
    until: float = 0.0
    """Up to when the agent has used its share: a time of the clock, and of the future beyond its burst."""
    last: float = 0.0
    """When it had a turn."""
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Where those wait who are to have the next ones, in their order."""


class Turns:
    """Of one event loop; used from there only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that only go up."""
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def spent(self, agent: str, seconds: float) -> None:
        """Note that so much of the loop's time was used for `agent` (empty where it is not known)."""
        now = self._clock()
        account = self._accounts.setdefault(agent, _Account())
        account.until = max(account.until, now - BURST / SHARE) + seconds / SHARE
        account.last = now

    async def wait(self, agent: str) -> None:
        """Return once it is the agent's turn; those who wait for it go on in their order."""
        account = self._accounts.setdefault(agent, _Account())
        if not account.queue.locked() and self.left(agent) == 0:
            return
        async with account.queue:
            while (left := self.left(agent)) > 0:  # noqa: ASYNC110 - time is what is waited for
                await asyncio.sleep(left)

    def left(self, agent: str) -> float:
        """Seconds until it may be the agent's turn; 0 where it is."""
        account = self._accounts.get(agent)
        now = self._clock()
        if account is None or account.until <= now or not self._others(agent, now):
            return 0.0
        return account.until - now

    def idle(self) -> float:
        """Seconds since somebody had a turn."""
        return self._clock() - max((account.last for account in self._accounts.values()), default=0.0)

    def _others(self, agent: str, now: float) -> bool:
        return any(
            name not in {"", agent} and now - one.last < RECENT for name, one in self._accounts.items()
        )
