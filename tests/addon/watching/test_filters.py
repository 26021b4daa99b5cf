"""Which calls a filter lets through."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import pytest
from wharfinger.watching.filters import EVERYTHING, NoFilter, equal, parse

FIELDS = {
    "agent": "Bot", "tool": "stripe_refund", "verdict": "deny", "rule": "policies/a.yaml:3", "approval": "",
    "state": "denied", "where": "POST api.stripe.com/v1", "ms": 12.5, "status": None, "findings": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "agent=bot", "agent=BOT", "tool=stripe_*", "tool!=git*", "verdict=deny ms>12", "ms<13", "refund",
     "findings<1", "status=", "rule=*a.yaml:3", "API.stripe", "approval="],
)  # fmt: skip
def test_what_holds_lets_through(text: str):
    assert parse(text).lets(FIELDS)


@pytest.mark.parametrize(
    "text",
    ["agent=bo", "tool=stripe", "tool!=stripe*", "verdict=deny ms>12.5", "ms<0", "paypal", "status>0",
     "status<999", "approval=a_*", "agent=[b]ot x"],
)  # fmt: skip
def test_what_does_not_hold_keeps_out(text: str):
    assert not parse(text).lets(FIELDS)


@pytest.mark.parametrize(
    ("text", "why"),
    [("colour=red", 'no field is called "colour"'), ("agent>1", "agent is no number"), ("ms>x", '"x" is not a number')],
)  # fmt: skip
def test_what_is_no_filter_says_why(text: str, why: str):
    with pytest.raises(NoFilter, match=why):
        parse(text)


def test_options_are_a_filter_of_what_is_given():
    assert equal(agent=None, tool=None) == EVERYTHING
    assert equal(agent="bot", tool="stripe_*", verdict=None).lets(FIELDS)
    assert not equal(agent="bot", tool="stripe").lets(FIELDS)
    assert str(equal(agent="bot", verdict="deny")) == "agent=bot verdict=deny"
    assert parse(str(parse("agent=bot ms>5 word"))) == parse("agent=bot ms>5 word")
