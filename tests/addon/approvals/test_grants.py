"""Grants at work: who gives them, what is taken of them, how they end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from wharfinger.approvals.granted import Draft, GrantError, GrantMove, GrantState, NoSuchGrant, StoredGrant
from wharfinger.approvals.grants import LONGEST, MOST_USES, Grants
from wharfinger.rules.policies.grants import Bound, How, Surroundings, Use
from wharfinger.rules.types import Absence, Ask

HOUR = timedelta(hours=1)
FINANCE = Ask(("finance",), frozenset({"alice", "bob"}), HOUR)
TWO = replace(FINANCE, quorum=2)


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def opened(desk, told) -> Callable[[], Any]:
    async def record(change: Any) -> None:
        if desk.book_broken:
            raise OSError("book is gone")
        told.append(change)

    async def begun() -> Grants:
        made = Grants(desk.store, desk.clock, record)
        await made.open()
        return made

    return begun


@pytest.fixture
def draft(desk) -> Callable[..., Draft]:
    def build(ask: Ask = FINANCE, **changes: Any) -> Draft:
        made = Draft(
            "bot", "refund", "salt", "POST https://api.stripe.com:443",
            {"payment": Bound(How.FIXED, "m"), "amount": Bound(How.BOUNDED), "note": Bound(How.ABSENT)},
            Bound(How.FIXED, "e"), Bound(How.ANY), {"payment": '"pi_1"'}, 3, desk.clock.now() + 2 * HOUR,
            Surroundings("ag_1", 1, "t", {"main": "p"}, {"KEY": "c"}), ask, "a_1",
        )  # fmt: skip
        return replace(made, **changes)

    return build


def left(grants: Grants, agent: str = "ag_1", generation: int = 1) -> list[int]:
    return [each.left for each in grants.of(agent, generation)]


async def test_one_that_needs_one_person_holds_at_once(opened, draft, told) -> None:
    grants = await opened()
    grant = await grants.propose(draft(), "alice", "for today")
    assert (grant.state, str(grant.given[0].seat), grant.comment) == (GrantState.ACTIVE, "alice", "for today")
    assert left(grants) == [3]
    assert [change.move for change in told] == [GrantMove.PROPOSE]
    assert await (await opened()).show(grant.id) == grant


@pytest.mark.parametrize(("agent", "generation"), [("ag_2", 1), ("ag_1", 2)])
async def test_it_is_for_this_agent_with_these_tokens(opened, draft, agent, generation) -> None:
    grants = await opened()
    await grants.propose(draft(), "alice")
    assert left(grants, agent, generation) == []


async def test_it_needs_as_many_as_the_rule(opened, draft, told) -> None:
    grants = await opened()
    grant = await grants.propose(draft(TWO), "alice")
    assert (grant.state, grant.missing, left(grants)) == (GrantState.PROPOSED, 1, [])
    with pytest.raises(GrantError, match="alice has agreed"):
        await grants.approve(grant.id, "alice")
    with pytest.raises(GrantError, match="'carol' may not give"):
        await grants.approve(grant.id, "carol")
    grant = await (await opened()).approve(grant.id, "bob")
    assert (grant.state, [str(each.seat) for each in grant.given]) == (GrantState.ACTIVE, ["alice", "bob"])
    assert [change.move for change in told] == [GrantMove.PROPOSE, GrantMove.GIVE]


@pytest.mark.parametrize("person", ["carol", "bot", ""])
async def test_nobody_else_proposes_one(opened, draft, told, person) -> None:
    grants = await opened()
    with pytest.raises(GrantError, match="may not give"):
        await grants.propose(draft(replace(FINANCE, people=FINANCE.people | {"bot"})), person)
    assert (told, await grants.list(everything=True)) == ([], ())


async def test_a_deputy_gives_it_for_one_who_is_away(opened, draft, desk) -> None:
    ask = replace(FINANCE, absences=(Absence("alice", "carol", desk.clock.now() + HOUR),))
    grant = await (await opened()).propose(draft(ask), "carol")
    assert str(grant.given[0].seat) == "carol for alice"


async def test_uses_are_taken_whole_or_not_at_all(opened, draft) -> None:
    grants = await opened()
    one, other = await grants.propose(draft(), "alice"), await grants.propose(draft(uses=1), "alice")
    assert grants.take("d_1", [Use(one.id, 2, ()), Use(other.id, 1, ())])
    assert not grants.take("d_2", [Use(one.id, 1, ()), Use(other.id, 1, ())])
    assert sorted(left(grants)) == [0, 1]
    assert grants.take("d_3", [Use(one.id, 1, ())])
    assert not grants.take("d_4", [Use(one.id, 1, ())])
    assert not grants.take("d_5", [Use("g_none", 1, ())])


async def test_what_was_not_sent_is_given_back_and_what_was_is_not(opened, draft) -> None:
    grants = await opened()
    grant = await grants.propose(draft(), "alice")
    for decision in ("d_1", "d_2"):
        assert grants.take(decision, [Use(grant.id, 1, ())])
        await grants.keep(decision)
    assert grants.give_back("d_1")
    await grants.forget("d_1")
    grants.settle("d_2")
    assert not grants.give_back("d_2")
    assert left(grants) == [2]
    assert left(await opened()) == [2]


async def test_what_is_durable_stays_used_after_a_crash_and_what_is_not_was_never_sent(opened, draft) -> None:
    grants = await opened()
    grant = await grants.propose(draft(), "alice")
    assert grants.take("d_1", [Use(grant.id, 1, ())])
    assert left(await opened()) == [3]
    await grants.keep("d_1")
    assert left(await opened()) == [2]


async def test_revoked_between_decision_and_first_byte_nothing_goes_out(opened, draft) -> None:
    grants = await opened()
    grant = await grants.propose(draft(), "alice")
    assert grants.take("d_1", [Use(grant.id, 1, ())])
    assert grants.stands("d_1")
    assert grants.stands("d_other")
    revoked = await grants.revoke(grant.id, "bob", "enough")
    assert (revoked.state, revoked.person, revoked.comment) == (GrantState.ENDED, "bob", "enough")
    assert not grants.stands("d_1")
    assert left(grants) == []
    with pytest.raises(GrantError, match="cannot revoke a grant that is ended"):
        await grants.revoke(grant.id, "bob")


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
async def test_the_stricter_clock_ends_it(opened, draft, desk, told, clock) -> None:
    grants = await opened()
    grant = await grants.propose(draft(), "alice")
    assert grants.take("d_1", [Use(grant.id, 1, ())])
    if clock == "wall":
        desk.clock.wall += 2 * HOUR
    else:
        desk.clock.mono += 7200
    assert (left(grants), grants.stands("d_1")) == ([], False)
    assert not grants.take("d_2", [Use(grant.id, 1, ())])
    await grants.sweep()
    assert told[-1].move is GrantMove.EXPIRE
    assert (await grants.show(grant.id)).state is GrantState.ENDED


async def test_a_proposal_expires_as_the_question_would(opened, draft, desk) -> None:
    grants = await opened()
    grant = await grants.propose(draft(TWO), "alice")
    desk.clock.step(3600)
    with pytest.raises(GrantError, match="a grant that is ended"):
        await grants.approve(grant.id, "bob")
    await grants.sweep()
    assert (await grants.show(grant.id)).state is GrantState.ENDED


@pytest.mark.parametrize(
    "changes",
    [
        {"uses": 0},
        {"uses": MOST_USES + 1},
        {"until": timedelta(0)},
        {"until": LONGEST + timedelta(seconds=1)},
    ],
    ids=str,
)
async def test_none_is_without_end(opened, draft, desk, changes) -> None:
    if "until" in changes:
        changes = {"until": desk.clock.now() + changes["until"]}
    with pytest.raises(GrantError):
        await (await opened()).propose(draft(**changes), "alice")


async def test_not_written_not_granted(opened, draft, desk) -> None:
    grants = await opened()
    desk.book_broken = True
    with pytest.raises(OSError, match="book is gone"):
        await grants.propose(draft(), "alice")
    desk.book_broken = False
    desk.store.broken = True
    with pytest.raises(OSError, match="store is gone"):
        await grants.propose(draft(), "alice")
    assert left(grants) == []


async def test_rotating_or_retiring_its_agent_ends_it(opened, draft, told) -> None:
    grants = await opened()
    for number in (1, 2):
        await grants.propose(draft(rests_on=replace(draft().rests_on, agent_id=f"ag_{number}")), "alice")
    assert await grants.void_agent("ag_1", "its tokens have been replaced", 1) == 0
    assert await grants.void_agent("ag_1", "its tokens have been replaced", 2) == 1
    assert (told[-1].move, told[-1].grant.comment) == (GrantMove.VOID, "its tokens have been replaced")
    assert (left(grants), left(grants, "ag_2")) == ([], [3])
    assert await grants.void_agent("ag_2", "retired") == 1


async def test_of_many_that_race_for_the_last_uses_as_many_win(opened, draft) -> None:
    grants = await opened()
    grant = await grants.propose(draft(uses=7), "alice")

    async def take(number: int) -> bool:
        await asyncio.sleep(0)
        return grants.take(f"d_{number}", [Use(grant.id, 1, ())])

    assert sum(await asyncio.gather(*(take(number) for number in range(100)))) == 7


async def test_an_answer_is_not_lost_to_another(opened, draft) -> None:
    grants = await opened()
    three = replace(FINANCE, people=frozenset("abc"), quorum=3)
    grant = await grants.propose(draft(three), "a")
    await asyncio.gather(*(grants.approve(grant.id, person) for person in "bc"))
    assert (await grants.show(grant.id)).state is GrantState.ACTIVE


async def test_what_does_not_exist_is_told(opened) -> None:
    grants = await opened()
    with pytest.raises(NoSuchGrant):
        await grants.revoke("g_none", "alice")


def test_it_comes_back_from_json_as_it_went_in(draft, desk) -> None:
    grant = StoredGrant("g_1", draft(TWO), desk.clock.now())
    assert StoredGrant.from_json(grant.as_json()) == grant
