"""What people grant in advance lets out what rules ask about, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.models.limits import Window
from wharfinger.rules.policies import drafting, grants
from wharfinger.rules.policies.asking import Seat
from wharfinger.rules.policies.drafting import CannotGrant, Wish
from wharfinger.rules.policies.granting import ended
from wharfinger.rules.policies.grants import Bound, Grant, How, Open, Surroundings
from wharfinger.rules.types import Decision, Origin, Verdict

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY
NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULE = "ask: [{tool: refund, approvers: [finance]}]"
ALICE, BOB = Seat("alice", "alice"), Seat("bob", "bob")


class Counted:
    """Counters of which each has counted so many."""

    def __init__(self, used: int) -> None:
        self.amount = Fraction(used)

    def used(self, key: str, window: Window) -> Fraction:
        return self.amount

    def frees(self, key: str, window: Window, room: Fraction) -> datetime:
        return NOON + HOUR


def granted(decision: Decision, wish: Wish | None = None, **changes: Any) -> Grant:
    """A grant made of the call that was asked about."""
    sample = decision.sample
    assert sample is not None
    made = drafting.of_call(sample, wish or Wish())
    rests_on = Surroundings("agt_1", 1, sample.template, sample.policies, sample.credentials)
    grant = Grant(
        "g_1", sample.tool, sample.salt, sample.place, made.inputs, made.extras, made.headers, 5, NOON + HOUR,
        rests_on, (ALICE,),
    )  # fmt: skip
    return replace(grant, **changes)


def send(world: Any, body: bytes) -> Decision:
    """A refund with this body, explained; Stripe's version is volatile in this world."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    decision = world.with_facts(origin=Origin.EXPLAIN).decide(
        "POST https://api.stripe.com/v1/refunds", headers, body, explain=True
    )
    assert isinstance(decision, Decision)
    return decision


@pytest.fixture
def asked(make: Any) -> Callable[..., tuple[Any, Decision]]:
    def build(text: str = RULE, **files: str) -> tuple[Any, Decision]:
        world = make.policy(text, **files)
        decision = world.refund(100)
        assert decision.verdict is ASK
        return world, decision

    return build


def test_a_granted_call_passes_and_says_by_whom(asked: Any) -> None:
    world, decision = asked()
    grant = granted(decision)
    passed = world.with_facts(grants=(Open(grant, 2),)).refund(100)
    assert (passed.verdict, passed.ask) == (ALLOW, None)
    assert passed.reason == "granted in advance by alice (g_1)"
    assert [(use.grant, use.calls, use.given_by) for use in passed.grants] == [("g_1", 1, ("alice",))]
    assert passed.placements == decision.placements
    assert passed.rules == decision.rules


def test_positive_control_without_one_it_is_asked(asked: Any) -> None:
    world, decision = asked()
    assert world.with_facts(grants=()).refund(100).verdict is ASK
    assert world.with_facts(grants=(Open(granted(decision), 0),)).refund(100).verdict is ASK


@pytest.mark.parametrize(
    ("wish", "amount", "verdict"),
    [
        (Wish(), 100, ALLOW),
        (Wish(), 101, ASK),
        (Wish(most={"amount": Decimal(150)}), 150, ALLOW),
        (Wish(most={"amount": Decimal(150)}), 151, ASK),
        (Wish(most={"amount": Decimal("100.5")}), 101, ASK),
        (Wish(least={"amount": Decimal(50)}, most={"amount": Decimal(150)}), 49, ASK),
        (Wish(least={"amount": Decimal(50)}), 50, ALLOW),
        (Wish(free=frozenset({"amount"})), 10**6, ALLOW),
        (Wish(free=frozenset({"payment"})), 101, ASK),
    ],
)
def test_inputs_are_fixed_bounded_or_any(asked: Any, wish: Wish, amount: int, verdict: Verdict) -> None:
    world, decision = asked()
    assert world.with_facts(grants=(Open(granted(decision, wish), 1),)).refund(amount).verdict is verdict


def test_an_input_that_was_absent_must_stay_absent_unless_it_is_any(asked: Any) -> None:
    world, decision = asked()
    for wish, verdict in ((Wish(), ASK), (Wish(free=frozenset({"note"})), ALLOW)):
        facts = world.with_facts(grants=(Open(granted(decision, wish), 1),))
        assert send(facts, b"payment_intent=pi_1&amount=100&note=x").verdict is verdict


