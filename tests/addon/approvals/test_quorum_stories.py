"""Stories of several people, time and restarts, held against a model in the simplest words."""

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.states import TABLE, ApprovalError, State
from wharfinger.approvals.watching import Change
from wharfinger.keeping.store import Store
from wharfinger.rules.types import Absence, Ask, Decision, Escalation

WAYS = {(row.before, row.move): row.after for row in TABLE.rows}
EXPIRES, LATER, BACK, USABLE = 3600.0, 600.0, 900.0, 900.0
FIRST, EVERYONE = frozenset("abc"), frozenset("abcd")
PERSON = st.sampled_from("abcdez")
STEPS = (
    st.tuples(st.sampled_from(["approve", "deny"]), PERSON)
    | st.tuples(st.sampled_from(["sweep", "restart", "consume"]), st.just(""))
    | st.tuples(st.just("wait"), st.sampled_from([1.0, 300.0, 599.0, 901.0]))
)


class Model:
    """Z stands in for A until A is back; D may answer after a while; E never."""

    def __init__(self, quorum: int) -> None:
        self.quorum, self.state, self.until = quorum, State.PENDING, EXPIRES
        self.given: dict[str, str] = {}
        """By seat, who sits on it."""

    def seat(self, person: str, now: float) -> str | None:
        people = EVERYONE if now >= LATER else FIRST
        if person in people:
            return person
        return "a" if person == "z" and now < BACK else None

    def pass_time(self, now: float) -> None:
        if self.state.live and now >= self.until:
            self.state = State.EXPIRED

    def answer(self, yes: bool, person: str, now: float) -> bool:
        self.pass_time(now)
        seat = self.seat(person, now)
        if self.state is not State.PENDING or seat is None:
            return False
        if not yes:
            self.state = State.DENIED
            return True
        if seat in self.given or person in self.given.values():
            return False
        self.given[seat] = person
        if len(self.given) >= self.quorum:
            self.state, self.until = State.APPROVED, now + USABLE
        return True

    def consume(self, now: float) -> bool:
        self.pass_time(now)
        if self.state is not State.APPROVED:
            return False
        self.state = State.USED
        return True


async def _succeeds(work: Any) -> bool:
    try:
        await work
    except ApprovalError:
        return False
    return True


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=16), quorum=st.integers(1, 3))
def test_it_does_what_the_model_does(steps, quorum, stepped, request_, decision) -> None:
    async def story(store: Store) -> None:
        clock, book = stepped(), []
        away = Absence("a", "z", clock.now() + timedelta(seconds=BACK))
        later = Escalation(timedelta(seconds=LATER), ("d",), EVERYONE)
        ask = Ask(("abc",), FIRST, timedelta(hours=1), quorum, False, (later,), (away,))
        asked: Decision = replace(decision, ask=ask)
        desk = await _desk(store, clock, book)
        known = (await desk.ask("id1", request_, asked)).id
        model, now = Model(quorum), 0.0
        for what, with_ in steps:
            if what == "wait":
                now += with_
                clock.step(with_)
            elif what == "sweep":
                await desk.sweep()
            elif what == "restart":
                desk = await _desk(store, clock, book)
            elif what == "consume":
                assert await _succeeds(desk.consume(known, asked)) == model.consume(now)
            else:
                act = desk.approve if what == "approve" else desk.deny
                done = await _succeeds(act(known, with_))
                assert done == model.answer(what == "approve", with_, now), (what, with_)
        model.pass_time(now)
        shown = await desk.show(known)
        assert shown.state is model.state
        assert {each.seat.principal: each.seat.person for each in shown.given} == model.given
        _is_one_way_through_the_table(book)

    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        asyncio.run(story(store))


def _is_one_way_through_the_table(book: list[Change]) -> None:
    state = State.PENDING
    for change in book[1:]:
        assert change.move is not None
        state = WAYS[state, change.move]
        assert change.approval.state is state


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.tuples(st.booleans(), PERSON), min_size=1, max_size=24), quorum=st.integers(1, 3))
def test_answers_that_race_are_counted_one_after_the_other(
    answers, quorum, stepped, request_, decision
) -> None:
    async def story(store: Store) -> None:
        book: list[Change] = []
        desk = await _desk(store, stepped(), book)
        asked = replace(decision, ask=Ask(("abc",), FIRST, timedelta(hours=1), quorum))
        known = (await desk.ask("id1", request_, asked)).id
        await asyncio.gather(
            *(_succeeds((desk.approve if yes else desk.deny)(known, person)) for yes, person in answers)
        )
        shown = await desk.show(known)
        people = [each.seat.person for each in shown.given]
        assert len(set(people)) == len(people) <= quorum
        assert (shown.state is State.APPROVED) is (len(people) == quorum)
        _is_one_way_through_the_table(book)

    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        asyncio.run(story(store))


async def _desk(store: Store, clock: Any, book: list[Change]) -> Approvals:
    async def record(change: Any) -> None:
        await asyncio.sleep(0)
        book.append(change)

    made = Approvals(store, clock, record, usable=timedelta(seconds=USABLE))
    await made.open()
    return made
