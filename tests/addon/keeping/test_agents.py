"""Agents and runs in the store: ids that are never used twice, states that hold at once."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from wharfinger.keeping import agents
from wharfinger.keeping.agents import UnknownAgent
from wharfinger.keeping.store import Store

NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def run(tmp_path):
    with Store.open(tmp_path) as store:
        yield store.run_sync


def test_an_agent_is_made_on_first_sight_and_kept(run):
    first = run(agents.seen, "bot", NOW)
    assert re.fullmatch("ag_[0-9a-f]{16}", first.id)
    assert (first.name, first.generation, first.suspended, first.created) == ("bot", 1, None, NOW)
    assert run(agents.seen, "bot", LATER) == first
    assert run(agents.get, "bot") == first


def test_every_agent_has_an_id_of_its_own(run):
    found = run(agents.seen_all, ["b", "a", "b"], NOW)
    assert len({agent.id for agent in found.values()}) == 2
    assert [agent.name for agent in run(agents.every)] == ["a", "b"]


def test_suspend_and_resume(run):
    run(agents.seen, "bot", NOW)
    assert run(agents.suspend, "bot", "left the team", LATER).suspended == "left the team"
    assert run(agents.get, "bot").changed == LATER
    assert run(agents.suspend, "bot", "", LATER).suspended == "suspended"
    assert run(agents.resume, "bot", LATER).suspended is None


def test_rotate_raises_the_generation_of_that_agent_alone(run):
    run(agents.seen_all, ["bot", "other"], NOW)
    assert run(agents.rotate, "bot", LATER).generation == 2
    assert run(agents.get, "other").generation == 1


@pytest.mark.parametrize(
    "change",
    [
        (agents.get, "nobody"),
        (agents.suspend, "nobody", "x", NOW),
        (agents.resume, "nobody", NOW),
        (agents.rotate, "nobody", NOW),
        (agents.retire, "nobody", NOW),
        (agents.end_run, "nobody", NOW),
    ],
)
def test_who_is_not_known_is_named(run, change):
    with pytest.raises(UnknownAgent, match='"nobody"'):
        run(*change)


def test_a_retired_agents_name_may_be_used_again_its_id_not(run):
    first = run(agents.seen, "bot", NOW)
    started = run(agents.begin_run, "bot", NOW)
    run(agents.retire, "bot", LATER)
    assert run(agents.find, "bot") is None
    assert run(agents.end_run, started.id, LATER).ended == LATER
    second = run(agents.seen, "bot", LATER)
    assert second.id != first.id


def test_a_run_begins_and_ends(run):
    started = run(agents.begin_run, "bot", NOW)
    assert re.fullmatch("[0-9a-z]{20}", started.id)
    assert started.agent_id == run(agents.get, "bot").id
    assert run(agents.open_runs, NOW) == (started,)
    assert run(agents.end_run, started.id, LATER).ended == LATER
    assert run(agents.end_run, started.id, LATER + timedelta(1)).ended == LATER
    assert run(agents.open_runs, LATER) == ()


def test_all_runs_of_an_earlier_proxy_end_at_once(run):
    ended, open_ = run(agents.begin_run, "bot", NOW), run(agents.begin_run, "bot", NOW)
    run(agents.end_run, ended.id, NOW)
    run(agents.end_all_runs, LATER)
    assert run(agents.open_runs, NOW) == ()
    assert run(agents.end_run, ended.id, LATER).ended == NOW
    assert run(agents.end_run, open_.id, LATER).ended == LATER


def test_a_run_with_an_end_is_not_open_beyond_it_whatever_the_zone(run):
    zone = timezone(timedelta(hours=5))
    started = run(agents.begin_run, "bot", NOW.astimezone(zone), LATER.astimezone(zone))
    assert run(agents.open_runs, NOW) == (started,)
    assert run(agents.open_runs, LATER) == ()


def test_one_retired_for_good_is_nobody_until_it_is_added_anew(run):
    first = run(agents.seen, "bot", NOW)
    run(agents.retire_for_good, "bot", "alice", LATER)
    assert run(agents.seen_all, ["bot", "other"], LATER).keys() == {"other"}
    assert run(agents.retired_names) == {"bot"}
    with pytest.raises(UnknownAgent, match='"bot" has been retired'):
        run(agents.seen, "bot", LATER)
    second = run(agents.add, "bot", LATER)
    assert second.id != first.id
    assert run(agents.seen, "bot", LATER) == second
    with pytest.raises(UnknownAgent, match="already"):
        run(agents.add, "bot", LATER)
