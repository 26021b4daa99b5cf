"""The proxy is killed between every two steps from an answer to the first byte: nothing is done twice."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from staging import apis
from staging.stage import Agent, Operator, Watch, until
from staging.world import APPROVER

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")

CRASHING = Path(__file__).parent / "crashing"
REFUND = (
    "sh", "-c", 'curl -sS -u "$STRIPE_API_KEY:" -d payment_intent=pi_1 -d amount=6000 '
    "https://api.stripe.com/v1/refunds",
)  # fmt: skip

ANSWERED = [
    ("approve before the book", "pending"),
    ("approve before the store", "pending"),
    ("approve before anybody is told", "approved"),
    ("use before the book", "approved"),
    ("use before the store", "approved"),
    ("use before anybody is told", "used"),
    ("intent before the book", "used"),
    ("send before the check", "used"),
    ("send after the check", "used"),
]
"""Where it dies, and how the approval stands at the next start."""


def start(operator: Operator, point: str) -> None:
    """`up` as usual, of a process that dies at this point."""
    given = operator.begin

    def begin(*arguments: str, **variables: str) -> Any:
        return given(*arguments, **variables, PYTHONPATH=str(CRASHING), CRASH_AT=point)

    operator.begin = begin  # type: ignore[method-assign]
    try:
        operator.start()
    finally:
        operator.begin = given  # type: ignore[method-assign]


def died(operator: Operator) -> None:
    assert operator.up is not None
    assert operator.up.wait(30) == -signal.SIGKILL, operator.logged()
    operator.up = None


def question(operator: Operator) -> dict[str, Any]:
    rows = until("a question", lambda: operator.run("approvals", "list", "--json").json)
    assert isinstance(rows[0], dict)
    return rows[0]


@pytest.mark.parametrize(("point", "state"), ANSWERED)
@pytest.mark.timeout(180)
def test_an_approval_is_used_once_wherever_it_dies(
    separate: Callable[..., Operator], point: str, state: str
) -> None:
    """Once and not twice; where it may have gone out, not at all without another yes."""
    operator = separate(hold="10m")
    start(operator, point)
    agent, watch = Agent.of(operator), Watch(operator, apis.STRIPE)
    asking = agent.begin(*REFUND)
    row = question(operator)
    answer = ("approvals", "approve", row["id"], "--as", APPROVER)
    operator.run(*answer, expect=None)
    died(operator)
    agent.end(asking)
    assert not watch.requests
    operator.start()
    agent = Agent.of(operator)
    operator.run("audit", "verify")
    assert operator.run("approvals", "show", row["id"], "--json").json["state"] == state
    if state == "pending":
        operator.run(*answer)
    again = agent.begin(*REFUND)
    if state == "used":
        another = question(operator)
        assert another["id"] != row["id"]
        operator.run("approvals", "deny", another["id"], "--as", APPROVER)
    out = agent.end(again).out
    assert ('"re_6000"' in out) is (state != "used"), out
    assert len(watch.requests) == (0 if state == "used" else 1)


@pytest.mark.parametrize(
    ("point", "counted"),
    [("grant before the store", 0), ("intent before the book", 1), ("grant after the check", 1)],
)
@pytest.mark.timeout(180)
def test_a_grant_covers_no_call_more_wherever_it_dies(
    separate: Callable[..., Operator], point: str, counted: int
) -> None:
    operator = separate(hold="10m")
    start(operator, point)
    agent, watch = Agent.of(operator), Watch(operator, apis.STRIPE)
    terms = ("--agent", "bot", "--tool", "stripe_create_refund", "--until", "1h", "--uses", "1")
    fixed = ("--fix", "payment_intent=pi_1", "--fix", "amount=6000")
    row = operator.run("grants", "add", *terms, *fixed, "--as", APPROVER, "--json").json
    asking = agent.begin(*REFUND)
    died(operator)
    agent.end(asking)
    assert not watch.requests
    operator.start()
    agent = Agent.of(operator)
    assert operator.run("grants", "show", row["id"], "--json").json["used"] == counted
    again = agent.begin(*REFUND)
    if counted:
        operator.run("approvals", "deny", question(operator)["id"], "--as", APPROVER)
    assert ('"re_6000"' in agent.end(again).out) is not bool(counted)
    assert len(watch.requests) == 1 - counted
