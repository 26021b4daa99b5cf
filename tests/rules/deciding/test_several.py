"""A request of several calls: the strictest verdict governs all of it, and limits count each."""

from __future__ import annotations

import json
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from wharfinger.rules.models.limits import Window
from wharfinger.rules.types import Code, Decision, Verdict

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY
TOOLS = """
    api: ledger
    base: https://rpc.example.com
    auth: {secret: RPC_KEY}
    tools:
      - tool: rpc_pay
        effect: write
        input: {amount: {type: number, required: false}}
        run: {type: jsonrpc, url: /rpc, method: pay, params: {amount: "${amount}"}}
      - tool: rpc_get
        effect: read
        run: {type: jsonrpc, url: /rpc, method: get, params: {id: "${id}"}}
    """
CREDENTIALS = 'credentials:\n  RPC_KEY: {from: "env:RPC_KEY", hosts: [rpc.example.com]}\n'
PAY, GET = {"method": "pay", "params": {"amount": 5}}, {"method": "get", "params": {"id": "1"}}


class Counted:
    def __init__(self, used: int) -> None:
        self.amount = Fraction(used)

    def used(self, key: str, window: Window) -> Fraction:
        return self.amount

    def frees(self, key: str, window: Window, room: Fraction) -> None:
        return None


def batch(make: Any, policy: str, *calls: dict[str, Any], used: int = 0) -> Decision:
    files = {
        "agents.yaml": "agents:\n  bot: {owner: alice, policies: [main]}\n",
        "credentials.yaml": CREDENTIALS,
        "policies/main.yaml": f"policy: main\n{policy}",
        "tools/rpc.yaml": TOOLS,
    } | {f"tools/{name}.yaml": None for name in ("stripe", "github", "plain", "own")}
    world = make(files).explaining().with_facts(counters=Counted(used))
    body = [{"jsonrpc": "2.0", "id": number, **call} for number, call in enumerate(calls)]
    decision = world.decide(
        "POST https://rpc.example.com/rpc", {"Content-Type": "application/json"}, json.dumps(body).encode()
    )
    assert isinstance(decision, Decision)
    return decision


RULES = {
    ALLOW: ("allow: [{tool: rpc_%s}]", "allow"),
    ASK: ("ask: [{tool: rpc_%s, approvers: [legal]}]", "ask"),
    DENY: ("deny: [{tool: rpc_%s}]", "deny"),
}


@pytest.mark.parametrize("one", RULES)
@pytest.mark.parametrize("other", RULES)
def test_the_strictest_governs_all_of_it(make: Any, one: Verdict, other: Verdict) -> None:
    rules: dict[str, list[str]] = {}
    for verdict, name in ((one, "pay"), (other, "get")):
        key, _, entry = (RULES[verdict][0] % name).partition(": ")
        rules.setdefault(key, []).append(entry.strip("[]") if verdict is not ASK else entry[1:-1])
    policy = "\n".join(f"{key}: [{', '.join(entries)}]" for key, entries in rules.items())
    strictest = max((one, other), key=list(RULES).index)
    for calls in ((PAY, GET), (GET, PAY), (GET, PAY, GET)):
        decision = batch(make, policy, *calls)
        assert decision.verdict is strictest, decision.reason
        assert bool(decision.placements) is (strictest is not DENY)


def test_the_shortest_time_of_all_calls_holds(make: Any) -> None:
    policy = "allow: [{tool: rpc_pay, timeout: 9s}, {tool: rpc_get, timeout: 4s}]"
    assert batch(make, policy, PAY, GET).timeout == timedelta(seconds=4)
    assert batch(make, policy, PAY, PAY).timeout == timedelta(seconds=9)


def test_one_call_under_review_is_enough_and_none_is_where_it_is_denied(make: Any) -> None:
    policy = "allow: [{tool: rpc_get, review: true}, {tool: rpc_pay, when: {max_amount: 5}}]"
    assert batch(make, policy, GET, PAY).review
    assert not batch(make, policy, PAY).review
    denied = batch(make, policy, GET, {"method": "pay", "params": {"amount": 6}})
    assert (denied.verdict, denied.review) == (DENY, False)


def test_who_may_approve_is_whom_all_calls_name(make: Any) -> None:
    rules = "ask: [{tool: rpc_pay, approvers: [legal], expires: 9m}, {tool: rpc_get, approvers: [%s]}]"
    both = batch(make, rules % "finance, carol", PAY, GET)
    assert both.ask is not None
    assert both.ask.people == {"bob", "carol"}
    assert both.ask.expires == timedelta(minutes=9)
    assert batch(make, rules % "alice", PAY, GET).verdict is DENY
    assert batch(make, rules % "alice", PAY).verdict is ASK


@pytest.mark.parametrize("calls", [(PAY, GET), (GET, PAY)])
def test_nothing_is_put_in_where_a_rule_forbids_one_of_what_is_observed(make: Any, calls: Any) -> None:
    observed = "mode: observe\nuntil: 2026-01-20\nallow: [{tool: rpc_get}]\n%s: [{tool: rpc_pay}]"
    forbidden = batch(make, observed % "deny", *calls)
    assert (forbidden.verdict, forbidden.placements) == (ALLOW, ())
    assert forbidden.observed is not None
    assert forbidden.observed.verdict is DENY
    missing = batch(make, "mode: observe\nuntil: 2026-01-20\nallow: [{tool: rpc_get}]", *calls)
    assert missing.placements, "that no rule allows it is no rule that forbids it"


@pytest.mark.parametrize(
    ("limit", "used", "code", "reserved"),
    [
        ("{tool: rpc_pay, calls: 4/hour}", 2, Code.ALLOWED, [2]),
        ("{tool: rpc_pay, calls: 4/hour}", 3, Code.LIMIT, []),
        ('{tool: "rpc_*", calls: 4/hour}', 1, Code.ALLOWED, [3]),
        ('{tool: "rpc_*", calls: 4/hour}', 2, Code.LIMIT, []),
        ("{tool: rpc_pay, sum: {amount: 20/day}}", 10, Code.ALLOWED, [10]),
        ("{tool: rpc_pay, sum: {amount: 20/day}}", 11, Code.LIMIT, []),
        ("{tool: rpc_pay, calls: 1/hour}", 0, Code.LIMIT, []),
    ],
)
def test_every_call_counts(make: Any, limit: str, used: int, code: Code, reserved: list[int]) -> None:
    decision = batch(make, f'allow: [{{tool: "*"}}]\nlimits: [{limit}]', PAY, GET, PAY, used=used)
    assert decision.code is code
    assert [each.amount for each in decision.reservations] == reserved
    assert ("send less at once" in decision.help) is (limit == "{tool: rpc_pay, calls: 1/hour}")


@pytest.mark.parametrize(("params", "said"), [({}, "absent"), ({"amount": -1}, "negative")])
@pytest.mark.parametrize("then", ["then: deny", "then: ask, approvers: [legal]"])
def test_no_one_is_asked_about_a_sum_that_cannot_be_made(
    make: Any, params: dict[str, Any], said: str, then: str
) -> None:
    """An approval lets through what is beyond a limit, not what cannot be held against one."""
    policy = f'allow: [{{tool: "*"}}]\nlimits: [{{tool: rpc_pay, sum: {{amount: 20/day}}, {then}}}]'
    decision = batch(make, policy, PAY, {"method": "pay", "params": params})
    assert (decision.verdict, decision.code) == (DENY, Code.DENIED)
    assert said in decision.reason
