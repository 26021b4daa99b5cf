"""The courier: who is told of what, and which answers count."""

# ruff: noqa: E501 - what is shown and told

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from wharfinger.approvals.states import State
from wharfinger.audit.event import EventKind
from wharfinger.channels.courier import NOT_KNOWN, NOT_OURS, Refused
from wharfinger.channels.notices import Ask, Health, Interaction, Replied, Settled


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


# Telling


async def test_people_are_told_of_a_question_and_of_its_answer(house: Any):
    running = asyncio.get_running_loop().create_task(house.courier.run())
    await until(lambda: bool(house.concealed))
    approval = await house.ask()
    await until(lambda: bool(house.peer.of(Ask)))
    (ask,) = house.peer.of(Ask)
    assert ask.channels == ("slack", "email")
    assert ask.members == ("U0000ALICE", "U00000BOB")
    assert [letter.address for letter in ask.letters] == ["alice@example.com", "bob@example.com"]
    assert all(letter.url.startswith("https://wharf.example.com/approve/wl_") for letter in ask.letters)
    assert len({letter.code for letter in ask.letters}) == 2
    await house.approvals.deny(approval.id, "bob", "not today")
    await until(lambda: bool(house.peer.of(Settled)))
    (settled,) = house.peer.of(Settled)
    assert (settled.state, settled.person, settled.comment) == ("denied", "bob", "not today")
    running.cancel()


async def test_codes_are_concealed_before_they_are_told(house: Any):
    """Else an agent that reads a mailbox would be quicker than the redaction."""
    said: list[int] = []
    say = house.peer.say
    house.peer.say = lambda notice: said.append(len(house.concealed)) or say(notice)
    await house.courier._ask(await house.ask())
    (ask,) = house.peer.of(Ask)
    assert said == [1]
    for letter in ask.letters:
        assert f"{letter.code[:4]}-{letter.code[4:]}" in house.concealed[-1]
        tag = letter.url.rpartition("/")[2][:23]
        assert tag in house.concealed[-1]


async def test_whoever_was_not_told_before_a_restart_is_told_after(house: Any):
    missed, told = await house.ask(digest="1" * 64), await house.ask(digest="2" * 64)
    await house.courier._ask(told)
    running = asyncio.get_running_loop().create_task(house.courier.run())
    await until(lambda: len(house.peer.of(Ask)) == 2)
    await asyncio.sleep(0.05)
    assert [ask.card.approval for ask in house.peer.of(Ask)] == [told.id, missed.id]
    running.cancel()


async def test_a_queue_that_is_full_is_told_in_the_book_and_holds_nobody_up(house: Any):
    house.peer.full = True
    running = asyncio.get_running_loop().create_task(house.courier.run())
    await until(lambda: bool(house.concealed))
    approval = await house.ask()
    await until(lambda: any(getattr(e, "action", "") == "channels.dropped" for e in house.book))
    assert (await house.approvals.approve(approval.id, "alice")).state is State.APPROVED
    running.cancel()


async def test_only_those_who_may_answer_get_letters(house: Any):
    """Whoever is not asked gets no link, and so does the owner of the agent where the rule keeps them apart."""
    approval = await house.ask(people=frozenset({"bob"}))
    await house.courier._ask(approval)
    (ask,) = house.peer.of(Ask)
    assert [letter.address for letter in ask.letters] == ["bob@example.com"]


# Answers


async def test_an_answer_that_is_ours_counts(house: Any):
    approval = await house.ask()
    place = await house.posted(approval)
    heard = await house.press(house.button(approval), place, "U0000ALICE")
    assert heard.good, heard
    settled = await house.approvals.show(approval.id)
    assert (settled.state, settled.person) == (State.APPROVED, "alice")
    (control,) = [e for e in house.book if getattr(e, "kind", None) is EventKind.CONTROL]
    assert (control.action, control.person, control.detail["by"]) == ("approvals.approve", "alice", "slack")


async def test_a_denial_brings_its_reason(house: Any):
    approval = await house.ask()
    place = await house.posted(approval)
    assert (await house.press(house.button(approval, "deny"), place, "U00000BOB", "not today")).good
    settled = await house.approvals.show(approval.id)
    assert (settled.state, settled.person, settled.comment) == (State.DENIED, "bob", "not today")


def flipped(value: str) -> str:
    return value[:-1] + ("0" if value[-1] != "0" else "1")


