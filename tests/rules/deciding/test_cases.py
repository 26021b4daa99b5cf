"""The tests in policies are decided as the proxy would decide, and say what went wrong."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules import cases
from wharfinger.rules.types import Verdict


def results(make: Any, rules: str, *tests: str) -> list[cases.CaseResult]:
    text = rules + "\ntests:\n" + "".join(f"  - {{agent: bot, {test}}}\n" for test in tests)
    return list(cases.run(make.policy(text).configuration))


GOOD = [
    "call: refund, input: {payment: pi_1, amount: 5}, expect: allow",
    "call: refund, input: {payment: pi_1, amount: 51}, expect: ask",
    "call: refund, input: {payment: pi_1, amount: 5, note: x}, expect: allow",
    "call: refund, input: {payment: pi_1, amount: 501}, expect: deny",
    "call: get_refund, input: {id: re_1}, reason: why, expect: allow",
    "call: get_refund, input: {id: re_1}, expect: deny",
    "request: DELETE https://api.stripe.com/v1/customers/cus_1, expect: deny",
    "request: GET https://docs.example.org/a, expect: allow",
    "request: GET https://docs.example.org, expect: allow",
    "request: GET https://docs.example.com/a, expect: deny",
    'request: GET https://docs.example.org/a, headers: {Authorization: "Bearer x"}, expect: allow',
    'request: POST https://api.stripe.com/v1/refunds, body: "payment_intent=p&amount=5",'
    " headers: {Content-Type: application/x-www-form-urlencoded}, expect: allow",
    "request: POST https://api.stripe.com/v1/refunds, body: {payment_intent: p, amount: 5}, expect: deny",
    'request: GET https://api.stripe.com/v1/refunds/r, headers: {Authorization: "Bearer own"}, expect: deny',
]
RULES = """
allow:
  - {tool: refund, when: {max_amount: 50}}
  - {tool: get_refund, when: {require_reason: true}}
  - {tool: unmatched, hosts: [docs.example.org]}
ask: [{tool: refund, when: input.amount > 50 && input.amount <= 500}]
"""


def test_all_kinds_of_tests(make: Any) -> None:
    found = results(make, RULES, *GOOD)
    assert [str(result) for result in found if not result.passed] == []
    assert len(found) == len(GOOD)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("call: refund, input: {payment: p, amount: 5}, expect: deny", "expected deny, got allow"),
        ("call: refund, input: {payment: p, amount: 51}, expect: allow", "expected allow, got ask by"),
        ("request: GET https://docs.example.com/, expect: allow", "got deny: no rule allows this"),
        ("call: refund, input: {payment: p}, expect: deny", 'cannot be run: the input "amount" is missing'),
        ("call: refund, input: {payment: p, amount: x}, expect: deny", 'the input "amount" is not'),
        ("call: refund, input: {paymnt: p, amount: 1}, expect: deny", 'there is no input "paymnt"'),
        ("request: GET ftp://docs.example.com/, expect: deny", "is not a URL"),
        ("request: GET https://user@docs.example.org/, expect: deny", "the host of"),
    ],
)  # fmt: skip
def test_what_fails_says_why(make: Any, test: str, said: str) -> None:
    (result,) = results(make, RULES, test)
    assert not result.passed
    assert said in str(result)


def test_the_clock_is_the_tests_own(make: Any) -> None:
    rules = 'allow: [{tool: get_any, when: \'within("Mon-Fri 08:00-18:00", "Europe/Berlin")\'}]'
    tests = [
        "call: get_any, input: {path: x}, at: 2026-01-14T12:00+01:00, expect: allow",
        "call: get_any, input: {path: x}, at: 2026-01-17T12:00+01:00, expect: deny",
    ]
    assert [str(r) for r in results(make, rules, *tests) if not r.passed] == []


def test_a_policy_that_reads_the_clock_must_say_when(make: Any) -> None:
    rules = 'allow: [{tool: get_any, when: \'within("08:00-18:00", "UTC")\'}]'
    with pytest.raises(Exception, match="none of its tests says when it takes place"):
        results(make, rules, "call: get_any, input: {path: x}, expect: allow")


def test_results_carry_the_decision(make: Any) -> None:
    (result,) = results(make, RULES, GOOD[0])
    assert result.got is Verdict.ALLOW
    assert result.decision is not None
    assert result.decision.trace
    assert (result.policy, result.position.file) == ("main", "policies/main.yaml")


EXAMPLE = """
    policy: support_refunds
    description: Support may refund small amounts, finance signs for more
    allow:
      - tool: refund_payment
        when: {max_amount_cents: 5000, require_reason: true}
    ask:
      - tool: refund_payment
        when: input.amount_cents > 5000 && input.amount_cents <= 50000
        approvers: [finance]
        quorum: 1
        expires: 15m
    deny:
      - tool: "*"
        when: agent.environment == "prod" && !within("Mon-Fri 08:00-18:00", "Europe/Berlin")
        because: outside business hours
    deny_patterns: ["BEGIN [A-Z ]*PRIVATE KEY"]
    tests:
      - {agent: support-agent, call: refund_payment, input: {payment_id: pi_1, amount_cents: 2500}, reason: duplicate, at: 2026-01-14T12:00+01:00, expect: allow}
      - {agent: support-agent, request: DELETE https://api.stripe.com/v1/customers/cus_1, expect: deny}
      - {agent: support-agent, call: refund_payment, input: {payment_id: pi_1, amount_cents: 2500}, reason: duplicate, at: 2026-01-17T12:00+01:00, expect: deny}
      - {agent: support-agent, call: refund_payment, input: {payment_id: pi_1, amount_cents: 2500}, expect: deny}
      - {agent: support-agent, call: refund_payment, input: {payment_id: pi_1, amount_cents: 50000}, expect: ask}
      - {agent: support-agent, call: refund_payment, input: {payment_id: pi_1, amount_cents: 50001}, expect: deny}
    """  # noqa: E501 -- as the documentation has it
TOOL = """
    tool: refund_payment
    description: Refund a Stripe payment
    input:
      payment_id: string
      amount_cents: number
    run:
      type: http
      method: POST
      url: https://api.stripe.com/v1/refunds
      auth: {secret: STRIPE_API_KEY}
      body:
        payment_intent: ${payment_id}
        amount: ${amount_cents}
    """


def test_the_documented_policy_loads_as_it_stands_and_passes_its_tests(make: Any) -> None:
    world = make({
        "tools/stripe.yaml": None,
        "tools/own.yaml": None,
        "tools/refund_payment.yaml": TOOL,
        "policies/support.yaml": EXAMPLE,
        "agents.yaml": """
            agents: {support-agent: {owner: alice, policies: [support_refunds], environment: prod}}
            """,
    })  # fmt: skip
    found = cases.run(world.configuration)
    assert [str(result) for result in found if not result.passed] == []
    assert len(found) == 6
    assert found[2].decision.reason == "outside business hours"
