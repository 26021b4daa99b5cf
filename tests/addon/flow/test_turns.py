"""Turns: an agent waits once it has used its share, and only while there are others."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from wharfinger.flow.turns import BURST, RECENT, SHARE, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(clock: Clock) -> Turns:
    return Turns(clock)


def test_an_agent_that_is_alone_never_waits(turns: Turns) -> None:
    for _ in range(100):
        turns.spent("busy", 0.1)
        assert turns.left("busy") == 0


def test_within_its_burst_it_does_not_wait_beside_others(turns: Turns) -> None:
    turns.spent("other", 0.001)
    turns.spent("busy", BURST * 0.9)
    assert turns.left("busy") == 0
    turns.spent("busy", BURST)
    assert turns.left("busy") > 0
    assert turns.left("other") == 0


def test_beside_others_it_has_its_share_and_no_more(turns: Turns, clock: Clock) -> None:
    used, began = 0.0, clock.now
    while clock.now - began < 10:
        turns.spent("other", 0.0001)
        if turns.left("busy") == 0:
            turns.spent("busy", 0.002)
            used += 0.002
        clock.now += 0.002
    assert used == pytest.approx(10 * SHARE + BURST, rel=0.05)


def test_once_the_others_have_gone_it_goes_on(turns: Turns, clock: Clock) -> None:
    turns.spent("other", 0.001)
    turns.spent("busy", 10.0)
    assert turns.left("busy") == RECENT
    clock.now += RECENT / 2
    turns.spent("other", 0.001)
    assert turns.left("busy") == RECENT
    clock.now += RECENT
    assert turns.left("busy") == 0


def test_what_it_used_while_it_was_alone_is_not_due_when_another_comes(turns: Turns, clock: Clock) -> None:
    """An upload of a minute stood still for a minute, at the proxy's own test of itself."""
    for _ in range(100):
        clock.now += 1.0
        turns.spent("busy", 0.9)
    turns.spent("other", 0.001)
    assert turns.left("busy") == 0
    turns.spent("busy", BURST)
    assert turns.left("busy") == pytest.approx(BURST / SHARE)


def test_what_it_used_beside_others_is_not_due_once_they_have_gone(turns: Turns, clock: Clock) -> None:
    turns.spent("other", 0.001)
    turns.spent("busy", 10.0)
    clock.now += RECENT
    turns.spent("busy", 0.001)
    turns.spent("other", 0.001)
    assert turns.left("busy") == 0


async def test_who_waits_goes_on_once_the_others_have_gone() -> None:
    """It does not sleep for all that it owes: the others may be gone long before."""
    turns = Turns()
    turns.spent("other", 0.001)
    turns.spent("busy", 3600.0)
    async with asyncio.timeout(60):
        await turns.wait("busy")


def test_each_has_others_of_its_own(turns: Turns, clock: Clock) -> None:
    """Two that take turns are each other's others, whoever had the latest."""
    for _ in range(2):
        turns.spent("one", 10.0)
        turns.spent("two", 10.0)
    assert turns.left("one") == turns.left("two") == RECENT
    clock.now += RECENT / 2
    turns.spent("one", 0.001)
    assert (turns.left("one"), turns.left("two")) == (RECENT / 2, 0)
    turns.spent("two", 0.002)
    assert (turns.left("one"), turns.left("two")) == (0, RECENT)


def test_whoever_has_used_less_of_late_does_not_wait(turns: Turns, clock: Clock) -> None:
    """However much of the loop that is: where the machine is slow, a few requests are half of it."""
    turns.spent("bot", 0.001)
    for _ in range(50):
        clock.now += 0.01
        turns.spent("busy", 0.02)
        turns.spent("bot", 0.01)
        assert turns.left("bot") == 0
        assert turns.left("busy") > 0
    clock.now += RECENT / 2
    turns.spent("bot", 1.0)
    assert turns.left("bot") > 0, "now it has used more"
    assert turns.left("busy") == 0


def test_strangers_wait_however_little_they_have_used(turns: Turns) -> None:
    turns.spent("agent", 1.0)
    turns.spent("", BURST * 2)
    assert turns.left("") > 0


def test_those_that_have_not_said_who_they_are_share_one_turn(turns: Turns) -> None:
    turns.spent("agent", 0.001)
    turns.spent("", 10.0)
    assert turns.left("") > 0
    assert turns.left("agent") == 0


def test_nobody_waits_for_those_that_have_not_said_who_they_are(turns: Turns) -> None:
    """They are an agent's own, where it makes a connection for each request: it would wait for itself."""
    turns.spent("", 0.001)
    turns.spent("agent", 10.0)
    assert turns.left("agent") == 0
    turns.spent("other", 0.001)
    turns.spent("agent", 10.0)
    assert turns.left("agent") > 0


async def test_of_several_that_wait_one_goes_on_at_a_time() -> None:
    turns, went = Turns(), []

    async def one(number: int) -> None:
        await turns.wait("busy")
        turns.spent("other", 0.0)
        turns.spent("busy", 0.02)
        went.append((number, asyncio.get_running_loop().time()))

    turns.spent("other", 0.0)
    turns.spent("busy", BURST + 0.01)
    await asyncio.gather(*(one(number) for number in range(4)))
    times = [at for _, at in went]
    assert all(later - earlier >= 0.02 for earlier, later in itertools.pairwise(times))


async def test_a_proxy_charges_whoever_speaks(proxy: Any) -> None:
    """What is read for an agent is on its account, and what came before it was known is on nobody's."""
    turns = proxy.runtime.sessions.turns
    tunnel = await proxy.connect()
    assert (await tunnel.send(proxy.raw("GET", "/items/1"))).status == 200
    assert turns._accounts["bot"].until > turns._accounts[""].until > 0


def test_how_long_nobody_had_a_turn(turns: Turns, clock: Clock) -> None:
    assert turns.idle() == clock.now, "nobody ever had"
    turns.spent("agent", 0.001)
    assert turns.idle() == 0
    clock.now += 3.0
    turns.left("another")
    assert turns.idle() == 3.0
