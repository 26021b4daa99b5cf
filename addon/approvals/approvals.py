"""Put a request to people, hold it for their answer, and let the answer be used once (DESIGN 6).

Rules: the book hears of a change before the store makes it, and the store has it durably before
anybody is told, so nothing goes upstream on an answer that is not written. An approval outlives its
hold and the process. Deadlines hold on wall and monotonic clock, the stricter wins. Where several people
must agree, each answer is a change like any other; a no of any one ends it.

The way of one request through here, in the gate:

    approval = await approvals.ask(...)            # joins an equal one, or asks anew
    approval = await approvals.wait(approval.id, hold)
    if approval.state is State.APPROVED:           # else: refuse; the same request may come again
        await approvals.consume(approval.id, decision_made_again)    # one winner
        ... write the intent event ...
        approvals.sent(approval.id)                # in the step that emits the first byte
        # or, if none was emitted: await approvals.give_back(approval.id)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from wharfinger.approvals import rows
from wharfinger.approvals.approval import Approval, NotUsable, asked, rule_names
from wharfinger.approvals.changes import Changes, Record
from wharfinger.approvals.question import question
from wharfinger.approvals.states import Move, State, WrongState, after
from wharfinger.approvals.watching import Watch
from wharfinger.clock import Clock
from wharfinger.rules.policies import asking
from wharfinger.rules.types import Decision, Request, Verdict

_KEPT = timedelta(days=30)
_LIVE_LIMIT = 100_000


class Approvals:
    """All approvals of one runtime. Used from one event loop, by the holder of the data lock."""

    def __init__(
        self, store: rows.Store, clock: Clock, record: Record, *, cap: int = 8, usable: timedelta
    ) -> None:
        """`cap`: requests that wait, for each agent; `usable`: how long an approved one may be resumed."""
        self._store = store
        self._clock = clock
        self._cap = cap
        self._changes = Changes(store, clock, record, usable)
        self._standing = self._changes.standing
        self._waiters = self._changes.waiters

    async def open(self) -> None:
        """Take up what an earlier run left in the store; what has expired meanwhile ends."""
        await self._store.run(lambda conn: rows.prune(conn, self._clock.now() - _KEPT))
        live = [state for state in State if state.live]
        for approval in await self._store.run(lambda conn: rows.newest(conn, live, _LIVE_LIMIT)):
            self._standing.remember(approval)
        await self.sweep()

    def configure(self, *, cap: int, usable: timedelta) -> None:
        """Take new settings; deadlines already given stand."""
        self._cap = cap
        self._changes.usable = usable

    async def close(self) -> None:
        """Wait for changes under way."""
        await self._changes.close()

    # What the gate does.

    async def ask(
        self,
        agent_id: str,
        request: Request,
        decision: Decision,
        volatile: Iterable[tuple[str, str]] = (),
    ) -> Approval:
        """The approval that `request` waits for: the live one of an equal request, or a new one.

        `volatile` are the header fields that the digest leaves out, shown to the approver. Raises
        `TooManyPending`; `ValueError` for a decision that does not ask.
        """
        new = asked(
            agent_id, request.agent, decision, question(request, decision, volatile), self._clock.now()
        )
        return await self._changes.finish(self._changes.ask(new, self._cap))

    async def wait(self, approval_id: str, within: timedelta) -> Approval:
        """Hold one request until its approval is answered, for `within` at most.

        Gives the approval as it then is: `approved` to one waiter only, `used` to those that came
        second, `pending` where the hold ended first. To be cancelled in here ends the hold and
        nothing else. Raises `TooManyPending` where the agent holds too many requests.
        """
        approval = await self._current(approval_id)
        if approval.state is not State.PENDING:
            return approval
        waiter = self._waiters.join(approval, self._cap)
        try:
            limit = min(within, self._standing.left(approval_id))
            async with asyncio.timeout(max(limit.total_seconds(), 0)):
                return await waiter
        except TimeoutError:
            told = waiter.done() and not waiter.cancelled()
            return waiter.result() if told else await self._current(approval_id)
        except asyncio.CancelledError:
            self._pass_on(waiter)
            raise
        finally:
            self._waiters.leave(approval, waiter)

    async def consume(self, approval_id: str, decision: Decision) -> Approval:
        """Use up an approval, durably, for the request that `decision` was just made again on.

        Exactly one caller succeeds. Raises `NotUsable` where digest, deciding rules or verdict are no
        longer those that were approved, `WrongState` where it is not approved (any more). A caller
        that is cancelled in here has not sent anything, so the approval is given back.
        """
        using = self._changes.start(self._consume(approval_id, decision))
        try:
            return await asyncio.shield(using)
        except asyncio.CancelledError:
            self._changes.start(self._undo(using, approval_id))
            raise

    def sent(self, approval_id: str) -> bool:
        """Whether the request may go out on this approval, asked in the step that emits its first byte.

        True once, for an approval that is consumed and not overdue; it cannot be given back after.
        """
        if not self._standing.unsent(approval_id) or self._standing.ended(approval_id):
            return False
        self._standing.forget(approval_id)
        return True

    async def give_back(self, approval_id: str) -> Approval:
        """Undo `consume` for a request of which no byte was sent; `WrongState` after `sent`."""
        return await self._changes.finish(self._give_back(approval_id))

    # What people do.

    async def approve(self, approval_id: str, person: str, comment: str | None = None) -> Approval:
        """Answer yes. Gives it `approved`, or still `pending` where more must agree.

        Raises `NotApprover` for anyone the rule does not name, `AlreadyAnswered` for one who has agreed,
        `WrongState` if it is too late.
        """
        return await self._changes.make(approval_id, Move.APPROVE, person, comment, answers=True)

    async def deny(self, approval_id: str, person: str, comment: str | None = None) -> Approval:
        """Answer no, which ends it whoever has agreed; raises as `approve` does."""
        return await self._changes.make(approval_id, Move.DENY, person, comment, answers=True)

    async def cancel(self, approval_id: str, person: str | None, comment: str | None = None) -> Approval:
        """Withdraw it, answered or not, before it is used; None for the agent or the runtime."""
        return await self._changes.make(approval_id, Move.CANCEL, person, comment)

    async def cancel_all(self, agent_id: str, person: str | None, comment: str) -> int:
        """Withdraw everything of one agent (suspended, for example); how many there were."""
        mine = [known.id for known in self._standing.live() if known.agent_id == agent_id]
        for approval_id in mine:
            await self._changes.quietly(self.cancel(approval_id, person, comment))
        return len(mine)

    async def sweep(self) -> int:
        """End what is overdue; how many. To be called every second or so by the runtime.

        What has waited long enough is put to others, too.
        """
        over, waited = self._standing.due()
        for approval_id in over:
            await self._changes.quietly(self._changes.make(approval_id, Move.EXPIRE, None, None))
        for approval_id in waited:
            await self._changes.quietly(self._changes.make(approval_id, None, None, None))
        return len(over)

    # What is shown.

    def watch(self) -> Watch:
        """Be told every change once it is durable, and every flood; see `wharfinger.approvals.watching`."""
        return self._changes.watching.begin()

    def pending(self, agent_id: str) -> int:
        """How many requests of an agent wait for people."""
        return self._changes.pending(agent_id)

    def floods(self) -> Mapping[str, int]:
        """Agents (by id) that ask for more than they may, and how many requests were refused for it."""
        return self._changes.floods.under_way()

    async def list(
        self, states: Iterable[State] = (State.PENDING,), limit: int = 200
    ) -> tuple[Approval, ...]:
        """The newest approvals in any of `states`, newest first."""
        wanted = set(states)
        stored = wanted | {state for state in State if state.live and State.EXPIRED in wanted}
        found = await self._store.run(lambda conn: rows.newest(conn, stored, limit))
        seen = (self._standing.as_seen(approval) for approval in found)
        return tuple(approval for approval in seen if approval.state in wanted)

    async def show(self, approval_id: str) -> Approval:
        """One approval; `NoSuchApproval`."""
        return self._standing.as_seen(await self._changes.find(approval_id))

    async def history(self, approval_id: str) -> tuple[dict[str, Any], ...]:
        """Every change of one approval, oldest first, as plain JSON."""
        return await self._store.run(lambda conn: rows.history(conn, approval_id))

    # How it is done.

    async def _consume(self, approval_id: str, decision: Decision) -> Approval:
        approval = await self._changes.find(approval_id)
        after(approval.state, Move.USE)
        if decision.verdict is not Verdict.ASK:
            raise NotUsable(f"approval {approval_id} cannot loosen a decision to {decision.verdict}")
        if decision.digest != approval.digest:
            raise NotUsable(f"approval {approval_id} is for another request")
        if rule_names(decision) != approval.rules:
            raise NotUsable(f"approval {approval_id} was asked for by other rules")
        seats = [each.seat for each in approval.given]
        if decision.ask is None or not asking.satisfied(decision.ask, seats):
            raise NotUsable(f"those who answered approval {approval_id} are not its approvers any more")
        return await self._changes.make(approval_id, Move.USE, approval.person, approval.comment)

    async def _give_back(self, approval_id: str) -> Approval:
        if not self._standing.unsent(approval_id):
            raise WrongState((await self._changes.find(approval_id)).state, Move.GIVE_BACK)
        return await self._changes.make(approval_id, Move.GIVE_BACK, None, None)

    async def _undo(self, using: asyncio.Task[Approval], approval_id: str) -> None:
        await asyncio.wait([using])
        if not using.cancelled() and using.exception() is None:
            await self._changes.quietly(self._give_back(approval_id))

    async def _current(self, approval_id: str) -> Approval:
        approval = await self._changes.find(approval_id)
        if not self._standing.overdue(approval):
            return approval
        await self._changes.quietly(self._changes.make(approval_id, Move.EXPIRE, None, None))
        return self._standing.as_seen(await self._changes.find(approval_id))

    def _pass_on(self, waiter: asyncio.Future[Approval]) -> None:
        """Release the next waiter where the one that was released is gone."""
        if waiter.done() and not waiter.cancelled():
            current = self._standing.one_live(waiter.result().id)
            if current is not None and current.state is State.APPROVED:
                self._waiters.tell(current)
