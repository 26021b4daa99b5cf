"""Whatever comes in whatever order: one answer, one use, and the book tells the same as the store."""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.states import TABLE, ApprovalError, Move, State
from wharfinger.approvals.watching import Change
from wharfinger.keeping.store import Store
from wharfinger.rules.types import Decision

WAYS = {(row.before, row.move): row.after for row in TABLE.rows}
USABLE, EXPIRES = 900.0, 3600.0
OPS = st.sampled_from(["approve", "deny", "cancel", "consume", "give_back", "sent", "ask", "restart"])
STEPS = OPS | st.sampled_from([1.0, 899.0, 901.0, 3601.0])


class Model:
    """What an approval is, in the simplest words: one at a time, no clock but a number."""

    def __init__(self) -> None:
        self.state, self.until, self.unsent = State.PENDING, EXPIRES, False

    def move(self, move: Move, now: float) -> bool:
        if now >= self.until and self.state.live:
            self.state = State.EXPIRED
        if (self.state, move) not in WAYS or (move is Move.GIVE_BACK and not self.unsent):
            return False
        self.state = WAYS[self.state, move]
        self.until = now + USABLE if move is Move.APPROVE else self.until
        self.unsent = move is Move.USE
        return True

    def sent(self, now: float) -> bool:
        went, self.unsent = self.unsent and now < self.until, self.unsent and now >= self.until
        return went


async def _succeeds(work: Any) -> bool:
    try:
        await work
    except ApprovalError:
        return False
    return True


MOVES: dict[str, tuple[Move, Callable[[Approvals, str, Decision], Any]]] = {
    "approve": (Move.APPROVE, lambda desk, key, decision: desk.approve(key, "alice")),
    "deny": (Move.DENY, lambda desk, key, decision: desk.deny(key, "bob")),
    "cancel": (Move.CANCEL, lambda desk, key, decision: desk.cancel(key, None)),
    "consume": (Move.USE, lambda desk, key, decision: desk.consume(key, decision)),
    "give_back": (Move.GIVE_BACK, lambda desk, key, decision: desk.give_back(key)),
}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=14))
def test_one_after_the_other_it_does_what_the_model_does(steps, stepped, request_, decision) -> None:
    async def story(store: Store) -> None:
        clock, book = stepped(), []
        desk = await _desk(store, clock, book)
        known = (await desk.ask("id1", request_, decision)).id
        model, now = Model(), 0.0
        for step in steps:
            if isinstance(step, float):
                now += step
                clock.step(step)
            elif step == "restart":
                desk, model.unsent = await _desk(store, clock, book), False
            elif step == "sent":
                assert desk.sent(known) == model.sent(now)
            elif step == "ask":
                joined = (await desk.ask("id1", request_, decision)).id == known
                assert joined == (model.state.live and now < model.until)
            else:
                move, work = MOVES[step]
                assert await _succeeds(work(desk, known, decision)) == model.move(move, now), step
        shown = (await desk.show(known)).state
        assert shown == (State.EXPIRED if model.state.live and now >= model.until else model.state)

    _with_store(story)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.lists(st.sampled_from([*MOVES, "wait", "sent"]), max_size=8), max_size=5))
def test_all_at_once_the_book_is_one_way_through_the_table(rounds, stepped, request_, decision) -> None:
    async def story(store: Store) -> None:
        book: list[Change] = []
        sent = 0
        desk = await _desk(store, stepped(), book)
        known = (await desk.ask("id1", request_, decision)).id

        async def one(op: str) -> None:
            nonlocal sent
            if op == "sent":
                sent += desk.sent(known)
            elif op == "wait":
                await desk.wait(known, timedelta(0))
            else:
                await _succeeds(MOVES[op][1](desk, known, decision))

        for ops in rounds:
            await asyncio.gather(*map(one, ops))
        state = State.PENDING
        for change in book[1:]:
            assert change.move is not None
            state = WAYS[state, change.move]
            assert change.approval.state is state
        assert (await desk.show(known)).state is state
        moves = [change.move for change in book]
        assert sent <= max(0, moves.count(Move.USE) - moves.count(Move.GIVE_BACK)) <= 1

    _with_store(story)


async def test_of_many_answers_and_many_uses_one_wins(desk, request_, decision) -> None:
    approvals = await desk.approvals(cap=200)
    approval = await approvals.ask("id1", request_, decision)
    holds = [
        asyncio.get_running_loop().create_task(approvals.wait(approval.id, timedelta(seconds=20)))
        for _ in range(100)
    ]
    await asyncio.sleep(0)
    answers = [
        _succeeds(approvals.approve(approval.id, "alice") if n % 2 else approvals.deny(approval.id, "bob"))
        for n in range(1, 101)
    ]
    assert sum(await asyncio.gather(*answers)) == 1
    uses = [_succeeds(approvals.consume(approval.id, decision)) for _ in range(100)]
    assert sum(await asyncio.gather(*uses)) == 1
    ends = [hold.state for hold in await asyncio.gather(*holds)]
    assert (ends.count(State.APPROVED), ends.count(State.USED)) == (1, 99)
    assert [approvals.sent(approval.id) for _ in range(100)].count(True) == 1


async def test_many_equal_requests_at_once_ask_one_person_once(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    asked = await asyncio.gather(*(approvals.ask("id1", request_, decision) for _ in range(100)))
    assert len({approval.id for approval in asked}) == 1
    assert len(desk.book) == 1


def _with_store(story: Callable[[Store], Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        asyncio.run(story(store))


async def _desk(store: Store, clock: Any, book: list[Change]) -> Approvals:
    async def record(change: Change) -> None:
        await asyncio.sleep(0)
        book.append(change)

    made = Approvals(store, clock, record, usable=timedelta(seconds=USABLE))
    await made.open()
    return made