FORGED = {
    "not a value of ours": lambda h, v, p: ("yes", p, "U0000ALICE", NOT_OURS),
    "an empty value": lambda h, v, p: ("", p, "U0000ALICE", NOT_OURS),
    "the MAC changed": lambda h, v, p: (flipped(v), p, "U0000ALICE", NOT_OURS),
    "the MAC left out": lambda h, v, p: (v.rpartition("_")[0] + "_", p, "U0000ALICE", NOT_OURS),
    "a denial's MAC on an approval": lambda h, v, p: (
        v.replace("approve", "deny"),
        p,
        "U0000ALICE",
        NOT_OURS,
    ),
    "another move": lambda h, v, p: (v.replace("approve", "cancel"), p, "U0000ALICE", NOT_OURS),
    "another message": lambda h, v, p: (v, {**p, "ts": "2.0"}, "U0000ALICE", NOT_OURS),
    "another channel": lambda h, v, p: (v, {**p, "channel": "C9999ZZZZ"}, "U0000ALICE", NOT_OURS),
    "no message": lambda h, v, p: (v, {}, "U0000ALICE", NOT_OURS),
    "more than the message": lambda h, v, p: (v, {**p, "thread": "1"}, "U0000ALICE", NOT_OURS),
    "nobody's member id": lambda h, v, p: (v, p, "U99999999", NOT_KNOWN),
    "an empty member id": lambda h, v, p: (v, p, "", NOT_KNOWN),
    "the name instead of the id": lambda h, v, p: (v, p, "alice", NOT_KNOWN),
    "one who is not asked": lambda h, v, p: (v, p, "U00000EVE", "may not answer"),
}


@pytest.mark.parametrize("case", FORGED)
async def test_an_answer_that_does_not_count(house: Any, case: str):
    approval = await house.ask()
    place = await house.posted(approval)
    value = house.button(approval)
    value, place, sender, why = FORGED[case](house, value, place)
    heard = await house.press(value, place, sender)
    assert not heard.good
    assert why in heard.said
    assert (await house.approvals.show(approval.id)).state is State.PENDING
    assert len(await house.approvals.history(approval.id)) == 1


async def test_the_value_of_another_question_does_not_count_here(house: Any):
    """Each value with its own message only, even of the same approver and the same moment."""
    one, two = await house.ask(digest="1" * 64), await house.ask(digest="2" * 64)
    place_one, place_two = await house.posted(one, "1.0"), await house.posted(two, "2.0")
    assert not (await house.press(house.button(one), place_two, "U0000ALICE")).good
    assert not (await house.press(house.button(two), place_one, "U0000ALICE")).good
    assert (await house.press(house.button(two), place_two, "U0000ALICE")).good
    assert (await house.approvals.show(one.id)).state is State.PENDING


async def test_an_answer_is_not_taken_twice(house: Any):
    approval = await house.ask()
    place = await house.posted(approval)
    found = [await house.press(house.button(approval), place, "U0000ALICE") for _ in range(5)]
    assert [heard.good for heard in found] == [True, False, False, False, False]
    moves = [row["move"] for row in await house.approvals.history(approval.id)]
    assert moves == ["ask", "approve"]


async def test_a_value_of_another_installation_does_not_count(house: Any):
    from wharfinger.channels.buttons import Buttons

    approval = await house.ask()
    place = await house.posted(approval)
    foreign = Buttons(b"x" * 32).value("slack", approval.id, approval.digest, "approve")
    assert (await house.press(foreign, place, "U0000ALICE")).said == NOT_OURS


async def test_a_person_who_is_gone_or_no_approver_any_more_does_not_count(house: Any, configure: Any):
    approval = await house.ask()
    place = await house.posted(approval)
    value = house.button(approval)
    gone = configure(people="people: {bob: {slack: U00000BOB, email: b@example.com}}")
    house.courier.configuration = lambda: gone
    assert (await house.press(value, place, "U0000ALICE")).said == NOT_KNOWN
    with pytest.raises(Refused):
        await house.courier.answer(approval.id, "alice", "approve", "", "link")


async def test_not_written_not_answered(house: Any):
    """An answer that the book does not take is not given."""
    approval = await house.ask()
    place = await house.posted(approval)

    async def broken(event: Any) -> None:
        raise OSError("the book is gone")

    house.courier.record = broken
    with pytest.raises(OSError, match="gone"):
        await house.press(house.button(approval), place, "U0000ALICE")
    assert (await house.approvals.show(approval.id)).state is State.PENDING


# Health, and interactions by HTTP


async def test_a_channel_that_goes_down_and_comes_back_is_told_once_each(house: Any):
    for up in (True, True, False, False, True):
        await house.courier.hear(Health("slack", up, "" if up else "Slack does not answer"))
    told = [(e.action, e.detail["channel"]) for e in house.book]
    assert told == [("channels.down", "slack"), ("channels.up", "slack")]
    assert house.courier.health["slack"].up


async def test_an_interaction_is_handed_on_and_answered(house: Any):
    answers: list[int] = []
    house.courier.interact("1", "v0=1", "payload=", answers.append)
    (handed,) = house.peer.of(Interaction)
    await house.courier.hear(Replied(handed.ref, 401))
    await house.courier.hear(Replied(handed.ref, 200))
    house.peer.full = True
    house.courier.interact("1", "v0=1", "payload=", answers.append)
    assert answers == [401, 503]