@pytest.mark.parametrize(
    "changes",
    [
        {"until": NOON},
        {"tool": "get_refund"},
        {"place": "POST https://api.stripe.com:8443"},
        {"inputs": {"payment": Bound(How.ANY), "note": Bound(How.ANY)}},
        {"extras": Bound(How.FIXED, "0" * 64)},
        {"headers": Bound(How.FIXED, "0" * 64)},
        {"seats": ()},
        {"seats": (Seat("carol", "carol"),)},
        {"seats": (Seat("alice", "carol"),)},
        {"rests_on": {"agent_id": "agt_2"}},
        {"rests_on": {"template": "0" * 64}},
        {"rests_on": {"policies": {"main": "0" * 64}}},
        {"rests_on": {"policies": {}}},
        {"rests_on": {"credentials": {}}},
        {"rests_on": {"credentials": {"STRIPE_API_KEY": "0" * 64}}},
    ],
    ids=str,
)
def test_one_thing_changed_at_a_time_none_passes(asked: Any, changes: dict[str, Any]) -> None:
    world, decision = asked()
    grant = granted(decision)
    changed = dict(changes)
    if "rests_on" in changed:
        changed["rests_on"] = replace(grant.rests_on, **changed["rests_on"])
    assert world.with_facts(grants=(Open(grant, 1),)).refund(100).verdict is ALLOW
    assert world.with_facts(grants=(Open(replace(grant, **changed), 1),)).refund(100).verdict is ASK


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ("deny: [{tool: refund, when: {min_amount: 100}}]", DENY),
        ("deny_patterns: [pi_1]", DENY),
        ("limits: [{tool: refund, calls: 5/hour}]", DENY),
        ("limits: [{tool: refund, calls: 5/hour, then: ask, approvers: [finance]}]", ASK),
        ("limits: [{tool: refund, calls: 6/hour}]", ALLOW),
        ("ask: [{tool: refund, approvers: [legal]}]", ASK),
        ("allow: [{tool: refund}]", ALLOW),
    ],
)
def test_it_never_overrides_a_deny_a_limit_or_another_rule(
    asked: Any, make: Any, more: str, verdict: Verdict
) -> None:
    _, decision = asked()
    grant = granted(decision)
    facts = make.policy(RULE, more=more).with_facts(grants=(Open(grant, 5),), counters=Counted(5))
    assert facts.refund(100).verdict is verdict


def test_a_limit_of_the_same_policy_that_asks_is_not_overridden(make: Any) -> None:
    """It asks the same people, in a policy that the grant rests on: what goes beyond is still asked."""
    limit = "limits: [{tool: refund, calls: 5/hour, then: ask, approvers: [finance]}]"
    world = make.policy(f"{RULE}\n{limit}")
    grant = granted(world.with_facts(counters=Counted(0)).refund(100))
    facts = world.with_facts(grants=(Open(grant, 5),))
    assert facts.with_facts(counters=Counted(4)).refund(100).verdict is ALLOW
    assert facts.with_facts(counters=Counted(5)).refund(100).verdict is ASK


@pytest.mark.parametrize(
    ("rule", "seats", "verdict"),
    [
        ("quorum: 2", (ALICE,), ASK),
        ("quorum: 2", (ALICE, BOB), ALLOW),
        ("quorum: 2", (ALICE, Seat("alice", "bob")), ASK),
        ("quorum: 2", (ALICE, Seat("bob", "alice")), ASK),
        ("separate: true", (ALICE,), ASK),
        ("separate: true", (BOB,), ALLOW),
        ("escalate: {after: 10m, to: [carol]}", (Seat("carol", "carol"),), ALLOW),
    ],
)
def test_it_needs_those_whom_the_rule_asks_and_as_many(
    asked: Any, rule: str, seats: Any, verdict: Verdict
) -> None:
    world, decision = asked(f"ask: [{{tool: refund, approvers: [finance], {rule}}}]")
    grant = granted(decision, seats=seats)
    assert world.with_facts(grants=(Open(grant, 1),)).refund(100).verdict is verdict


def test_a_changed_policy_ends_it_and_another_policy_does_not(asked: Any, make: Any) -> None:
    world, decision = asked()
    grant = granted(decision)
    for text, files, verdict in (
        (RULE, {"more": "allow: [{tool: get_any}]"}, ALLOW),
        (f"{RULE}\ndescription: another", {}, ASK),
        ("ask: [{tool: refund, approvers: [finance], because: so}]", {}, ASK),
    ):
        other = make.policy(text, **files)
        assert other.with_facts(grants=(Open(grant, 1),)).refund(100).verdict is verdict, text
        assert (ended(grant, other.configuration) is None) is (verdict is ALLOW)
    assert ended(grant, world.configuration) is None


def test_each_call_of_a_batch_counts(make: Any) -> None:
    tools = """
        base: https://rpc.example.com
        tools: [{tool: pay, effect: write, run: {type: jsonrpc, url: /, method: pay, params: {to: "${to}"}}}]
        """
    policy = "policy: main\nask: [{tool: pay, approvers: [finance]}]"
    world = make({"tools/rpc.yaml": tools, "policies/main.yaml": policy})
    one = b'{"jsonrpc":"2.0","id":%d,"method":"pay","params":{"to":"x"}}'
    line, headers = "POST https://rpc.example.com/", {"Content-Type": "application/json"}
    grant = granted(world.decide(line, headers, one % 1))
    three = b"[" + b",".join(one % n for n in range(3)) + b"]"
    assert world.decide(line, headers, three).sample is None
    for left, verdict in ((3, ALLOW), (2, ASK)):
        decision = world.with_facts(grants=(Open(grant, left),)).decide(line, headers, three)
        assert decision.verdict is verdict
        assert sum(use.calls for use in decision.grants) == (3 if verdict is ALLOW else 0)
    two = (Open(grant, 2), Open(replace(grant, id="g_2"), 1))
    uses = world.with_facts(grants=two).decide(line, headers, three).grants
    assert [(use.grant, use.calls) for use in uses] == [("g_1", 2), ("g_2", 1)]


