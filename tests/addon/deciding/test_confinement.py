"""A session says of its confinement what its run was begun with, and no more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from wharfinger.clock import SystemClock
from wharfinger.deciding.callers import Callers
from wharfinger.keeping.agents import Agent
from wharfinger.keeping.keys import Keys
from wharfinger.rules.configuration import Sources, load

FILES = {
    "wharfinger.yaml": b"version: 1\n",
    "people.yaml": b"people: {alice: {role: admin}}\n",
    "agents.yaml": b"agents: {bot: {owner: alice}}\n",
}


@pytest.mark.parametrize(
    ("around", "begun", "said"),
    [
        ("none", "none", "none"),
        ("none", "landlock", "landlock"),
        ("isolated", "none", "isolated"),
        ("none", "isolated", None),
    ],
)
def test_it_is_the_runs_own(tmp_path: Path, around: str, begun: str, said: str | None) -> None:
    """Else that of whatever the proxy and its agents are in. An isolated run has no token out here."""
    clock, keys = SystemClock(), Keys.open(tmp_path)
    callers = Callers(keys, clock, around)
    callers.swap(load(Sources(FILES)), {"bot": Agent("ag_1", "bot", 1, None, clock.now(), clock.now())})
    callers.begin_run("r1", "bot", None, confinement=begun)
    session = callers.identify("bot", keys.agent_token("ag_1", 1, "r1", clock.now() + timedelta(days=1)))
    assert (None if session is None else session.who.confinement) == said
    plain = callers.identify("bot", keys.agent_token("ag_1", 1))
    assert plain is not None
    assert plain.who.confinement == around
