"""Links in use: to show changes nothing; to decide takes the code, once, within the hour."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from wharfinger.approvals.states import State
from wharfinger.channels.deciding import CODE, LINK, Links, NoLink, WrongCode
from wharfinger.channels.links import TRIES, Signer, spelled


async def test_ten_thousand_looks_change_nothing(house: Any):
    """Unfurlers, scanners and previews: the same question, the same state, and a link as good as before."""
    approval = await house.ask()
    text, code = await house.links.make(approval, "alice")
    seen = {(await house.links.find(text))[1].state for _ in range(10_000)}
    assert seen == {State.PENDING}
    assert (await house.approvals.history(approval.id))[0]["move"] == "ask"
    assert len(await house.approvals.history(approval.id)) == 1
    link, _ = await house.links.decide(text, code)
    assert link.person == "alice"


async def test_a_link_is_used_once(house: Any):
    text, code = await house.links.make(await house.ask(), "alice")
    await house.links.decide(text, code)
    for again in (house.links.decide(text, code), house.links.find(text)):
        with pytest.raises(NoLink):
            await again


async def test_of_a_thousand_codes_at_once_five_are_looked_at(house: Any):
    """And the right one is not found by going on: the link is then good for nothing."""
    approval = await house.ask()
    text, code = await house.links.make(approval, "alice")
    wrong = [f"{(int(code) + 1 + n) % 10**8:08}" for n in range(999)]
    tried = [house.links.decide(text, each) for each in (*wrong, code)]
    found = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(isinstance(each, WrongCode) for each in found) == TRIES
    assert sum(isinstance(each, NoLink) for each in found) == 1000 - TRIES
    with pytest.raises(NoLink):
        await house.links.find(text)
    assert (await house.approvals.show(approval.id)).state is State.PENDING


async def test_of_a_hundred_right_codes_at_once_one_is_taken(house: Any):
    text, code = await house.links.make(await house.ask(), "alice")
    found = await asyncio.gather(
        *(house.links.decide(text, code) for _ in range(100)), return_exceptions=True
    )
    assert sum(isinstance(each, tuple) for each in found) == 1
    assert sum(isinstance(each, NoLink) for each in found) == 99


async def test_a_code_of_another_link_is_wrong(house: Any):
    approval = await house.ask()
    text, _ = await house.links.make(approval, "alice")
    _, other = await house.links.make(approval, "bob")
    with pytest.raises(WrongCode, match="not the code"):
        await house.links.decide(text, other)


@pytest.mark.parametrize(("wall", "mono"), [(3601, 3601), (3601, 0), (0, 3601), (-9999, 3601)])
async def test_a_link_ends_by_the_stricter_clock(house: Any, wall: float, mono: float):
    text, code = await house.links.make(await house.ask(), "alice")
    await house.links.find(text)
    house.clock.wall += timedelta(seconds=wall)
    house.clock.mono += mono
    with pytest.raises(NoLink):
        await house.links.decide(text, code)


async def test_a_link_holds_just_before_its_end(house: Any):
    text, code = await house.links.make(await house.ask(), "alice")
    house.clock.step(3599)
    await house.links.decide(text, code)


async def test_a_link_of_an_approval_that_is_answered(house: Any):
    approval = await house.ask()
    text, code = await house.links.make(approval, "alice")
    await house.approvals.deny(approval.id, "bob")
    with pytest.raises(NoLink):
        await house.links.decide(text, code)


async def test_a_link_outlives_the_process_and_its_tries_do(house: Any):
    approval = await house.ask()
    text, code = await house.links.make(approval, "alice")
    for _ in range(TRIES - 1):
        with pytest.raises(WrongCode):
            await house.links.decide(text, "x")
    later = Links(Signer(b"l" * 32, b"c" * 32), house.store, house.approvals, house.clock)
    with pytest.raises(NoLink):  # what it has not taken up, it does not know the end of
        await later.find(text)
    await later.open()
    assert spelled(code) in later.concealed()
    with pytest.raises(WrongCode):
        await later.decide(text, "x")
    with pytest.raises(NoLink):
        await later.decide(text, code)


@pytest.mark.parametrize(
    "change", ["digest = 'x'", "person = 'bob'", "expires = '2999-01-01T00:00:00+00:00'"]
)
async def test_a_link_whose_row_is_not_what_was_signed(house: Any, change: str):
    text, code = await house.links.make(await house.ask(), "alice")
    await house.links.find(text)
    await house.store.run(lambda conn: conn.execute(f"UPDATE approval_links SET {change}"))
    with pytest.raises(NoLink):
        await house.links.decide(text, code)


async def test_what_is_concealed(house: Any):
    text, code = await house.links.make(await house.ask(), "alice")
    concealed = house.links.concealed()
    (tag,) = [key for key, what in concealed.items() if what == LINK]
    assert text.startswith(tag)
    assert [key for key, what in concealed.items() if what == CODE] == [spelled(code)]
    house.clock.step(3601)
    assert list(house.links.concealed().values()) == [LINK]
