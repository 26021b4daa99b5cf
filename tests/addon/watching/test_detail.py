"""One call in full."""

# ruff: noqa: E501 - tables

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.watching.calls import Calls, Entry
from wharfinger.watching.detail import Tab, show

MARK = "▓▓▓▓"


@pytest.fixture
def entry(told) -> Entry:
    calls = Calls()
    call = {
        "tool": "pay",
        "effect": "write",
        "blast": 20,
        "reason": "rent",
        "inputs": {"amount": 5},
        "hmac": {"iban": "ab" * 32},
    }
    held: dict[str, Any] = {
        "calls": [call],
        "approval": "a_1",
        "reason": "pay needs an answer",
        "policy_digest": "d" * 64,
    }
    calls.take([told("held", **held, id="e_1_0", prev="f" * 64, leaf="e" * 64)], None)
    calls.take([told("approval", approval="a_1", state="approved", person="bob")], None)
    calls.take(
        [told("intent", credentials=["BANK_KEY"], dropped=["x-odd"], cut={"path": {"length": 9999}})], None
    )
    calls.take(
        [told("outcome", outcome="completed", status=200, findings={"card": 2}, address="192.0.2.1:443")],
        None,
    )
    return calls.newest()[0]


@pytest.mark.parametrize(
    ("tab", "parts"),
    [
        (Tab.DECISION, ("verdict          ask", "pay needs an answer", "policies/things.yaml:3", "amount         5", "it says        rent", "person           bob", "status           200", f"iban           {MARK}")),
        (Tab.REDACTIONS, (f"{MARK} card: 2 times", f"{MARK} iban: kept as HMAC abababab", f"{MARK} BANK_KEY", "path: {\"length\": 9999}", "header x-odd")),
        (Tab.AUDIT, ("seq              0", "e_1_0", "f" * 64, "e" * 64, "in the checkpoint over 2 events", "not yet in a checkpoint", "wharfinger audit show d_1")),
        (Tab.EVENTS, ("held", "outcome", "192.0.2.1:443")),
    ],
    ids=[tab.value for tab in Tab],
)  # fmt: skip
def test_each_tab_tells_its_part(entry: Entry, tab: Tab, parts: tuple[str, ...]):
    text = show(entry, tab, 2, {}).plain
    for part in parts:
        assert part in text


def test_where_nothing_was_hidden_it_says_so(told):
    calls = Calls()
    calls.take([told("denied")], None)
    assert (
        show(calls.newest()[0], Tab.REDACTIONS, None, {}).plain
        == "nothing was found, hidden, cut or left out"
    )


def test_what_the_checkpoint_is_over_may_be_unknown(entry: Entry):
    assert "checkpoint" not in show(entry, Tab.AUDIT, None, {}).plain


STEP = {"kind": "rule", "text": "pay, when amount > 4", "result": "ask", "rule": "policies/things.yaml:3"}


def test_every_step_is_told_below_the_decision(entry: Entry):
    told = {"steps": [STEP, STEP | {"result": "deny", "rule": None}], "note": "decided again"}
    text = show(entry, Tab.DECISION, 2, told).plain
    lines = text.splitlines()
    assert [line.split("  ")[-1] for line in lines if "pay, when amount > 4" in line] == ["ask", "deny"]
    assert "policies/things.yaml:3  ask" in text
    assert (
        lines.index("every step")
        < lines.index("decided again")
        < text[: text.rindex("approval 20")].count("\n")
    )


def test_steps_that_are_worked_out_or_not_asked_for(entry: Entry):
    assert "every step\nbeing worked out" in show(entry, Tab.DECISION, 2, None).plain
    assert "every step" not in show(entry, Tab.DECISION, 2, {}).plain


def test_steps_of_several_calls_say_of_which(entry: Entry):
    told = {"steps": [STEP | {"call": "pay"}, STEP | {"call": "read"}], "note": ""}
    text = show(entry, Tab.DECISION, 2, told).plain
    assert "pay: pay, when" in text
    assert "read: pay, when" in text


@pytest.mark.parametrize(
    "steps", [3, [3, None, "x"], [{"kind": 1, "text": ["\x1b]0;owned\x07"], "rule": {}}]]
)
def test_what_another_proxy_says_of_steps_is_believed_in_nothing(entry: Entry, steps: Any):
    text = show(entry, Tab.DECISION, 2, {"steps": steps, "note": "\x1b[2J\u202e"}).plain
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
