"""Agents with networks of their own: their address says who they are, and no token says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from wharfinger.rules.models.agents import AgentsFile

PLACE, ELSEWHERE = "10.200.0.2", "10.200.0.3"
AGENTS = """\
agents:
  bot: {owner: alice, policies: [everyday], from: {cidr: 10.200.0.2/32}}
  second: {owner: alice, policies: [everyday]}
"""


@pytest.fixture
async def live(start: Any) -> AsyncIterator[Any]:
    async with start({"agents.yaml": AGENTS}) as proxy:
        proxy.runtime.live.token_of = proxy.token
        yield proxy.runtime.live


def who(session: Any) -> tuple[str, str] | None:
    return None if session is None else (session.who.agent, session.who.identified_by)


async def test_its_address_says_who_it_is(live: Any) -> None:
    assert who(live.callers.identify_by_address(PLACE)) == ("bot", "address")
    assert live.callers.identify_by_address(ELSEWHERE) is None
    assert live.callers.identify_by_address("127.0.0.1") is None


async def test_a_token_is_good_where_it_does_not_disagree(live: Any) -> None:
    bot, second = live.token_of("bot"), live.token_of("second")
    assert who(live.callers.identify("bot", bot, PLACE)) == ("bot", "token")
    assert live.callers.identify("bot", bot, ELSEWHERE) is None
    assert live.callers.identify("bot", bot) is None
    assert who(live.callers.identify("second", second, ELSEWHERE)) == ("second", "token")
    assert live.callers.identify("second", second, PLACE) is None


async def test_it_has_no_run_at_a_door(live: Any) -> None:
    for agent in ("bot", "second"):
        live.callers.begin_run(f"run-{agent}", agent, None, confinement="isolated")
    live.callers.knows_token = lambda *_: True
    assert live.callers.identify_at_door("run-bot", "bot", "") is None
    assert who(live.callers.identify_at_door("run-second", "second", "")) == ("second", "socket")


async def test_one_whose_network_is_taken_away_may_do_nothing_any_more(live: Any) -> None:
    session = live.callers.identify_by_address(PLACE)
    assert live.barred(session) is None
    moved = AgentsFile.model_validate(
        {"agents": {"bot": {"owner": "alice", "policies": ["everyday"], "from": {"cidr": ["10.9.0.0/16"]}}}}
    )
    live.callers._origins = type(live.callers._origins)(moved.agents)
    assert "its own network" in live.barred(session)
