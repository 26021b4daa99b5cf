"""A refund that a person has to sign for: held, approved from another process, and sent once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from staging import apis
from staging.stage import Agent, Operator, Watch, until
from staging.world import APPROVER, World

REFUND = """\
import os, stripe
stripe.api_key = os.environ["STRIPE_API_KEY"]
try:
    print(stripe.Refund.create(payment_intent="pi_1", amount={amount}).id)
except stripe.StripeError as error:
    print(type(error).__name__, error.user_message)
"""


def begin(agent: Agent, amount: int) -> subprocess.Popen[str]:
    """The official package, asking for a refund that policy holds."""
    return agent.begin(sys.executable, "-c", REFUND.format(amount=amount))


def pending(watch: Watch) -> dict[str, Any]:
    """The question, once it stands in the book."""
    return until("a question", lambda: next((e for e in watch.events() if e["kind"] == "held"), None)) or {}


def test_approved_while_it_is_held(world: World, operator: Operator, agent: Agent) -> None:
    """The package waits, a person answers in another process, and the package gets its refund."""
    watch = Watch(operator, apis.STRIPE)
    refunding = begin(agent, 7001)
    approval = pending(watch)["approval"]
    (row,) = operator.run("approvals", "list", "--json").json
    assert (row["id"], row["state"], row["agent"]) == (approval, "pending", "bot")
    assert not watch.connected
    said = operator.run("approvals", "approve", approval, "--as", APPROVER).out
    assert said == f"{approval} is approved\n"
    ran = agent.end(refunding)
    assert ran.out == "re_7001\n", ran.said
    (seen,) = watch.requests
    assert seen.header("authorization") == f"Bearer {world.keys['STRIPE_API_KEY']}"
    assert seen.form["amount"] == "7001"
    (intent,) = [event for event in watch.events() if event["kind"] == "intent"]
    assert (intent["approval"], intent["approvers"]) == (approval, [APPROVER])
    assert operator.run("approvals", "show", approval, "--json").json["state"] == "used"


def test_denied_while_it_is_held(operator: Operator, agent: Agent) -> None:
    """The package's own exception names the person, and what they said; nothing is sent or tried again."""
    watch = Watch(operator, apis.STRIPE)
    refunding = begin(agent, 7002)
    approval = pending(watch)["approval"]
    operator.run("approvals", "deny", approval, "--as", APPROVER, "--reason", "ask again on Monday")
    ran = agent.end(refunding)
    assert ran.out.startswith("PermissionError Bob has denied this: ask again on Monday"), ran.said
    assert not watch.connected
    assert watch.kinds("denied", "held") == ["held", "denied"]


def test_only_an_approver_of_the_rule_may_answer(operator: Operator, agent: Agent) -> None:
    """alice administers, but is not in the team that the rule names; nor does an unknown key command."""
    watch = Watch(operator, apis.STRIPE)
    refunding = begin(agent, 7003)
    approval = pending(watch)["approval"]
    refused = operator.run("approvals", "approve", approval, "--as", "mallory", expect=None)
    assert refused.code != 0
    operator.run("approvals", "deny", approval, "--as", APPROVER)
    assert "PermissionError" in agent.end(refunding).out
    assert not watch.connected


def test_the_agents_own_environment_answers_nothing(operator: Operator, agent: Agent) -> None:
    """With the agent's environment, home and token alone there is no key to approve with."""
    watch = Watch(operator, apis.STRIPE)
    refunding = begin(agent, 7004)
    approval = pending(watch)["approval"]
    ran = agent.run(*operator.typed("approvals", "approve", approval))
    assert ran.code == 1
    assert "you have none" in ran.err
    operator.run("approvals", "deny", approval, "--as", APPROVER)
    agent.end(refunding)
    assert not watch.connected


@pytest.fixture
def brief(separate: Callable[..., Operator]) -> Operator:
    """A proxy of its own that holds for a second only."""
    operator = separate(hold="1s")
    operator.start()
    return operator


def test_resumed_after_the_hold(world: World, brief: Operator) -> None:
    """The hold ends unanswered: the package is told to send again. Approved later, even if the proxy has
    been restarted in between, the same request goes through once, and then is asked for anew."""
    agent, watch = Agent.of(brief), Watch(brief, apis.STRIPE)
    first = agent.end(begin(agent, 7005))
    assert first.out.startswith("PermissionError This needs the approval of finance."), first.said
    assert "send exactly the same request again" in first.out
    (row,) = brief.run("approvals", "list", "--json").json
    assert brief.stop() == 0
    brief.run("approvals", "approve", row["id"], "--as", APPROVER)
    brief.start()
    agent = Agent.of(brief)
    assert not watch.connected
    assert agent.end(begin(agent, 7005)).out == "re_7005\n"
    again = agent.end(begin(agent, 7005))
    assert again.out.startswith("PermissionError This needs the approval of finance."), again.said
    assert [seen.form["amount"] for seen in watch.requests] == ["7005"]
    assert brief.run("approvals", "show", row["id"], "--json").json["state"] == "used"


def test_a_client_that_leaves_keeps_its_question(brief: Operator) -> None:
    """Leaving ends the hold, not the approval."""
    agent, watch = Agent.of(brief), Watch(brief, apis.STRIPE)
    refunding = begin(agent, 7006)
    approval = pending(watch)["approval"]
    os.kill(refunding.pid, signal.SIGKILL)
    agent.end(refunding)
    ended = until("the hold has ended", lambda: [e for e in watch.events() if e["kind"] == "denied"])
    assert [(event["reason"], event["approval"]) for event in ended] == [("the agent left", approval)]
    brief.run("approvals", "approve", approval, "--as", APPROVER)
    assert agent.end(begin(agent, 7006)).out == "re_7006\n"
    assert len(watch.requests) == 1


def test_two_like_requests_join_one_question(operator: Operator, agent: Agent) -> None:
    """One answer releases one of them; the other is told to send again, which asks anew."""
    watch = Watch(operator, apis.STRIPE)
    both = [begin(agent, 7007), begin(agent, 7007)]
    until("both wait", lambda: len(watch.kinds("held")) == 2)
    (row,) = operator.run("approvals", "list", "--json").json
    operator.run("approvals", "approve", row["id"], "--as", APPROVER)
    said = sorted(agent.end(one).out for one in both)
    assert said[0].startswith("PermissionError This needs the approval of finance.")
    assert said[1] == "re_7007\n"
    assert len(watch.requests) == 1
