"""The steps to a recorded decision are those that `explain` tells, or it is said why there are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.replaying.retold import retell
from wharfinger.rules.types import Verdict


@pytest.fixture
def configuration(recording):
    """The one that the recorder decides by."""
    return recording.configuration()[0]


def last(recorder) -> dict[str, Any]:
    return json.loads(recorder.lines[-1])


def test_the_steps_are_those_to_the_decision(recorder, configuration) -> None:
    for amount, verdict in ((50, Verdict.ALLOW), (500, Verdict.ASK), (501, Verdict.DENY)):
        assert recorder.call("pay", {"amount": amount, "to": "a"}) is verdict
        event = last(recorder)
        told = retell(configuration, event)
        assert told["steps"][-1]["kind"] == "verdict"
        assert told["steps"][-1]["result"] == str(verdict)
        rules = {step["rule"] for step in told["steps"]} - {None}
        assert rules >= set(event.get("rules", ()))
        assert len(rules) > len(event.get("rules", ())), "also those that did not decide"
        assert "the same verdict" in told["note"]


def test_of_another_configuration_nothing_is_told(recorder, recording, configuration) -> None:
    recorder.call("pay", {"amount": 50, "to": "a"})
    other = recording.configuration(policies__main="policy: main\ndeny: [{tool: '*'}]\n")[0]
    for held in (other, None):
        told = retell(held, last(recorder))
        assert told["steps"] == []
        assert configuration.digest[:16] in told["note"]
        assert "not in force" in told["note"]


def test_what_the_log_does_not_hold_is_said(recorder, configuration) -> None:
    recorder.call("sign_in", {"password": "hunter2hunter2"})
    told = retell(configuration, last(recorder))
    assert told["steps"] == []
    assert 'the input "password" is recorded as a keyed digest' in told["note"]


def test_another_verdict_is_said(recorder, configuration) -> None:
    recorder.call("pay", {"amount": 50, "to": "a"})
    told = retell(configuration, last(recorder) | {"verdict": "deny", "code": "limit"})
    assert told["steps"]
    assert "comes to allow" in told["note"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"kind": "outcome", "decision": "d_1"},
        {"kind": "denied", "verdict": "deny", "reason": "malformed"},
        {"kind": "intent", "verdict": "allow", "calls": [3]},
        {"kind": "intent", "verdict": "maybe", "calls": [{}]},
        {"kind": "intent", "verdict": "allow", "calls": {"a": 1}, "time": 7},
        {"kind": "intent", "verdict": [], "calls": [{"tool": "pay", "inputs": 3}], "cut": []},
    ],
    ids=["nothing", "outcome", "malformed", "no call", "no verdict", "no list", "no inputs"],
)
def test_any_event_is_answered(configuration, event: dict[str, Any]) -> None:
    told = retell(configuration, event | {"policy_digest": configuration.digest})
    assert told["steps"] == []
    assert told["note"]
