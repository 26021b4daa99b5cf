"""Grants at work: proposed, given, used, ended (DESIGN 1; what they cover is `rules.policies.grants`).

Rules: the book hears of a change before the store makes it, and the store has it before it counts. What a
request takes is taken in one synchronous step with opening it, whole or not at all, and is durable before its
intent; it is given back only where no byte was sent. Ends hold on wall and monotonic clock, the stricter
wins. What a change of the configuration ends stays ended if it is changed back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from wharfinger.approvals import grant_rows as rows
from wharfinger.approvals.deadlines import Deadline
from wharfinger.approvals.granted import (
    Draft,
    GrantError,
    GrantMove,
    GrantState,
    NoSuchGrant,
    StoredGrant,
    new_id,
)
from wharfinger.approvals.question import safe_text
from wharfinger.rules.policies.granting import ended
from wharfinger.rules.policies.grants import Open, Use

if TYPE_CHECKING:
    from wharfinger.approvals.rows import Store
    from wharfinger.clock import Clock
    from wharfinger.rules.configuration import Configuration

MOST_USES: Final = 1_000
LONGEST: Final = timedelta(days=30)
_COMMENT_LIMIT: Final = 1000
_KEPT: Final = timedelta(days=30)
_LIVE_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True)
class GrantChange:
    """What the book is told: this grant, as it is after `move`."""

    grant: StoredGrant
    move: GrantMove
    at: datetime


type Record = Callable[[GrantChange], Awaitable[object]]
"""Writes a change to the book; returns when it is durable, raises if it cannot be."""


class Grants:
    """All grants of one runtime. Changed in the event loop; `of` may be asked from any thread."""

    def __init__(self, store: Store, clock: Clock, record: Record) -> None:
        self._store = store
        self._clock = clock
        self._record = record
        self._lock = asyncio.Lock()
        self._guard = threading.Lock()
        self._live: dict[str, StoredGrant] = {}
        self._ends: dict[str, Deadline] = {}
        self._used: dict[str, int] = {}
        self._held: dict[str, tuple[Use, ...]] = {}
        """By decision: what was taken for a request that has not come to its end."""
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Take up what an earlier run left in the store; what was used when it crashed stays used."""
        await self._store.run(lambda conn: rows.prune(conn, self._clock.now() - _KEPT))
        self._used = await self._store.run(rows.used)
        for grant in await self._store.run(
            lambda conn: rows.newest(conn, everything=False, limit=_LIVE_LIMIT)
        ):
            self._remember(grant)
        await self.sweep()

    async def close(self) -> None:
        """Wait for changes under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    # What the gate does.

    def of(self, agent_id: str, generation: int) -> tuple[Open, ...]:
        """What this agent, with tokens of this generation, has been granted and not used up."""
        if not self._live:
            return ()
        with self._guard:
            return tuple(
                Open(grant.grant, self._left(grant))
                for grant in self._live.values()
                if grant.state is GrantState.ACTIVE
                and grant.draft.rests_on.agent_id == agent_id
                and grant.draft.rests_on.generation == generation
                and not self._over(grant.id)
            )

    def take(self, decision: str, uses: Sequence[Use]) -> bool:
        """Take all of it, or nothing where a grant has ended or has not so many left: then decide again."""
        if not uses:
            return True
        with self._guard:
            for each in uses:
                grant = self._live.get(each.grant)
                active = grant is not None and grant.state is GrantState.ACTIVE and not self._over(each.grant)
                if grant is None or not active or self._left(grant) < each.calls:
                    return False
            for each in uses:
                self._used[each.grant] = self._used.get(each.grant, 0) + each.calls
        self._held[decision] = tuple(uses)
        return True

    async def keep(self, decision: str) -> None:
        """Make what was taken for this decision durable."""
        uses = self._held.get(decision, ())
        now = self._clock.now()
        await self._store.run(lambda conn: rows.use(conn, decision, uses, now))

    def stands(self, decision: str) -> bool:
        """Whether the request may go out on what was taken for it: asked in the step of its first byte."""
        return all(
            (grant := self._live.get(each.grant)) is not None
            and grant.state is GrantState.ACTIVE
            and not self._over(each.grant)
            for each in self._held.get(decision, ())
        )

    def settle(self, decision: str) -> None:
        """The request has come to an end, and stays counted."""
        self._held.pop(decision, None)

    def give_back(self, decision: str) -> bool:
        """No byte was sent: it counts for nothing; whether anything is to be forgotten by `forget`."""
        uses = self._held.pop(decision, ())
        with self._guard:
            for each in uses:
                self._used[each.grant] -= each.calls
        return bool(uses)

    async def forget(self, decision: str) -> None:
        """Give back in the store what was given back here."""
        await self._store.run(lambda conn: rows.forget(conn, decision))

    # What people do.

    def check(self, draft: Draft) -> None:
        """Raise `GrantError` for a draft without bounds in number or time."""
        now = self._clock.now()
        if not 1 <= draft.uses <= MOST_USES:
            raise GrantError(f"a grant is for 1 to {MOST_USES} uses, not {draft.uses}")
        if not now < draft.until <= now + LONGEST:
            raise GrantError(f"a grant ends within {LONGEST.days} days, and not before now")

    async def propose(self, draft: Draft, person: str, comment: str | None = None) -> StoredGrant:
        """A new grant that this person agrees to; active at once where nobody else must."""
        self.check(draft)
        return await self._finish(self._propose(draft, person, comment))

    async def approve(self, grant_id: str, person: str, comment: str | None = None) -> StoredGrant:
        """Agree to it; raises `GrantError` for anyone the rules do not ask for."""
        return await self._finish(self._approve(grant_id, person, comment))

    async def revoke(self, grant_id: str, person: str | None, comment: str | None = None) -> StoredGrant:
        """End it; None for the runtime."""
        return await self._finish(self._change(grant_id, GrantMove.REVOKE, person, comment))

    async def sweep(self) -> None:
        """End what is overdue. To be called every second or so by the runtime."""
        for grant_id in [key for key in self._live if self._over(key)]:
            await self._quietly(self._change(grant_id, GrantMove.EXPIRE, None, None))

    async def void(self, configuration: Configuration) -> int:
        """End those that rest on what is no longer so under this configuration; how many."""
        found = {key: why for key, grant in self._live.items() if (why := ended(grant.grant, configuration))}
        return await self._void(found)

    async def void_agent(self, agent_id: str, why: str, generation: int | None = None) -> int:
        """End those of an agent that has been retired, or whose tokens are of another generation now."""
        found = {
            key: why
            for key, grant in self._live.items()
            if grant.draft.rests_on.agent_id == agent_id and grant.draft.rests_on.generation != generation
        }
        return await self._void(found)

    # What is shown.

    async def list(self, *, everything: bool = False, limit: int = 200) -> tuple[StoredGrant, ...]:
        """The newest grants, newest first; those that have ended only with `everything`."""
        return await self._store.run(lambda conn: rows.newest(conn, everything=everything, limit=limit))

    async def show(self, grant_id: str) -> StoredGrant:
        """One grant; `NoSuchGrant`."""
        return await self._find(grant_id)

    def used(self, grant_id: str) -> int:
        """How many calls have been made under it."""
        return self._used.get(grant_id, 0)

    # How it is done.

    def _left(self, grant: StoredGrant) -> int:
        return grant.draft.uses - self._used.get(grant.id, 0)

    def _over(self, grant_id: str) -> bool:
        ends = self._ends.get(grant_id)
        return ends is None or ends.passed(self._clock)

    async def _propose(self, draft: Draft, person: str, comment: str | None) -> StoredGrant:
        async with self._lock:
            now = self._clock.now()
            new = StoredGrant(new_id(), draft, now)
            agreed, move = new.answered(person, now, _safe(comment))
            made = agreed.moved(move, now, person, _safe(comment))
            await self._record(GrantChange(made, GrantMove.PROPOSE, now))
            await self._store.run(lambda conn: rows.insert(conn, made))
            self._remember(made)
            return made

    async def _approve(self, grant_id: str, person: str, comment: str | None) -> StoredGrant:
        async with self._lock:
            before = await self._find(grant_id)
            if self._over(grant_id) and before.state is not GrantState.ENDED:
                before = await self._commit(before, before, GrantMove.EXPIRE, None, None)
            moving, move = before.answered(person, self._clock.now(), _safe(comment))
            return await self._commit(before, moving, move, person, comment)

    async def _change(
        self, grant_id: str, move: GrantMove, person: str | None, comment: str | None
    ) -> StoredGrant:
        async with self._lock:
            before = await self._find(grant_id)
            return await self._commit(before, before, move, person, comment)

    async def _commit(
        self,
        before: StoredGrant,
        moving: StoredGrant,
        move: GrantMove,
        person: str | None,
        comment: str | None,
    ) -> StoredGrant:
        now = self._clock.now()
        new = moving.moved(move, now, person, _safe(comment))
        await self._record(GrantChange(new, move, now))
        await self._store.run(lambda conn: rows.change(conn, before, new))
        self._remember(new)
        return new

    async def _void(self, found: dict[str, str]) -> int:
        for grant_id, why in found.items():
            await self._quietly(self._change(grant_id, GrantMove.VOID, None, why))
        return len(found)

    def _remember(self, grant: StoredGrant) -> None:
        with self._guard:
            known = self._ends.get(grant.id)
            self._live.pop(grant.id, None)
            self._ends.pop(grant.id, None)
            if grant.state is GrantState.ENDED:
                return
            self._live[grant.id] = grant
            whole = grant.expires - grant.created
            same = known is not None and known.wall == grant.expires
            self._ends[grant.id] = (
                known if known is not None and same else Deadline.at(self._clock, grant.expires, whole)
            )

    async def _find(self, grant_id: str) -> StoredGrant:
        known = self._live.get(grant_id)
        if known is None:
            known = await self._store.run(lambda conn: rows.get(conn, grant_id))
        if known is None:
            raise NoSuchGrant(grant_id)
        return known

    async def _finish[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end even if the caller goes away."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _quietly(self, work: Coroutine[Any, Any, StoredGrant]) -> None:
        try:
            await self._finish(work)
        except GrantError:
            return


def _safe(comment: str | None) -> str | None:
    return None if comment is None else safe_text(comment[:_COMMENT_LIMIT])
