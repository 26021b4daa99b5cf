"""A credential may demand that the agent is isolated: then it is put in for no other."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules import cases
from wharfinger.rules.types import Code, Verdict

CREDENTIALS = """
    credentials:
      STRIPE_API_KEY: {from: "env:STRIPE_API_KEY", hosts: [api.stripe.com], CONFINEMENT}
      GITHUB_TOKEN: {from: "env:GITHUB_TOKEN", hosts: [api.github.com]}
      SEARCH_KEY: {from: "env:SEARCH_KEY", hosts: [search.example.com], kind: query}
    """
DEMANDED = {"credentials.yaml": CREDENTIALS.replace("CONFINEMENT", "confinement: isolated")}
NOT_DEMANDED = {"credentials.yaml": CREDENTIALS.replace(", CONFINEMENT", "")}
CALL = "GET https://api.stripe.com/v1/balance"
LOGIN = {"Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0"}
TOOLS = {
    "tools/stripe.yaml": """
        api: stripe
        base: https://api.stripe.com
        auth: {secret: STRIPE_API_KEY}
        tools:
          - {tool: balance, run: {method: GET, url: /v1/balance}}
        """,
    "policies/main.yaml": """
        policy: main
        allow: [{tool: balance}]
        tests:
          - {agent: bot, call: balance, confinement: isolated, expect: allow}
          - {agent: bot, call: balance, expect: deny}
        """,
}


@pytest.mark.parametrize(
    ("files", "confinement", "verdict"),
    [
        (NOT_DEMANDED, "none", Verdict.ALLOW),
        (NOT_DEMANDED, "isolated", Verdict.ALLOW),
        (DEMANDED, "none", Verdict.DENY),
        (DEMANDED, "", Verdict.DENY),
        (DEMANDED, "isolated", Verdict.ALLOW),
    ],
)
def test_it_is_put_in_for_agents_that_are_confined_as_it_demands(
    make: Any, files: dict[str, str], confinement: str, verdict: Verdict
) -> None:
    world = make(TOOLS | files).with_facts(confinement=confinement)
    decision = world.decide(CALL, LOGIN)
    assert decision.verdict is verdict
    assert bool(decision.placements) == (verdict is Verdict.ALLOW)


def test_the_refusal_says_what_to_do(make: Any) -> None:
    decision = make(TOOLS | DEMANDED).decide(CALL, LOGIN)
    assert decision.code is Code.DENIED
    assert decision.reason == 'the credential "STRIPE_API_KEY" is for isolated agents only'
    assert decision.help.endswith("wharfinger run --isolate")


def test_tests_of_policies_say_how_the_agent_is_confined(make: Any) -> None:
    assert [result.passed for result in cases.run(make(TOOLS | DEMANDED).configuration)] == [True, True]
