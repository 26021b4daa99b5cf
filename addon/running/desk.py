"""The desk: lock, keys, store, book and approvals of one data folder, open in one process.

A runtime works at it; so does a command that finds no runtime, for as long as it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.grants import GrantChange, Grants
from wharfinger.approvals.states import Move
from wharfinger.approvals.watching import Change, Flood
from wharfinger.audit import events
from wharfinger.audit.book import Book
from wharfinger.audit.event import Who
from wharfinger.audit.folder import segment_name
from wharfinger.clock import Clock, SystemClock
from wharfinger.control import actions
from wharfinger.control.dispatcher import Dispatcher, Done
from wharfinger.control.services import Services
from wharfinger.credentials import issued
from wharfinger.credentials.keeper import Keeper
from wharfinger.deciding.activity import Activity
from wharfinger.faults import StoreUnavailable
from wharfinger.keeping import agents, private
from wharfinger.keeping.keys import Keys, Purpose
from wharfinger.keeping.lock import Lock
from wharfinger.keeping.reviews import Reviews
from wharfinger.keeping.store import Store
from wharfinger.limits.ledger import Ledger
from wharfinger.metering.meter import Meter
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.types import JSON
from wharfinger.signin.sessions import Sessions


@dataclass(frozen=True, slots=True)
class DataFolder:
    """What lies in the data folder, and where."""

    root: Path

    @property
    def audit(self) -> Path:
        """Segments of the book."""
        return self.root / "audit"

    @property
    def ca(self) -> Path:
        """The certificate authority."""
        return self.root / "ca"

    @property
    def client(self) -> Path:
        """Files that agents read: trust bundles and start-up hooks. Nothing in it is secret."""
        return self.root / "client"


@dataclass(frozen=True, slots=True)
class Desk:
    """See the module's head."""

    data: DataFolder
    clock: Clock
    lock: Lock
    keys: Keys
    store: Store
    book: Book
    approvals: Approvals
    ledger: Ledger
    reviews: Reviews
    grants: Grants
    activity: Activity
    sessions: Sessions
    meter: Meter

    @classmethod
    async def open(cls, root: Path, configuration: Configuration, clock: Clock | None = None) -> Desk:
        """Take the folder's lock and open everything in it. Raises `Fault`s, with nothing left open."""
        clock = clock or SystemClock()
        settings = configuration.settings
        data = DataFolder(private.folder(root))
        meter = Meter()
        with contextlib.ExitStack() as undo:
            lock = Lock.acquire(data.root)
            undo.callback(lock.release)
            keys = Keys.open(data.root)
            store = await asyncio.to_thread(Store.open, data.root)
            undo.callback(store.close)
            book = await asyncio.to_thread(
                Book.open,
                data.audit,
                hmac_key=keys.derive(Purpose.AUDIT),
                signing_key=keys.derive(Purpose.CHECKPOINTS),
                clock=clock,
                durable=settings.audit.durable,
                keep=settings.audit.keep,
                took=meter.synced,
            )
            undo.callback(book.close)
            approvals = Approvals(
                store,
                clock,
                _recorder(book, meter),
                cap=settings.limits.per_agent.holds,
                usable=settings.approvals.resume_within,
            )
            await approvals.open()
            activity = Activity(store, clock)
            await activity.open()
            grants = Grants(store, clock, _grant_recorder(book))
            await grants.open()
            ledger, reviews = Ledger(store, clock), Reviews(store, clock)
            await store.run(agents.end_all_runs, clock.now())
            await ledger.open()
            await reviews.open()
            sessions = Sessions(store, clock)
            undo.callback(sessions.close)
            await sessions.open()
            undo.pop_all()
        return cls(
            data, clock, lock, keys, store, book, approvals, ledger, reviews, grants, activity, sessions,
            meter,
        )  # fmt: skip

    async def record(self, done: Done) -> object:
        """Write to the book what a person commands."""
        detail: dict[str, JSON] = {"args": dict(done.args), "outcome": str(done.outcome)}
        if done.by:
            detail["by"] = done.by
        return await self.book.write(events.control(done.action, done.person, reason=done.why, detail=detail))

    async def resume_book(self, person: str) -> JSON:
        """Check the book and let it go on in a new file; that is the first thing it tells of."""
        number = await asyncio.to_thread(self.book.resume)
        detail: dict[str, JSON] = {"file": segment_name(number)}
        await self.book.write(events.control("audit.resume", person, detail=detail))
        return dict(detail)

    async def forget_segment(self, number: int) -> JSON:
        """Destroy the key of the sensitive inputs in one file of the book."""
        return {"file": segment_name(number), "done": await asyncio.to_thread(self.book.forget, number)}

    async def close(self) -> None:
        """Let go of everything."""
        await self.approvals.close()
        await self.grants.close()
        with contextlib.suppress(StoreUnavailable):
            await self.activity.sweep()
        self.sessions.close()
        self.book.close()
        self.store.close()
        self.lock.release()


