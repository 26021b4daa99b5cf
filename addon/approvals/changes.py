"""How an approval changes: the book hears of it, the store has it, then whoever waits or watches is told.

One change at a time, each made to its end even where whoever asked for it has gone away. What time has done
meanwhile (overdue, or to be put to others) is always made first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

from wharfinger.approvals import rows
from wharfinger.approvals.approval import Approval, NoSuchApproval, TooManyPending
from wharfinger.approvals.asks import Given
from wharfinger.approvals.floods import Floods
from wharfinger.approvals.question import safe_text
from wharfinger.approvals.standing import Standing
from wharfinger.approvals.states import ApprovalError, Move, State, after
from wharfinger.approvals.waiters import Waiters
from wharfinger.approvals.watching import Change, Flood, Watching
from wharfinger.clock import Clock

COMMENT_LIMIT = 1000

type Record = Callable[[Change | Flood], Awaitable[object]]
"""Writes a change to the book; returns when it is durable, raises if it cannot be."""


class Changes:
    """Makes the changes of all approvals of one runtime, from one event loop."""

    def __init__(self, store: rows.Store, clock: Clock, record: Record, usable: timedelta) -> None:
        """`usable`: how long an approved one may be resumed."""
        self.usable = usable
        self.standing = Standing(clock)
        self.floods = Floods(clock)
        self.waiters = Waiters()
        self.watching = Watching()
        self._store = store
        self._clock = clock
        self._record = record
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait for changes under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def find(self, approval_id: str) -> Approval:
        """One approval as it is kept; `NoSuchApproval`."""
        known = self.standing.find(approval_id)
        if known is not None:
            return known
        stored = await self._store.run(lambda conn: rows.get(conn, approval_id))
        if stored is None:
            raise NoSuchApproval(approval_id)
        return stored

    def pending(self, agent_id: str) -> int:
        """How many requests of an agent wait for people."""
        return sum(
            known.agent_id == agent_id and known.state is State.PENDING for known in self.standing.live()
        )

    async def ask(self, new: Approval, cap: int) -> Approval:
        """Begin this one, or join the live one of an equal request; `TooManyPending` at `cap`."""
        async with self._lock:
            joined = self._equal(new)
            if joined is not None:
                return joined
            if self.pending(new.agent_id) >= cap:
                await self._flooded(new, cap)
                raise TooManyPending(new.agent, cap)
            change = Change(new, None, new.created)
            await self._record(change)
            await self._store.run(lambda conn: rows.insert(conn, new))
            self.standing.remember(new)
            self.watching.tell(change)
            return new

    async def _flooded(self, new: Approval, cap: int) -> None:
        if self.floods.refused(new.agent_id):
            flood = Flood(new.agent, new.agent_id, cap, new.created)
            await self._record(flood)
            self.watching.tell(flood)

    def _equal(self, new: Approval) -> Approval | None:
        for known in self.standing.live():
            if known.key == new.key and not self.standing.ended(known.id):
                return known
        return None

    async def make(
        self,
        approval_id: str,
        move: Move | None,
        person: str | None,
        comment: str | None,
        *,
        answers: bool = False,
    ) -> Approval:
        """Make one move, after those that time has made meanwhile; None for these alone.

        `answers`: whether it is a person's yes or no. It is made to its end, whether or not the caller stays.
        """
        return await self.finish(self._make(approval_id, move, person, comment, answers=answers))

    async def _make(
        self, approval_id: str, move: Move | None, person: str | None, comment: str | None, *, answers: bool
    ) -> Approval:
        async with self._lock:
            before = await self.find(approval_id)
            if move is not Move.EXPIRE and self.standing.overdue(before):
                before = await self._commit(before, before, Move.EXPIRE, None, None)
            while before.state is State.PENDING and self.standing.waited(approval_id):
                before = await self._commit(before, before, Move.ESCALATE, None, None)
            if move is None:
                return before
            words = None if comment is None else safe_text(comment[:COMMENT_LIMIT])
            moving = before
            if answers and person is not None:
                after(before.state, move)
                moving, move = self._answered(before, move, person, words)
            return await self._commit(before, moving, move, person, words)

    def _answered(
        self, approval: Approval, move: Move, person: str, comment: str | None
    ) -> tuple[Approval, Move]:
        """The approval with this answer, and what it comes to: a yes that is not the last only counts."""
        now = self._clock.now()
        seat = approval.seat(person, now)
        if move is not Move.APPROVE:
            return approval, move
        new = approval.agreed(Given(seat, now, comment))
        return new, Move.APPROVE if not new.missing else Move.AGREE

    async def _commit(
        self, before: Approval, moving: Approval, move: Move, person: str | None, comment: str | None
    ) -> Approval:
        now = self._clock.now()
        new = moving.moved(move, now, person=person, comment=comment, usable=self.usable)
        change = Change(new, move, now)
        await self._record(change)
        await self._store.run(lambda conn: rows.change(conn, before, new, move))
        self.standing.remember(new)
        self.waiters.tell(new)
        self.watching.tell(change)
        return new

    def start[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin `work`, which `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def finish[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end even if the caller goes away: a change is made whole or not at all."""
        return await asyncio.shield(self.start(work))

    async def quietly(self, work: Coroutine[Any, Any, Approval]) -> None:
        """Do `work`, which may meet that somebody else was first."""
        try:
            await work
        except ApprovalError:
            return
