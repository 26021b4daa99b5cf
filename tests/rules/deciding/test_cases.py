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
    with pytest.raises(Exception, match="this test does not say when it takes place"):
        results(make, rules, "call: get_any, input: {path: x}, expect: allow")


def test_results_carry_the_decision(make: Any) -> None:
    (result,) = results(make, RULES, GOOD[0])
    assert result.got is Verdict.ALLOW
    assert result.decision is not None
    assert result.decision.trace
    assert (result.policy, result.position.file) == ("main", "policies/main.yaml")
