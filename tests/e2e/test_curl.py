"""curl through the running proxy."""

from __future__ import annotations

import re
import shutil

import pytest
from staging import apis
from staging.stage import Agent, Operator, Watch
from staging.world import World

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")

REFUND = "Refunds above 500.00 are made by finance"


def test_allowed_with_basic_authentication(world: World, operator: Operator, agent: Agent) -> None:
    """Stripe's own examples present the key as a Basic user; the answer names neither key nor login."""
    watch = Watch(operator, apis.STRIPE)
    ran = agent.run(
        "sh", "-c", 'curl -sSi -u "$STRIPE_API_KEY:" https://api.stripe.com/v1/payment_intents/pi_1'
    )
    (seen,) = watch.requests
    assert seen.header("authorization") == f"Bearer {world.keys['STRIPE_API_KEY']}"
    assert ran.out.count(f"Bearer {agent.environment['STRIPE_API_KEY']}") == 2, "in a header and in the body"
    assert world.keys["STRIPE_API_KEY"] not in ran.said


def test_refused_with_a_reason(operator: Operator, agent: Agent) -> None:
    watch = Watch(operator, apis.STRIPE)
    ran = agent.run(
        "sh", "-c", 'curl -sS --retry 3 -w "\\n%{http_code}" -u "$STRIPE_API_KEY:" -d amount=90000 '
        "-d payment_intent=pi_1 https://api.stripe.com/v1/refunds"
    )  # fmt: skip
    assert ran.out.endswith("\n403")
    assert REFUND in ran.out
    assert not watch.connected
    assert watch.kinds() == ["denied"]


def test_reads_documentation_with_nothing_put_in(operator: Operator, agent: Agent) -> None:
    watch = Watch(operator, apis.DOCS)
    assert "stand-in" in agent.run("curl", "-sS", "https://docs.python.org/3/").out
    (seen,) = watch.requests
    assert not seen.header("authorization")


def test_a_host_of_no_tool_and_no_rule(agent: Agent) -> None:
    ran = agent.run("curl", "-sS", "-w", "\n%{http_code}", "https://paste.example.com/?data=x")
    assert ran.out.endswith("\n403")


def test_without_the_agents_token(agent: Agent) -> None:
    proxy = re.sub(r"//[^@]*@", "//", agent.environment["HTTPS_PROXY"])
    ran = agent.run("curl", "-sS", "-x", proxy, "https://docs.python.org/3/")
    assert ran.code == 56
    assert "407" in ran.err