def test_a_body_that_is_not_read_cannot_be_granted(make: Any) -> None:
    world = make.policy("ask: [{tool: store, approvers: [finance]}]")
    empty = world.decide("PUT https://plain.example.com/store/a")
    full = world.decide("PUT https://plain.example.com/store/a", {"Content-Type": "text/csv"}, b"a,b")
    assert full.sample is None
    grant = granted(empty)
    facts = world.with_facts(grants=(Open(grant, 5),))
    assert facts.decide("PUT https://plain.example.com/store/a").verdict is ALLOW
    body = facts.decide("PUT https://plain.example.com/store/a", {"Content-Type": "text/csv"}, b"a,b")
    assert body.verdict is ASK


def test_what_no_tool_fits_cannot_be_granted(make: Any) -> None:
    world = make.policy("ask: [{tool: unmatched, hosts: [free.example.com], approvers: [finance]}]")
    decision = world.decide("GET https://free.example.com/x")
    assert (decision.verdict, decision.sample) == (ASK, None)


def test_explain_says_why_a_grant_does_not_cover(asked: Any) -> None:
    world, decision = asked()
    facts = world.with_facts(grants=(Open(granted(decision), 3),))
    steps = [step for step in send(facts, b"payment_intent=pi_1&amount=101").trace if step.kind == "grant"]
    assert [(step.text, step.result) for step in steps] == [
        ("g_1 for refund (3 left)", 'the input "amount" is another')
    ]
    steps = [step for step in send(facts, b"payment_intent=pi_1&amount=100").trace if step.kind == "grant"]
    assert [step.result for step in steps] == ["covers"]


def test_a_grant_holds_no_value(asked: Any) -> None:
    _, decision = asked()
    assert "pi_1" not in repr(granted(decision)).replace("api_1", "")


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        (Wish(free=frozenset({"title"})), 'the tool has no input "title"'),
        (Wish(most={"payment": Decimal(1)}), 'the input "payment" is no number, and cannot be bounded'),
        (Wish(free=frozenset({"amount"}), most={"amount": Decimal(1)}), 'the input "amount" is named twice'),
        (
            Wish(least={"amount": Decimal(2)}, most={"amount": Decimal(1)}),
            'the bounds of "amount" leave nothing between them',
        ),
        (Wish(fixed={"amount": 3}), '"amount" has its value from the call'),
    ],
)
def test_a_wish_that_cannot_be_is_told(asked: Any, wish: Wish, problem: str) -> None:
    _, decision = asked()
    with pytest.raises(CannotGrant) as caught:
        granted(decision, wish)
    assert caught.value.problems == (problem,)


def test_a_grant_of_a_tool_names_every_input(asked: Any) -> None:
    world, decision = asked()
    tool = world.configuration.tools["refund"]
    with pytest.raises(CannotGrant) as caught:
        drafting.of_tool(tool, Wish(fixed={"amount": "x"}), "salt")
    assert caught.value.problems == (
        'the input "payment" is not named: fix it, bound it, or say any',
        'the input "amount" is not an integer',
    )
    made = drafting.of_tool(tool, Wish(fixed={"payment": "pi_1"}, most={"amount": Decimal(100)}), "salt")
    grant = granted(
        decision, inputs=made.inputs, extras=made.extras, headers=made.headers, salt="salt", place=None
    )
    facts = world.with_facts(grants=(Open(grant, 1),))
    assert [facts.refund(amount).verdict for amount in (99, 100, 101)] == [ALLOW, ALLOW, ASK]


@given(
    st.decimals(-1000, 1000, places=2),
    st.decimals(-1000, 1000, places=2),
    st.integers(-1000, 1000) | st.floats(-1000, 1000),
)
def test_bounds_hold_exactly(least: Decimal, most: Decimal, value: float) -> None:
    holds = Bound(How.BOUNDED, least=least, most=most).holds(value, True, "")
    assert holds == (Fraction(least) <= Fraction(repr(value)) <= Fraction(most))


@pytest.mark.parametrize("value", [True, "5", None, [5]])
def test_what_is_no_number_is_within_no_bound(value: Any) -> None:
    assert not Bound(How.BOUNDED, most=Decimal(10)).holds(value, True, "")
    assert not Bound(How.BOUNDED, most=Decimal(10)).holds(5, False, "")


def test_marks_tell_types_and_salts_apart() -> None:
    values = [1, 1.0, "1", True, [1], None, {"a": 1}]
    assert len({grants.mark("s", value) for value in values}) == len(values)
    assert grants.mark("s", 1) != grants.mark("t", 1)