def _grant_recorder(book: Book) -> Callable[[GrantChange], Awaitable[object]]:
    async def record(change: GrantChange) -> object:
        grant = change.grant
        event = events.grant(
            grant.id,
            grant.state,
            who=Who(grant.draft.agent, grant.draft.rests_on.agent_id),
            person=grant.person or "",
            reason=grant.comment or "",
            approvers=tuple(str(each.seat) for each in grant.given),
            detail={
                "move": change.move.value,
                "tool": grant.draft.tool,
                "uses": grant.draft.uses,
                "until": grant.draft.until.isoformat(),
                "inputs": {name: bound.how.value for name, bound in grant.draft.inputs.items()},
                "approval": grant.draft.approval,
            },
        )
        return await book.write(event)

    return record


def _several(change: Change) -> dict[str, JSON]:
    """What there is to tell where one answer of one person is not all there is."""
    approval = change.approval
    return {
        "move": "ask" if change.move is None else change.move.value,
        "quorum": approval.quorum,
        "given": list(approval.said_by),
        "approvers": list(approval.approvers),
    }


def _recorder(book: Book, meter: Meter) -> Callable[[Change | Flood], Awaitable[object]]:
    async def record(change: Change | Flood) -> object:
        if isinstance(change, Flood):
            meter.approvals.add(("flood",))
            who = Who(change.agent, change.agent_id)
            reason = f"{change.cap} requests wait for people, and the agent asks for more"
            return await book.write(events.notice("approvals.flood", reason, who=who))
        meter.approvals.add(("ask" if change.move is None else change.move.value,))
        approval = change.approval
        several = approval.quorum > 1 or change.move in {Move.AGREE, Move.ESCALATE}
        event = events.approval(
            approval.id,
            approval.state,
            who=Who(approval.agent, approval.agent_id),
            person=approval.person or "",
            reason=approval.comment or "",
            request_digest=approval.digest,
            detail=_several(change) if several else None,
        )
        return await book.write(event)

    return record


@contextlib.asynccontextmanager
async def without_runtime(root: Path, configuration: Configuration) -> AsyncIterator[Dispatcher]:
    """The same actions as a running proxy's, for the duration of the block. Raises `LockHeld` if one runs."""
    desk = await Desk.open(root, configuration)
    try:
        await desk.store.run(agents.seen_all, configuration.agents, desk.clock.now())
        services = Services(
            approvals=desk.approvals,
            store=desk.store,
            clock=desk.clock,
            keys=desk.keys,
            reviews=desk.reviews,
            ledger=desk.ledger,
            grants=desk.grants,
            activity=desk.activity,
            reach=lambda name: issued.reach(configuration, name),
            sessions=desk.sessions,
            configuration=lambda: configuration,
            credentials=Keeper(desk.data.root),
            forget_segment=desk.forget_segment,
        )
        yield actions.dispatcher(services, desk.record)
    finally:
        await desk.close()
