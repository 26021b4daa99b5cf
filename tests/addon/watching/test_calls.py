"""Events as calls: what is folded into one, what is counted, what is kept."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.watching.calls import Calls
from wharfinger.watching.filters import equal, parse

SECOND = 1768392000
"""The one of the first event's time."""


def test_a_call_and_what_became_of_it_are_one_entry(told):
    calls = Calls()
    calls.take([told("intent", request_bytes=5)], None)
    (entry,) = calls.newest()
    assert (entry.agent, entry.tool, entry.verdict, entry.rule) == (
        "bot",
        "get_thing",
        "allow",
        "policies/things.yaml:3",
    )
    assert (entry.where, entry.state, entry.sent_bytes) == ("GET api.example.com/things/1", "under way", 5)
    end = {"outcome": "completed", "status": 200, "response_bytes": 70, "findings": {"card": 2, "email": 1}}
    calls.take([told("outcome", **end, timings_ms={"total": 12.5})], None)
    (entry,) = calls.newest()
    assert (entry.state, entry.status, entry.milliseconds, entry.received_bytes) == (
        "completed",
        200,
        12.5,
        70,
    )
    assert (entry.findings, calls.findings, calls.sent_bytes, calls.received_bytes) == (3, 3, 5, 70)
    assert [event["kind"] for event in entry.events] == ["intent", "outcome"]


def test_a_question_is_one_entry_with_its_answer_and_its_use(told):
    calls = Calls()
    assert calls.take([told("held", approval="a_1")], None)
    assert calls.newest()[0].state == "waits"
    assert calls.take([told("approval", "", approval="a_1", state="approved", person="bob")], None)
    assert calls.newest()[0].state == "approved"
    assert not calls.take(
        [told("intent", approval="a_1"), told("outcome", outcome="completed", status=200)], None
    )
    (entry,) = calls.newest()
    assert (entry.state, entry.status, entry.verdict) == ("completed", 200, "allow")
    assert calls.counted.total() == 1


def test_each_event_is_taken_once(told):
    calls = Calls()
    events = [told("denied", "d_1"), told("intent", "d_2"), told("outcome", "d_2", response_bytes=7)]
    for _ in range(3):
        calls.take(events, None)
    assert (calls.counted, len(calls), calls.last) == ({"deny": 1, "allow": 1}, 2, 2)
    assert (calls.received_bytes, len(calls.newest()[0].events)) == (7, 2)


def test_denials_that_were_counted_together_count_as_many(told):
    calls = Calls()
    calls.take([told("denied", "d_1"), told("denied", "d_9", count=41)], None)
    assert calls.counted == {"deny": 42}
    assert calls.newest()[0].times == 41
    assert sum(calls.rates.of(SECOND + 30)) == 42


def test_entries_are_bounded_and_counts_are_not(told):
    calls = Calls(kept=10)
    for number in range(100):
        calls.take([told("held", f"d_{number}", approval=f"a_{number}")], None)
    assert [entry.decision for entry in calls.newest()] == [f"d_{number}" for number in range(99, 89, -1)]
    assert (calls.counted.total(), len(calls), len(calls._by_approval)) == (100, 10, 10)
    calls.take([told("outcome", "d_1", outcome="completed")], None)
    assert len(calls) == 10
    for _ in range(100):
        calls.take([told("approval", "d_99", approval="a_99", state="approved")], None)
    events = calls.newest()[0].events
    assert (len(events), events[0]["kind"]) == (12, "held")
    calls.clear()
    assert (len(calls), len(calls._by_approval), calls.counted.total()) == (0, 0, 100)


def test_only_what_is_asked_for_is_kept_and_counted(told):
    calls = Calls(equal(agent="b*", verdict="deny"))
    calls.take([told("denied"), told("intent", "d_2"), told("denied", "d_3", agent="other")], None)
    assert [entry.decision for entry in calls.newest()] == ["d_1"]
    assert calls.counted == {"deny": 1}
    assert calls.newest(parse("tool=none")) == []


def test_rates_are_of_the_second_that_is_given_or_of_the_events_own(told):
    calls = Calls()
    calls.take([told("intent", "d_1"), told("intent", "d_2")], None)
    calls.take([told("intent", "d_3")], SECOND + 50)
    assert calls.rates.of(SECOND + 50)[-51:] == [1, 1, *[0] * 48, 1]


def test_what_is_no_call_is_news(told):
    calls = Calls()
    calls.take([told("control", "", action="reload", person="alice")], None)
    assert calls.news == "12:00:00 control alice reload"
    assert len(calls) == 0


WRONG: tuple[Any, ...] = (None, True, 7, -1.5, "text", [], [[]], {}, {"tool": []}, [{"tool": 3}], [None])


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("kind", ["intent", "held", "outcome", "approval", "control"])
def test_members_of_any_kind_do_no_harm(told, kind: str, value: Any):
    """Another proxy may say what it likes; the call after it is still taken."""
    names = (
        "time", "agent", "calls", "verdict", "rules", "host", "path", "method", "count", "status", "findings",
        "timings_ms", "request_bytes", "response_bytes", "approval", "state", "outcome", "observed", "action",
    )  # fmt: skip
    calls = Calls()
    calls.take([told("held", approval="a_1")], None)
    for name in names:
        calls.take([told(kind, **{name: value})], None)
        calls.take([told(kind, **dict.fromkeys(names, value))], None)
    for seq in (None, "1", True, 1e9):
        calls.take([told("denied", "d_no", seq=seq)], None)
    calls.take([told("denied", "d_last")], None)
    assert calls.newest()[0].decision == "d_last"
    assert calls.get("d_no") is None
