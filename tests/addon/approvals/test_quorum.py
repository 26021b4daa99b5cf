"""Several people must agree; others join in after a while; one answers for another who is away."""

import asyncio
from datetime import datetime, timedelta

import pytest
from wharfinger.approvals.approval import AlreadyAnswered, NotApprover, NotUsable
from wharfinger.approvals.states import ApprovalError, Move, State, WrongState
from wharfinger.rules.types import Absence, Ask, Escalation

HOUR = timedelta(hours=1)
PEOPLE = frozenset({"alice", "bob", "carol"})
TWO = Ask(("finance",), PEOPLE, HOUR, quorum=2)
LATER = Ask(
    ("finance",),
    frozenset({"alice"}),
    HOUR,
    escalations=(Escalation(timedelta(minutes=10), ("leads",), frozenset({"alice", "dora"})),),
)


@pytest.fixture
def asking(desk, request_, like):
    """Approvals with one question that asks this of people."""

    async def begun(ask: Ask):
        approvals = await desk.approvals()
        return approvals, await approvals.ask("id1", request_, like(ask=ask))

    return begun


def moves(desk) -> list[Move | None]:
    return [change.move for change in desk.book]


async def test_it_is_approved_once_enough_different_people_agree(desk, asking, like) -> None:
    approvals, approval = await asking(TWO)
    held = asyncio.get_running_loop().create_task(approvals.wait(approval.id, HOUR))
    first = await approvals.approve(approval.id, "alice", "fine by me")
    await asyncio.sleep(0)
    assert (first.state, first.said_by, first.missing) == (State.PENDING, ("alice",), 1)
    assert first.needs == "needs the approval of finance (1 of 2 given)"
    assert not held.done()
    with pytest.raises(WrongState):
        await approvals.consume(approval.id, like(ask=TWO))
    second = await approvals.approve(approval.id, "bob")
    assert (second.state, second.said_by) == (State.APPROVED, ("alice", "bob"))
    assert (await held).state is State.APPROVED
    await approvals.consume(approval.id, like(ask=TWO))
    assert moves(desk) == [None, Move.AGREE, Move.APPROVE, Move.USE]
    told = await approvals.history(approval.id)
    assert [(row["move"], row["person"], row["comment"]) for row in told] == [
        ("ask", None, None), ("agree", "alice", "fine by me"), ("approve", "bob", None), ("use", "bob", None),
    ]  # fmt: skip


async def test_one_person_counts_once(asking) -> None:
    approvals, approval = await asking(TWO)
    await approvals.approve(approval.id, "alice")
    with pytest.raises(AlreadyAnswered, match="alice has approved") as caught:
        await approvals.approve(approval.id, "alice")
    assert caught.value.hint == "1 more must approve"
    assert (await approvals.show(approval.id)).said_by == ("alice",)


@pytest.mark.parametrize("person", ["bob", "alice"])
async def test_a_no_of_any_one_ends_it_even_of_one_who_has_agreed(asking, person) -> None:
    approvals, approval = await asking(TWO)
    await approvals.approve(approval.id, "alice")
    assert (await approvals.deny(approval.id, person, "no")).state is State.DENIED
    with pytest.raises(WrongState):
        await approvals.approve(approval.id, "carol")


async def test_answers_survive_a_restart(desk, asking) -> None:
    _, approval = await asking(TWO)
    await (await desk.approvals()).approve(approval.id, "alice")
    again = await desk.approvals()
    with pytest.raises(AlreadyAnswered):
        await again.approve(approval.id, "alice")
    assert (await again.approve(approval.id, "carol")).said_by == ("alice", "carol")


async def test_answers_that_race_are_counted_one_by_one(desk, asking) -> None:
    """Of 60 answers of three people at once two are counted, whatever the order."""
    approvals, approval = await asking(TWO)

    async def answer(person: str) -> bool:
        try:
            await approvals.approve(approval.id, person)
        except ApprovalError:
            return False
        return True

    counted = await asyncio.gather(*(answer(person) for _ in range(20) for person in sorted(PEOPLE)))
    assert sum(counted) == 2
    assert moves(desk) == [None, Move.AGREE, Move.APPROVE]
    assert len(set((await approvals.show(approval.id)).said_by)) == 2


async def test_not_written_not_counted(desk, asking) -> None:
    approvals, approval = await asking(TWO)
    desk.store.broken = True
    with pytest.raises(OSError, match="store is gone"):
        await approvals.approve(approval.id, "alice")
    desk.store.broken = False
    assert (await approvals.show(approval.id)).said_by == ()


@pytest.mark.parametrize(
    "now",
    [
        Ask(("finance",), frozenset({"alice", "carol"}), HOUR, quorum=2),
        Ask(("finance",), PEOPLE, HOUR, quorum=3),
    ],
)
async def test_who_agreed_must_still_be_enough_when_it_is_used(asking, like, now) -> None:
    approvals, approval = await asking(TWO)
    await approvals.approve(approval.id, "alice")
    await approvals.approve(approval.id, "bob")
    with pytest.raises(NotUsable, match="not its approvers any more"):
        await approvals.consume(approval.id, like(ask=now))
    await approvals.consume(approval.id, like(ask=TWO))


