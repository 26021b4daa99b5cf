"""One request, its question, its answer, its one use."""

import asyncio
from datetime import timedelta

import pytest
from wharfinger.approvals.approval import NoSuchApproval, NotApprover, NotUsable, TooManyPending
from wharfinger.approvals.states import Move, State, WrongState
from wharfinger.rules.types import Ask, RuleRef, Verdict

HOLD = timedelta(seconds=20)
NOW = timedelta(0)


async def _held(approvals, approval_id, within=HOLD):
    """A request that is held, once it is really waiting."""
    task = asyncio.get_running_loop().create_task(approvals.wait(approval_id, within))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_a_request_goes_through_once_after_a_yes(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    held = await _held(approvals, approval.id)
    await approvals.approve(approval.id, "alice", "looks right")
    answer = await held
    assert (answer.state, answer.person, answer.comment) == (State.APPROVED, "alice", "looks right")
    await approvals.consume(approval.id, decision)
    assert approvals.sent(approval.id)
    assert not approvals.sent(approval.id)
    with pytest.raises(WrongState):
        await approvals.consume(approval.id, decision)
    with pytest.raises(WrongState):
        await approvals.give_back(approval.id)
    assert [change.move for change in desk.book] == [None, Move.APPROVE, Move.USE]
    assert [row["move"] for row in await approvals.history(approval.id)] == ["ask", "approve", "use"]


async def test_a_no_ends_every_hold_and_reaches_it_with_its_reason(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    holds = [await _held(approvals, approval.id) for _ in range(3)]
    await approvals.deny(approval.id, "bob", "too much")
    answers = await asyncio.gather(*holds)
    assert {(answer.state, answer.comment) for answer in answers} == {(State.DENIED, "too much")}
    with pytest.raises(WrongState, match="approve an approval that is denied"):
        await approvals.approve(approval.id, "alice")


@pytest.mark.parametrize("person", ["mallory", "bot", ""])
async def test_only_those_asked_may_answer(desk, request_, decision, person) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    with pytest.raises(NotApprover):
        await approvals.approve(approval.id, person)
    with pytest.raises(NotApprover):
        await approvals.deny(approval.id, person)
    assert (await approvals.show(approval.id)).state is State.PENDING


async def test_the_agent_never_answers_even_where_it_bears_an_approvers_name(desk, request_, like) -> None:
    approvals = await desk.approvals()
    ask = Ask(("bot",), frozenset({"bot"}), timedelta(hours=1))
    approval = await approvals.ask("id1", request_, like(ask=ask))
    with pytest.raises(NotApprover):
        await approvals.approve(approval.id, "bot")


async def test_equal_requests_join_one_approval_and_one_answer_frees_the_newest(
    desk, request_, decision
) -> None:
    approvals = await desk.approvals()
    first = await approvals.ask("id1", request_, decision)
    second = await approvals.ask("id1", request_, decision)
    assert first.id == second.id
    oldest, middle, newest = [await _held(approvals, first.id) for _ in range(3)]
    newest.cancel()
    await asyncio.sleep(0)
    await approvals.approve(first.id, "alice")
    assert (await middle).state is State.APPROVED
    assert not oldest.done()
    await approvals.consume(first.id, decision)
    assert (await oldest).state is State.USED


async def test_one_that_leaves_after_its_answer_passes_it_on(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    older = await _held(approvals, approval.id)
    newer = await _held(approvals, approval.id)
    tell = approvals._waiters.tell
    told = []

    def leave_when_told(change) -> None:
        tell(change)
        if not told:
            newer.cancel()
        told.append(change)

    approvals._waiters.tell = leave_when_told
    await approvals.approve(approval.id, "alice")
    assert (await asyncio.wait_for(older, 1)).state is State.APPROVED
    assert newer.cancelled()


async def test_another_agent_never_joins(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    mine = await approvals.ask("id1", request_, decision)
    other = await approvals.ask("id2", request_, decision)
    assert mine.id != other.id


async def test_a_hold_that_ends_leaves_the_approval_and_a_later_request_resumes(
    desk, request_, decision
) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    assert (await approvals.wait(approval.id, NOW)).state is State.PENDING
    left = await _held(approvals, approval.id)
    left.cancel()
    await approvals.approve(approval.id, "alice")
    again = await approvals.ask("id1", request_, decision)
    assert again.id == approval.id
    assert (await approvals.wait(again.id, NOW)).state is State.APPROVED
    await approvals.consume(again.id, decision)
    fresh = await approvals.ask("id1", request_, decision)
    assert fresh.id != approval.id
    assert fresh.state is State.PENDING


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
@pytest.mark.parametrize("approved", [False, True])
async def test_the_stricter_clock_ends_it(desk, request_, decision, clock, approved) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    if approved:
        await approvals.approve(approval.id, "alice")
    seconds = 15 * 60 if approved else 3600
    if clock == "wall":
        desk.clock.wall += timedelta(seconds=seconds)
    else:
        desk.clock.mono += seconds
        desk.clock.wall -= timedelta(days=1)
    assert (await approvals.list([State.EXPIRED]))[0].id == approval.id
    assert (await approvals.show(approval.id)).state is State.EXPIRED
    with pytest.raises(WrongState, match="that is expired"):
        await (
            approvals.consume(approval.id, decision) if approved else approvals.approve(approval.id, "alice")
        )
    assert desk.book[-1].move is Move.EXPIRE
    assert (await approvals.wait(approval.id, HOLD)).state is State.EXPIRED
    assert (await approvals.ask("id1", request_, decision)).id != approval.id


async def test_just_before_its_end_it_can_still_be_answered(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    desk.clock.step(3599)
    await approvals.approve(approval.id, "alice")
    desk.clock.step(899)
    await approvals.consume(approval.id, decision)


async def test_overdue_when_the_first_byte_would_go_out_is_not_sent(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    await approvals.approve(approval.id, "alice")
    await approvals.consume(approval.id, decision)
    desk.clock.step(901)
    assert not approvals.sent(approval.id)
    await approvals.give_back(approval.id)
    assert await approvals.sweep() == 1
    assert (await approvals.show(approval.id)).state is State.EXPIRED


async def test_an_overdue_one_is_not_joined_before_anyone_has_swept(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    desk.clock.step(3600)
    assert (await approvals.ask("id1", request_, decision)).id != approval.id


async def test_sweep_ends_holds_and_tells_the_book(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    held = await _held(approvals, approval.id)
    desk.clock.step(3600)
    assert await approvals.sweep() == 1
    assert (await held).state is State.EXPIRED
    assert desk.book[-1].move is Move.EXPIRE


async def test_what_was_not_sent_is_given_back_and_frees_the_next(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    await approvals.approve(approval.id, "alice")
    await approvals.consume(approval.id, decision)
    assert (await approvals.give_back(approval.id)).state is State.APPROVED
    with pytest.raises(WrongState):
        await approvals.give_back(approval.id)
    await approvals.consume(approval.id, decision)
    assert approvals.sent(approval.id)


async def test_a_caller_cancelled_while_consuming_gives_it_back(desk, request_, decision) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    await approvals.approve(approval.id, "alice")
    using = asyncio.get_running_loop().create_task(approvals.consume(approval.id, decision))
    await asyncio.sleep(0)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    await approvals.close()
    assert [change.move for change in desk.book][-2:] == [Move.USE, Move.GIVE_BACK]
    assert (await approvals.show(approval.id)).state is State.APPROVED


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict.DENY},
        {"verdict": Verdict.ALLOW},
        {"digest": "e" * 64},
        {"rules": (RuleRef("support", "policies/support.yaml", 13, Verdict.ASK),)},
        {"rules": ()},
        {"ask": Ask(("it",), frozenset({"bob"}), timedelta(hours=1))},
        {"ask": None},
    ],
)
async def test_an_approval_is_for_this_request_as_it_is_decided_now(
    desk, request_, decision, like, changes
) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    await approvals.approve(approval.id, "alice")
    with pytest.raises(NotUsable):
        await approvals.consume(approval.id, like(**changes))
    assert (await approvals.show(approval.id)).state is State.APPROVED


async def test_other_rules_or_people_ask_anew(desk, request_, decision, like) -> None:
    approvals = await desk.approvals()
    first = await approvals.ask("id1", request_, decision)
    rules = await approvals.ask("id1", request_, like(rules=()))
    people = await approvals.ask(
        "id1", request_, like(ask=Ask(("finance",), frozenset({"bob"}), timedelta(hours=1)))
    )
    assert len({first.id, rules.id, people.id}) == 3


async def test_only_an_ask_can_be_asked(desk, request_, like) -> None:
    approvals = await desk.approvals()
    two = Ask(("finance",), frozenset({"alice"}), timedelta(hours=1), quorum=2)
    for bad in (like(ask=None), like(digest=""), like(ask=two)):
        with pytest.raises(ValueError, match=r"only a decision|not enough people"):
            await approvals.ask("id1", request_, bad)
    assert desk.book == []


async def test_one_agent_has_a_cap_on_questions_and_on_holds(desk, request_, decision, like) -> None:
    approvals = await desk.approvals(cap=2)
    approval = await approvals.ask("id1", request_, decision)
    await approvals.ask("id1", request_, like(digest="2"))
    with pytest.raises(TooManyPending, match="2 requests"):
        await approvals.ask("id1", request_, like(digest="3"))
    await approvals.ask("id2", request_, like(digest="3"))
    holds = [await _held(approvals, approval.id) for _ in range(2)]
    with pytest.raises(TooManyPending):
        await approvals.wait(approval.id, HOLD)
    holds[0].cancel()
    await asyncio.sleep(0)
    third = await _held(approvals, approval.id)
    await approvals.deny(approval.id, "alice")
    assert (await third).state is State.DENIED
    await approvals.ask("id1", request_, like(digest="3"))


async def test_cancel_and_suspension_withdraw_before_use(desk, request_, decision, like) -> None:
    approvals = await desk.approvals()
    pending = await approvals.ask("id1", request_, decision)
    approved = await approvals.ask("id1", request_, like(digest="2"))
    await approvals.approve(approved.id, "alice")
    other = await approvals.ask("id2", request_, decision)
    assert await approvals.cancel_all("id1", "carol", "suspended") == 2
    assert {(await approvals.show(a.id)).state for a in (pending, approved)} == {State.CANCELLED}
    assert (await approvals.show(other.id)).state is State.PENDING
    with pytest.raises(WrongState):
        await approvals.consume(approved.id, like(digest="2"))


async def test_approvals_survive_a_restart_on_the_wall_clock(desk, request_, decision, like) -> None:
    long = Ask(("x",), frozenset({"bob"}), timedelta(days=1))
    before = await desk.approvals()
    pending = await before.ask("id1", request_, decision)
    used = await before.ask("id1", request_, like(digest="2"))
    late = await before.ask("id1", request_, like(digest="3", ask=long))
    await before.approve(used.id, "alice")
    await before.consume(used.id, like(digest="2"))
    desk.clock.wall += timedelta(hours=2)
    desk.clock.mono = 5.0
    after = await desk.approvals()
    assert await after.show(late.id) == late
    assert (await after.show(pending.id)).state is State.EXPIRED
    assert (await after.show(used.id)).state is State.USED
    with pytest.raises(WrongState):
        await after.give_back(used.id)
    assert not after.sent(used.id)
    await after.approve(late.id, "bob")


async def test_a_clock_set_back_over_a_restart_gives_no_more_than_the_whole_time(
    desk, request_, decision
) -> None:
    approval = await (await desk.approvals()).ask("id1", request_, decision)
    desk.clock.wall -= timedelta(days=7)
    after = await desk.approvals()
    desk.clock.step(3600)
    with pytest.raises(WrongState, match="that is expired"):
        await after.approve(approval.id, "alice")


@pytest.mark.parametrize("broken", ["book", "store"])
async def test_what_cannot_be_written_does_not_happen(desk, request_, decision, broken) -> None:
    approvals = await desk.approvals()
    approval = await approvals.ask("id1", request_, decision)
    held = await _held(approvals, approval.id)
    desk.book_broken, desk.store.broken = broken == "book", broken == "store"
    with pytest.raises(OSError, match=broken):
        await approvals.approve(approval.id, "alice")
    with pytest.raises(OSError, match=broken):
        await approvals.ask("id2", request_, decision)
    desk.book_broken = desk.store.broken = False
    assert (await approvals.show(approval.id)).state is State.PENDING
    assert not held.done()
    await approvals.approve(approval.id, "alice")
    await held
    desk.book_broken, desk.store.broken = broken == "book", broken == "store"
    with pytest.raises(OSError, match=broken):
        await approvals.consume(approval.id, decision)
    assert not approvals.sent(approval.id)


async def test_unknown_ids_are_said_plainly(desk, decision) -> None:
    approvals = await desk.approvals()
    for work in (
        approvals.show("a_none"),
        approvals.approve("a_none", "alice"),
        approvals.consume("a_none", decision),
        approvals.wait("a_none", HOLD),
        approvals.give_back("a_none"),
        approvals.cancel("a_none", "alice"),
    ):
        with pytest.raises(NoSuchApproval, match="'a_none'"):
            await work


async def test_pending_ones_are_listed_however_many_have_ended(desk, request_, decision, like) -> None:
    approvals = await desk.approvals()
    first = await approvals.ask("id1", request_, decision)
    for number in range(5):
        desk.clock.step(1)
        other = await approvals.ask("id1", request_, like(digest=str(number)))
        await approvals.deny(other.id, "alice")
    assert [a.id for a in await approvals.list(limit=2)] == [first.id]
    assert len(await approvals.list([State.DENIED], limit=3)) == 3


async def test_old_ended_approvals_are_forgotten(desk, request_, decision, like) -> None:
    approvals = await desk.approvals()
    ended = await approvals.ask("id1", request_, decision)
    await approvals.deny(ended.id, "alice")
    desk.clock.step(31 * 86400)
    again = await desk.approvals()
    with pytest.raises(NoSuchApproval):
        await again.show(ended.id)
    assert await again.history(ended.id) == ()
