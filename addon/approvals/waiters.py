"""The requests that are held until their approval is answered.

An answer that lets a request through releases one waiter, the newest alive: an older one is most
likely a connection that its client has given up and sent again. Every other answer ends all holds.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from wharfinger.approvals.approval import Approval, TooManyPending
from wharfinger.approvals.states import State

type Waiter = asyncio.Future[Approval]


class Waiters:
    """Futures of held requests by approval, oldest first, with a cap for each agent."""

    def __init__(self) -> None:
        self._held: dict[str, list[Waiter]] = {}
        self._of_agent: Counter[str] = Counter()

    def join(self, approval: Approval, cap: int) -> Waiter:
        """Hold one more request; raises `TooManyPending` where its agent holds `cap` already."""
        if self._of_agent[approval.agent_id] >= cap:
            raise TooManyPending(approval.agent, cap)
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._held.setdefault(approval.id, []).append(waiter)
        self._of_agent[approval.agent_id] += 1
        return waiter

    def leave(self, approval: Approval, waiter: Waiter) -> None:
        """End one hold."""
        held = self._held.get(approval.id, [])
        held.remove(waiter)
        if not held:
            self._held.pop(approval.id, None)
        self._of_agent[approval.agent_id] -= 1
        if not self._of_agent[approval.agent_id]:
            del self._of_agent[approval.agent_id]

    def tell(self, approval: Approval) -> None:
        """Let the waiters know how `approval` stands now; one that is still pending ends no hold."""
        if approval.state is State.PENDING:
            return
        waiting = [waiter for waiter in self._held.get(approval.id, ()) if not waiter.done()]
        if approval.state is State.APPROVED:
            waiting = waiting[-1:]
        for waiter in waiting:
            waiter.set_result(approval)

    def count(self, agent_id: str) -> int:
        """How many requests of one agent are held."""
        return self._of_agent[agent_id]