# Escalation


async def test_after_its_time_a_second_team_may_answer_too(desk, asking, like) -> None:
    approvals, approval = await asking(LATER)
    with pytest.raises(NotApprover):
        await approvals.approve(approval.id, "dora")
    desk.clock.step(599)
    await approvals.sweep()
    with pytest.raises(NotApprover):
        await approvals.approve(approval.id, "dora")
    desk.clock.step(1)
    await approvals.sweep()
    shown = await approvals.show(approval.id)
    assert (shown.state, shown.approvers, shown.people) == (
        State.PENDING, ("finance", "leads"), {"alice", "dora"},
    )  # fmt: skip
    assert (await approvals.approve(approval.id, "dora")).state is State.APPROVED
    assert moves(desk) == [None, Move.ESCALATE, Move.APPROVE]
    await approvals.consume(approval.id, like(ask=LATER))


async def test_an_answer_need_not_wait_for_the_sweep(desk, asking) -> None:
    approvals, approval = await asking(LATER)
    desk.clock.step(600)
    await approvals.approve(approval.id, "dora")
    assert moves(desk) == [None, Move.ESCALATE, Move.APPROVE]


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
async def test_one_clock_alone_lets_nobody_in(desk, asking, clock) -> None:
    approvals, approval = await asking(LATER)
    if clock == "wall":
        desk.clock.wall += timedelta(minutes=30)
    else:
        desk.clock.mono += 1800
    await approvals.sweep()
    with pytest.raises(NotApprover):
        await approvals.approve(approval.id, "dora")


async def test_escalation_survives_a_restart_and_goes_on_across_one(desk, asking) -> None:
    _, approval = await asking(LATER)
    desk.clock.step(300)
    between = await desk.approvals()
    with pytest.raises(NotApprover):
        await between.approve(approval.id, "dora")
    desk.clock.step(300)
    await between.sweep()
    assert "dora" in (await (await desk.approvals()).show(approval.id)).people


async def test_what_is_answered_is_not_escalated(desk, asking) -> None:
    approvals, approval = await asking(LATER)
    await approvals.approve(approval.id, "alice")
    desk.clock.step(700)
    await approvals.sweep()
    assert moves(desk) == [None, Move.APPROVE]


# Absence


def away(desk, person: str, deputy: str, hours: float = 1.0) -> Absence:
    until: datetime = desk.clock.now() + timedelta(hours=hours)
    return Absence(person, deputy, until)


async def test_a_deputy_answers_for_one_who_is_away_and_it_is_said(desk, asking, like) -> None:
    ask = Ask(("alice",), frozenset({"alice"}), 2 * HOUR, absences=(away(desk, "alice", "bob"),))
    approvals, approval = await asking(ask)
    approved = await approvals.approve(approval.id, "bob")
    assert (approved.state, approved.said_by) == (State.APPROVED, ("bob for alice",))
    await approvals.consume(approval.id, like(ask=ask))


async def test_a_deputy_may_not_once_the_person_is_back(desk, asking) -> None:
    ask = Ask(("alice",), frozenset({"alice"}), 2 * HOUR, absences=(away(desk, "alice", "bob"),))
    approvals, approval = await asking(ask)
    desk.clock.step(3600)
    with pytest.raises(NotApprover):
        await approvals.approve(approval.id, "bob")


async def test_nobody_answers_for_one_who_may_not(desk, asking) -> None:
    ask = Ask(("alice",), frozenset({"alice"}), HOUR, absences=(away(desk, "carol", "bob"),))
    approvals, approval = await asking(ask)
    with pytest.raises(NotApprover):
        await approvals.approve(approval.id, "bob")


@pytest.mark.parametrize("answers", [["bob", "bob"], ["bob", "alice"], ["alice", "bob"], ["dora", "bob"]])
async def test_neither_a_person_nor_a_seat_counts_twice(desk, asking, answers) -> None:
    """Bob for alice and for carol is one person; alice and bob for alice is one seat; so are two deputies."""
    absences = (away(desk, "alice", "bob"), away(desk, "alice", "dora"))
    people = frozenset({"alice", "eve"})
    if answers == ["bob", "bob"]:
        absences, people = (
            (away(desk, "alice", "bob"), away(desk, "carol", "bob")),
            frozenset({"alice", "carol"}),
        )
    approvals, approval = await asking(Ask(("f",), people, HOUR, quorum=2, absences=absences))
    await approvals.approve(approval.id, answers[0])
    with pytest.raises(AlreadyAnswered):
        await approvals.approve(approval.id, answers[1])


async def test_one_who_may_answer_does_so_for_oneself(desk, asking) -> None:
    ask = Ask(("f",), frozenset({"alice", "bob"}), HOUR, quorum=2, absences=(away(desk, "alice", "bob"),))
    approvals, approval = await asking(ask)
    assert (await approvals.approve(approval.id, "bob")).said_by == ("bob",)
    assert (await approvals.approve(approval.id, "alice")).state is State.APPROVED
