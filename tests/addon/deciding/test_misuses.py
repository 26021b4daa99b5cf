"""Misuse: what is new is told at once, what goes on as a sum, and nobody is told of it without end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from wharfinger.audit.event import Who
from wharfinger.deciding import misuses as subject
from wharfinger.deciding.misuses import AT_ONCE, KINDS, NAMED, Alert, Misuses

START = datetime(2030, 1, 1, tzinfo=UTC)


class Desk:
    """Misuse that is noted, the time, and what was told."""

    def __init__(self) -> None:
        self.now = START
        self.told: list[Alert] = []
        self.misuses = Misuses(lambda: self.now)
        self.misuses.watch(self.told.append)

    def note(self, agent: str = "bot", reason: str = "a placeholder", times: int = 1) -> None:
        for number in range(times):
            self.misuses.note(Who(agent, f"id-{agent}"), reason, f"d_{agent}_{number}")

    def said(self) -> list[list[tuple[str, str, int]]]:
        return [[(each.agent, each.reason, each.count) for each in alert.found] for alert in self.told]


@pytest.fixture
async def desk():
    made = Desk()
    yield made
    if made.misuses._tick is not None:
        made.misuses._tick.cancel()


async def test_the_first_of_its_kind_is_told_at_once_with_its_decision(desk: Desk) -> None:
    desk.note()
    desk.note(reason="a code")
    assert desk.said() == [[("bot", "a placeholder", 1)], [("bot", "a code", 1)]]
    assert [alert.found[0].decision for alert in desk.told] == ["d_bot_0", "d_bot_0"]
    assert not desk.told[0].sum


async def test_what_is_told_says_by_which_run_and_in_what_confinement(desk: Desk) -> None:
    who = Who("bot", "id-bot", "run", "socket", "isolated")
    desk.misuses.note(who, "a placeholder", "d_1")
    desk.misuses.note(Who("bot", "id-bot"), "a placeholder", "d_2")
    desk.misuses.note(who, "a placeholder", "d_3")
    desk.misuses._sum()
    assert [each.who for alert in desk.told for each in alert.found] == [who, who]


async def test_those_like_it_are_told_as_one_sum_for_as_long_as_it_goes_on(desk: Desk) -> None:
    desk.note(times=100)
    desk.note("second")
    assert len(desk.told) == 2
    desk.misuses._sum()
    assert desk.said()[2:] == [[("bot", "a placeholder", 99)]]
    assert desk.told[2].sum
    assert desk.told[2].found[0].decision == "d_bot_99"
    desk.note(times=7)
    assert len(desk.told) == 3  # it goes on, so it is not new
    desk.misuses._sum()
    desk.misuses._sum()
    assert desk.said()[3:] == [[("bot", "a placeholder", 7)]]
    desk.note()
    assert desk.said()[4:] == [[("bot", "a placeholder", 1)]]  # after a time without any, it is


async def test_the_sum_comes_by_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "EVERY", timedelta(milliseconds=20))
    desk.note(times=3)
    async with asyncio.timeout(20):
        while len(desk.told) < 2:
            await asyncio.sleep(0.005)
    assert desk.said()[1] == [("bot", "a placeholder", 2)]


async def test_no_agent_can_have_people_told_of_ever_new_kinds(desk: Desk) -> None:
    for number in range(50):
        desk.note(reason=f"kind {number}")
    assert len(desk.told) == KINDS
    desk.misuses._sum()
    assert desk.said()[KINDS:] == [[("bot", "kind 49", 50 - KINDS)]]


async def test_nor_can_many_agents_together(desk: Desk) -> None:
    for number in range(100):
        desk.note(f"bot-{number:03}", times=2 if number == 99 else 1)
    assert len(desk.told) == AT_ONCE
    desk.misuses._sum()
    (summed,) = desk.told[AT_ONCE:]
    assert len(summed.found) == NAMED
    assert summed.more == 100 - AT_ONCE - NAMED
    assert summed.found[0].agent == "bot-099"  # who did most comes first
    assert summed.found[0].count == 2


async def test_what_happened_within_the_hour_can_be_seen(desk: Desk) -> None:
    desk.note(times=3)
    desk.now += timedelta(minutes=50)
    desk.note("second")
    assert {each.agent: each.count for each in desk.misuses.lately()} == {"bot": 3, "second": 1}
    desk.now += timedelta(minutes=20)
    assert {each.agent: each.count for each in desk.misuses.lately()} == {"second": 1}
    desk.note()
    assert {each.agent: each.count for each in desk.misuses.lately()} == {"second": 1, "bot": 1}


async def test_at_the_end_the_sum_is_told_and_no_clock_is_left(desk: Desk) -> None:
    desk.note(times=5)
    desk.misuses.close()
    assert desk.said()[1:] == [[("bot", "a placeholder", 4)]]
    assert desk.misuses._tick is None or desk.misuses._tick.cancelled()
