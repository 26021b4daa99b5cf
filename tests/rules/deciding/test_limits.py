"""What limits, observing policies, environments, extended policies and denials make of a decision."""

# ruff: noqa: E501 - tables of rules
from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules import cases
from wharfinger.rules.conditions.when import Scope
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.models.limits import Window
from wharfinger.rules.policies import limits
from wharfinger.rules.policies.denials import Denial
from wharfinger.rules.types import Code, Decision, Verdict

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY
NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
ALL = 'allow: [{tool: "*"}]'


class Counted:
    """Counters that say what a test has put in."""

    def __init__(self, used: int | str = 0, *, run: bool = True) -> None:
        self.amount, self.run = Fraction(used), run

    def used(self, key: str, window: Window) -> Fraction | None:
        return None if window is Window.RUN and not self.run else self.amount

    def frees(self, key: str, window: Window, room: Fraction) -> datetime | None:
        return None if window is Window.RUN else NOON + timedelta(minutes=7, microseconds=1)


def refund(make: Any, text: str, used: int | str = 0, amount: int = 100, **facts: Any) -> Decision:
    world = make.policy(text).with_facts(counters=Counted(used), **facts)
    decision = world.refund(amount)
    assert isinstance(decision, Decision)
    return decision


@pytest.mark.parametrize(
    ("limit", "used", "verdict"),
    [
        ("{tool: refund, calls: 20/hour}", 19, ALLOW),
        ("{tool: refund, calls: 20/hour}", 20, DENY),
        ('{tool: "*", calls: 20/hour}', 20, DENY),
        ('{tool: "ref*", calls: 20/hour}', 20, DENY),
        ("{tool: get_refund, calls: 20/hour}", 20, ALLOW),
        ("{tool: {effect: write}, calls: 20/hour}", 20, DENY),
        ("{tool: {effect: destructive}, calls: 20/hour}", 20, ALLOW),
        ("{tool: {api: stripe}, calls: 20/hour}", 20, DENY),
        ("{tool: refund, sum: {amount: 1000/day}}", 900, ALLOW),
        ("{tool: refund, sum: {amount: 1000/day}}", 901, DENY),
        ("{tool: refund, sum: {amount: 99.5/day}}", 0, DENY),
        ("{tool: refund, calls: 5/hour, sum: {amount: 1000/day}}", 4, ALLOW),
        ("{tool: refund, calls: 5/hour, sum: {amount: 1000/day}}", 5, DENY),
        ("{tool: refund, calls: 5/hour, then: ask, approvers: [legal]}", 5, ASK),
        ("{tool: refund, calls: 5/hour, then: ask, approvers: [legal]}", 4, ALLOW),
        ("{tool: refund, calls: 5/run}", 5, DENY),
    ],
)
def test_what_is_used_decides(make: Any, limit: str, used: int, verdict: Verdict) -> None:
    decision = refund(make, f"{ALL}\nlimits: [{limit}]", used)
    assert decision.verdict is verdict
    about = "get_refund" not in limit and "destructive" not in limit
    assert bool(decision.reservations) is (verdict is not DENY and about)
    assert decision.code is {ALLOW: Code.ALLOWED, ASK: Code.APPROVAL_PENDING, DENY: Code.LIMIT}[verdict]


def test_a_limit_by_effect_counts_what_no_tool_fits_by_its_method(make: Any) -> None:
    text = 'allow: [{tool: unmatched, hosts: ["docs.example.org"]}]\nlimits: [{tool: {effect: write}, calls: 1/hour}]'
    world = make.policy(text).with_facts(counters=Counted(1))
    assert world.decide("GET https://docs.example.org/").verdict is ALLOW
    assert world.decide("POST https://docs.example.org/").code is Code.LIMIT


def test_a_denial_names_the_limit_and_when_it_is_free_again(make: Any) -> None:
    decision = refund(make, f"{ALL}\nlimits: [{{tool: refund, calls: 20/hour, because: slow down}}]", 20)
    assert decision.reason == "the limit of 20 calls of refund in any hour is reached: slow down"
    assert decision.help == "This can be sent again from 2026-01-14T12:07:01Z on, not before."
    assert str(decision.rules[0]) == "policies/main.yaml:3"
    assert decision.placements == decision.forward == decision.reservations == ()
    alone = refund(make, f"{ALL}\nlimits: [{{tool: refund, sum: {{amount: 99/hour}}}}]")
    assert "alone is more" in alone.help


def test_two_limits_on_the_same_count_reserve_once_in_the_narrower_room(make: Any) -> None:
    limits = "{tool: refund, calls: 20/hour}, {tool: refund, calls: 10/hour, then: ask, approvers: [legal]}"
    (one,) = refund(make, f"{ALL}\nlimits: [{limits}]", 3).reservations
    assert (one.amount, one.room, one.key) == (1, 9, "main:refund:calls:hour")
    (beyond,) = refund(make, f"{ALL}\nlimits: [{limits}]", 15).reservations
    assert beyond.room == 19, "who lets it through does not lift the other limit"
    assert refund(make, f"{ALL}\nlimits: [{limits}]", 20).verdict is DENY


def test_an_ask_of_a_rule_and_of_a_limit_need_one_person_of_both(make: Any) -> None:
    rule = "ask: [{tool: refund, approvers: [finance]}]"
    limit = "limits: [{tool: refund, calls: 1/hour, then: ask, approvers: [%s]}]"
    both = refund(make, f"{rule}\n{limit % 'legal'}", 1)
    assert both.verdict is ASK
    assert both.ask is not None
    assert both.ask.people == {"bob"}
    assert len(both.rules) == 2
    assert refund(make, f"{rule}\n{limit % 'board'}", 1).verdict is DENY


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x"}, "which is absent"),
        ({"name": "x", "amount": -1}, "which is negative"),
    ],
)
def test_sums_need_a_number_that_is_not_negative(make: Any, body: Any, said: str) -> None:
    import json

    tool = """
        tool: pay
        input: {name: string, amount: {type: number, required: false}}
        run: {method: POST, url: https://pay.example.com/pay, body: {name: "${name}", amount: "${amount}"}}
        """
    policy = f"policy: main\n{ALL}\nlimits: [{{tool: pay, sum: {{amount: 10/day}}}}]"
    world = make({"tools/pay.yaml": tool, "policies/main.yaml": policy})
    decision = world.decide(
        "POST https://pay.example.com/pay", {"Content-Type": "application/json"}, json.dumps(body).encode()
    )
    assert (decision.verdict, decision.code) == (DENY, Code.DENIED)
    assert said in decision.reason
    tenth = {"name": "x", "amount": 0.1}
    fine = world.decide(
        "POST https://pay.example.com/pay", {"Content-Type": "application/json"}, json.dumps(tenth).encode()
    )
    assert [each.amount for each in fine.reservations] == [Fraction(1, 10)]


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (5, Fraction(5)), (0, Fraction(0)), (-0.0, Fraction(0)), (0.1, Fraction(1, 10)), (2**63 - 1, Fraction(2**63 - 1)),
        (1e308, Fraction(10**308)), (True, None), (False, None), ("5", None), (None, None), ([5], None), ({}, None),
    ],
)  # fmt: skip
def test_only_numbers_are_added_up_and_exactly(make: Any, value: Any, amount: Fraction | None) -> None:
    """Whatever recognition let through as the input: what is no number is an error, and errors deny."""
    compiled = make.policy(f"{ALL}\nlimits: [{{tool: refund, sum: {{amount: 5/day}}}}]").configuration
    scope = Scope({"amount": value}, {"tool": "refund", "effect": "write"}, {}, {}, {}, NOON)
    weighed = limits.weigh([compiled.policies["main"].limits], [[("refund", scope)]], Counted())
    assert [each.amount for each in weighed.reservations] == ([] if amount is None else [amount])
    assert [each.error for each in weighed.passed] == (
        [True] if amount is None else [False] if amount > 5 else []
    )


def test_a_limit_by_run_needs_a_run(make: Any) -> None:
    text = f"{ALL}\nlimits: [{{tool: refund, calls: 5/run}}]"
    world = make.policy(text).with_facts(counters=Counted(run=False))
    assert (world.refund().verdict, world.refund().code) == (DENY, Code.DENIED)
    assert "counts by run" in world.refund().reason
    assert world.explaining().refund().verdict is ALLOW, "one without calls is assumed"


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("{tool: nothing, calls: 1/hour}", 'there is no tool "nothing"'),
        ("{tool: refund, sum: {amont: 1/hour}}", '"refund" has no input "amont" to add up'),
        ("{tool: refund, sum: {payment: 1/hour}}", 'of type string, and only numbers'),
        ('{tool: "*", sum: {amount: 1/hour}}', 'has no input "amount" to add up'),
        ("{tool: refund, calls: 1/hour, then: ask, approvers: [nobody]}", 'no person or team "nobody"'),
        ("{tool: upload, calls: 1/hour, then: ask, approvers: [legal]}", "streams its body"),
    ],
)  # fmt: skip
def test_limits_that_cannot_be_are_told(make: Any, limits: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make.policy(f"{ALL}\nlimits: [{limits}]")
    assert said in str(caught.value)


def test_every_step_is_shown(make: Any) -> None:
    world = make.policy(f"{ALL}\nlimits: [{{tool: refund, calls: 20/hour}}]").with_facts(counters=Counted(3))
    decision = world.decide(
        "GET https://api.stripe.com/v1/refunds/r",
        {"Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0"},
        explain=True,
    )
    assert [step for step in decision.trace if step.kind == "limit"] == []
    from wharfinger.rules.decide import decide

    body = b"payment_intent=pi_1&amount=5"
    request = world.request(
        "POST https://api.stripe.com/v1/refunds",
        {
            "Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body,
    )
    shown = decide(world.configuration, request, world.facts, NOON, explain=True)
    (step,) = [step for step in shown.trace if step.kind == "limit"]
    assert (step.text, step.result) == ("20 calls of refund in any hour (main): 3 and 1 more", "ok")


def test_tests_of_a_policy_may_begin_with_a_history(make: Any) -> None:
    text = (
        f"{ALL}\nlimits: [{{tool: refund, calls: 20/hour}}, {{tool: refund, sum: {{amount: 100/day}}}}]\ntests:\n"
        "  - {agent: bot, call: refund, input: {payment: p, amount: 5}, expect: allow}\n"
        "  - {agent: bot, call: refund, input: {payment: p, amount: 5}, after: {calls: 19}, expect: allow}\n"
        "  - {agent: bot, call: refund, input: {payment: p, amount: 5}, after: {calls: 20}, expect: deny}\n"
        "  - {agent: bot, call: refund, input: {payment: p, amount: 5}, after: {sum: {amount: 95}}, expect: allow}\n"
        "  - {agent: bot, call: refund, input: {payment: p, amount: 5}, after: {sum: {amount: 95.5}}, expect: deny}\n"
    )
    found = cases.run(make.policy(text).configuration)
    assert [str(each) for each in found if not each.passed] == []
    assert len(found) == 5


@pytest.mark.parametrize("amount", ["-1", ".inf", ".nan", "true", "'5'", "null"])
def test_a_history_is_of_numbers_of_at_least_0(make: Any, amount: str) -> None:
    """Anything else would be an error, and so a denial, which a test might take for the one it expects."""
    case = f"{{agent: bot, call: refund, input: {{payment: p, amount: 5}}, after: {{sum: {{amount: {amount}}}}}, expect: deny}}"
    with pytest.raises(ConfigurationError):
        make.policy(f"{ALL}\ntests:\n  - {case}\n")


# Rules about time, reviews and environments


def test_the_shortest_timeout_holds(make: Any) -> None:
    tool = """
        tool: slow
        run: {method: GET, url: https://slow.example.com/, timeout: 20s}
        """
    text = 'policy: main\nallow: [{tool: "*", timeout: 30s}, {tool: slow}, {tool: get_*, timeout: 5s}]'
    world = make({"tools/slow.yaml": tool, "policies/main.yaml": text})
    assert world.decide("GET https://slow.example.com/").timeout == timedelta(seconds=20)
    assert world.refund().timeout == timedelta(seconds=30)
    shorter = make(
        {
            "tools/slow.yaml": tool,
            "policies/main.yaml": text.replace("{tool: slow}", "{tool: slow, timeout: 3s}"),
        }
    )
    assert shorter.decide("GET https://slow.example.com/").timeout == timedelta(seconds=3)
    assert make.policy(ALL).refund().timeout is None


def test_a_review_is_of_what_is_allowed_only(make: Any) -> None:
    allow = "allow: [{tool: refund, review: true}]"
    assert make.policy(allow).refund().review
    assert not make.policy(ALL).refund().review
    assert not make.policy(f"{allow}\nask: [{{tool: refund, approvers: [legal]}}]").refund().review
    assert not make.policy(f"{allow}\ndeny: [{{tool: refund}}]").refund().review


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("allow: [{tool: refund, environments: [prod]}]", ALLOW),
        ("allow: [{tool: refund, environments: [test]}]", DENY),
        ("environments: [test]\nallow: [{tool: refund}]", DENY),
        ("environments: [prod]\nallow: [{tool: refund, environments: [test]}]", DENY),
        ("environments: [prod, test]\nallow: [{tool: refund, environments: [prod]}]", ALLOW),
        (f"{ALL}\ndeny: [{{tool: refund, environments: [prod]}}]", DENY),
        (f"{ALL}\ndeny: [{{tool: refund, environments: [test]}}]", ALLOW),
        ("environments: [test]\ntools: [refund]", DENY),
        ("environments: [prod]\ntools: [refund]", ALLOW),
        (f"{ALL}\nask: [{{tool: refund, approvers: [legal], environments: [prod]}}]", ASK),
    ],
)
def test_rules_hold_in_their_environments(make: Any, text: str, verdict: Verdict) -> None:
    assert make.policy(text).refund().verdict is verdict


def test_patterns_and_limits_hold_in_the_policys_environments(make: Any) -> None:
    for environment, verdict in (("prod", DENY), ("test", ALLOW)):
        patterns = f"environments: [{environment}]\ndeny_patterns: [pi_1]"
        assert make.policy(ALL, more=patterns).refund().verdict is verdict
        limits = f"environments: [{environment}]\nlimits: [{{tool: refund, calls: 1/hour}}]"
        world = make.policy(ALL, more=limits).with_facts(counters=Counted(1))
        assert world.refund().verdict is verdict


def test_what_an_environment_kept_from_holding_is_told(make: Any) -> None:
    decision = make.policy("allow: [{tool: refund, environments: [test]}]").refund()
    assert "the agent's environment must be test" in decision.help


# Policies that extend others


BASE = "policy: base\nabstract: true\nallow: [{tool: refund}]\ndeny: [{tool: get_refund}]\ndeny_patterns: [FORBIDDEN]\nlimits: [{tool: refund, calls: 2/hour}]"


def extending(make: Any, text: str, base: str = BASE) -> Any:
    return make({"policies/base.yaml": base, "policies/main.yaml": f"policy: main\nextends: [base]\n{text}"})


def test_a_policy_has_all_that_its_bases_have(make: Any) -> None:
    world = extending(make, "allow: [{tool: get_refund}]")
    assert world.refund().verdict is ALLOW
    assert world.with_facts(counters=Counted(2)).refund().code is Code.LIMIT
    assert [each.key for each in world.refund().reservations] == ["base:refund:calls:hour"]
    denied = world.decide(
        "GET https://api.stripe.com/v1/refunds/r", {"Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0"}
    )
    assert (denied.verdict, denied.rules[0].policy) == (DENY, "base")
    assert world.decide("GET https://plain.example.com/pages/FORBIDDEN").reason.startswith(
        "the request contains"
    )


def test_its_own_approvers_and_environments_are_those_of_what_it_inherits(make: Any) -> None:
    signed = extending(make, "approvers: [legal]").refund()
    assert signed.verdict is ASK
    assert signed.ask is not None
    assert signed.ask.people == {"bob", "carol"}
    elsewhere = extending(make, "environments: [test]")
    assert elsewhere.refund().verdict is DENY
    assert elsewhere.with_facts(counters=Counted(2)).refund().code is Code.DENIED


@pytest.mark.parametrize(("environment", "verdict"), [("prod", DENY), ("test", ALLOW)])
@pytest.mark.parametrize(
    "base", ["deny_patterns: [pi_1]", "limits: [{tool: refund, calls: 1/hour}]", "deny: [{tool: refund}]"]
)
def test_what_is_inherited_is_about_the_environments_of_the_heir(
    make: Any, base: str, environment: str, verdict: Verdict
) -> None:
    world = make({
        "agents.yaml": "agents:\n  bot: {owner: alice, policies: [main, heir], environment: prod}\n",
        "policies/base.yaml": f"policy: base\nabstract: true\n{base}",
        "policies/heir.yaml": f"policy: heir\nextends: [base]\nenvironments: [{environment}]",
        "policies/main.yaml": "policy: main\ntools: [refund]",
    })  # fmt: skip
    assert world.with_facts(counters=Counted(1)).refund().verdict is verdict


def test_a_base_of_a_base_counts_once_by_two_ways(make: Any) -> None:
    world = make({
        "policies/base.yaml": BASE,
        "policies/left.yaml": "policy: left\nextends: [base]",
        "policies/right.yaml": "policy: right\nextends: [base]",
        "policies/main.yaml": "policy: main\nextends: [left, right]",
    })  # fmt: skip
    assert [each.amount for each in world.refund().reservations] == [1]
    assert world.with_facts(counters=Counted(1)).refund().verdict is ALLOW


def test_what_comes_by_many_ways_is_there_once(make: Any) -> None:
    """Two bases at each of many levels would else be two to the power of them."""
    files = {"policies/l0.yaml": BASE.replace("policy: base", "policy: l0")}
    for level in range(1, 40):
        for side in "lr":
            below = f"l{level - 1}" if level == 1 else f"l{level - 1}, r{level - 1}"
            files[f"policies/{side}{level}.yaml"] = f"policy: {side}{level}\nextends: [{below}]"
    world = make({**files, "policies/main.yaml": "policy: main\nextends: [l39, r39]"})
    main = world.configuration.policies["main"]
    assert [len(main.rules[name]) for name in ("refund", "get_refund")] == [1, 1]
    assert (len(main.patterns), len(main.limits["refund"])) == (1, 1)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"policies/main.yaml": "policy: main\nextends: [nothing]"}, 'there is no policy "nothing"'),
        ({"policies/main.yaml": "policy: main\nextends: [main]"}, 'extends itself: "main" extends "main"'),
        (
            {
                "policies/main.yaml": "policy: main\nextends: [b]",
                "policies/b.yaml": "policy: b\nextends: [c]",
                "policies/c.yaml": "policy: c\nextends: [b]",
            },
            'extends itself: "b" extends "c" extends "b"',
        ),
        (
            {"policies/main.yaml": "policy: main\nabstract: true\ntools: [refund]"},
            'the policy "main" is abstract',
        ),
    ],
)
def test_bases_that_cannot_be_are_told(make: Any, files: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(files)
    assert said in str(caught.value)


# Policies that observe


def observing(text: str, until: str = "2026-01-20") -> str:
    return f"mode: observe\nuntil: {until}\n{text}"


def test_if_all_observe_the_request_passes_and_the_verdict_is_told(make: Any) -> None:
    for text, verdict in (
        ("deny: [{tool: refund}]", DENY),
        ("ask: [{tool: refund, approvers: [legal]}]", ASK),
        ("tools: [get_refund]", DENY),
        ("tools: [refund]", ALLOW),
    ):
        decision = make.policy(observing(text)).refund()
        assert decision.verdict is ALLOW
        assert decision.observed is not None
        assert decision.observed.verdict is verdict
        assert bool(decision.placements) is ("deny:" not in text), "nothing is put in where a rule forbids it"


@pytest.mark.parametrize("observed", ["allow: [{tool: refund}]", "deny: [{tool: refund}]"])
@pytest.mark.parametrize(
    ("enforced", "verdict"),
    [(ALL, ALLOW), ("tools: [get_refund]", DENY), ("ask: [{tool: refund, approvers: [legal]}]", ASK)],
)
def test_beside_one_in_force_an_observing_policy_changes_nothing(
    make: Any, observed: str, enforced: str, verdict: Verdict
) -> None:
    decision = make.policy(enforced, more=observing(observed)).refund()
    assert decision.verdict is verdict
    assert decision.observed is not None


@pytest.mark.parametrize(
    ("until", "at", "verdict"),
    [
        ("2026-01-20", NOON, ALLOW),
        ("2026-01-14T12:00:01Z", NOON, ALLOW),
        ("2026-01-14T12:00:00Z", NOON, DENY),
        ("2026-01-10", NOON, DENY),
        ("2026-01-28T12:00:00Z", NOON, ALLOW),
        ("2026-01-28T12:00:01Z", NOON, DENY),
    ],
)
def test_it_observes_for_at_most_14_days_and_is_in_force_else(
    make: Any, until: str, at: datetime, verdict: Verdict
) -> None:
    world = make.policy(observing("tools: [get_refund]", until))
    assert world.refund().verdict is verdict


def test_other_invariants_hold_while_policies_observe(make: Any) -> None:
    world = make.policy(observing(ALL))
    stolen = world.decide("GET https://plain.example.com/pages/sk_test_Qm9vdHMgYW5kIGNhdHM0")
    assert (stolen.verdict, stolen.code) == (DENY, Code.MISUSE)
    unknown = world.decide("DELETE https://api.stripe.com/v1/customers/c")
    assert unknown.verdict is DENY, "no tool fits, and a credential is bound to the host"
    bad = world.decide(
        "POST https://api.stripe.com/v1/refunds", {"Content-Type": "application/json"}, b'{"amount": 5}'
    )
    assert bad.verdict is DENY
    assert world.with_facts(suspended="left").refund().verdict is DENY


def test_limits_of_an_observing_policy_count_and_keep_nothing_in(make: Any) -> None:
    text = observing(f"{ALL}\nlimits: [{{tool: refund, calls: 1/hour}}]")
    for world in (make.policy(text), make.policy(ALL, more=text)):
        for used, observed in ((0, ALLOW), (5, DENY)):
            decision = world.with_facts(counters=Counted(used)).refund()
            assert decision.verdict is ALLOW
            assert decision.observed is not None
            assert decision.observed.verdict is observed
            assert [(each.amount, each.room) for each in decision.reservations] == [(1, None)]


# The emergency deny list


@pytest.mark.parametrize(
    ("denial", "verdict"),
    [
        (Denial("d", tool="refund"), DENY),
        (Denial("d", tool="ref*"), DENY),
        (Denial("d", tool="*"), DENY),
        (Denial("d", tool="get_*"), ALLOW),
        (Denial("d", host="api.stripe.com"), DENY),
        (Denial("d", host="*.stripe.com"), DENY),
        (Denial("d", host="*.com"), DENY),
        (Denial("d", host="stripe.com"), ALLOW),
        (Denial("d", agent="bot"), DENY),
        (Denial("d", agent="other"), ALLOW),
        (Denial("d", tool="refund", agent="other"), ALLOW),
        (Denial("d", tool="refund", agent="bot", host="api.stripe.com"), DENY),
        (Denial("d", tool="refund", ends=NOON + timedelta(seconds=1)), DENY),
        (Denial("d", tool="refund", ends=NOON), ALLOW),
    ],
)
def test_the_emergency_deny_list_holds_before_policies(make: Any, denial: Denial, verdict: Verdict) -> None:
    for text in (ALL, observing(ALL)):
        decision = make.policy(text).with_facts(denials=(denial,)).refund()
        assert decision.verdict is verdict
    if verdict is DENY:
        told = make.policy(ALL).with_facts(denials=(Denial("d", agent="bot", because="it leaks"),)).refund()
        assert (told.reason, told.placements) == ("it leaks", ())


def test_a_denial_sees_every_tool_that_fits_and_unmatched(world: Any) -> None:
    denied = world.with_facts(denials=(Denial("d", tool="get_any"),))
    key = {"Authorization": "token ghp_7hJkLmNpQrStUvWxYz0123456789"}
    assert denied.decide("GET https://api.github.com/repos/a/b", key).verdict is DENY
    assert world.decide("GET https://api.github.com/repos/a/b", key).verdict is ALLOW
    unmatched = world.with_facts(denials=(Denial("d", tool="unmatch*"),))
    assert unmatched.decide("GET https://nowhere.example/").reason == "no rule allows this"
    every = world.with_facts(denials=(Denial("d", tool="*", because="all"),))
    assert every.decide("GET https://nowhere.example/").reason == "all"


# Properties

ENTRIES = {
    "allow": ["{tool: refund}", "{tool: refund, when: {max_amount: 100}}", "{tool: refund, environments: [test]}"],
    "ask": ["{tool: refund, approvers: [legal]}", "{tool: refund, when: {min_amount: 50}, approvers: [finance]}"],
    "deny": ["{tool: refund, when: {min_amount: 500}}", "{tool: refund, environments: [prod], when: {max_amount: 10}}"],
    "limits": [
        "{tool: refund, calls: 5/hour}",
        "{tool: refund, sum: {amount: 600/day}}",
        "{tool: 'ref*', calls: 3/run, then: ask, approvers: [finance]}",
    ],
}  # fmt: skip
CHOICES = [(key, entry) for key, entries in ENTRIES.items() for entry in entries]
STRICTNESS = {ALLOW: 0, ASK: 1, DENY: 2}


def decided(make: Any, chosen: Any, used: int, amount: int) -> Decision:
    by: dict[str, list[str]] = {}
    for key, entry in chosen:
        by.setdefault(key, []).append(entry)
    text = "\n".join(f"{key}: [{', '.join(entries)}]" for key, entries in by.items())
    return refund(make, text, used, amount)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(CHOICES), min_size=1, max_size=5, unique=True),
    st.sampled_from(CHOICES),
    st.integers(0, 6),
    st.sampled_from([5, 60, 501, 601]),
)
def test_order_means_nothing_and_an_entry_changes_verdicts_one_way_only(
    make: Any, chosen: list[tuple[str, str]], added: tuple[str, str], used: int, amount: int
) -> None:
    """Adding a deny or a limit never loosens; adding an allow never makes stricter."""
    before = decided(make, chosen, used, amount)
    for order in itertools.islice(itertools.permutations(chosen), 3):
        again = decided(make, order, used, amount)
        assert (again.verdict, again.code) == (before.verdict, before.code)
        assert set(again.reservations) == set(before.reservations)
    after = decided(make, [*chosen, added], used, amount)
    if added[0] in {"deny", "limits"}:
        assert STRICTNESS[after.verdict] >= STRICTNESS[before.verdict]
    elif added[0] == "allow":
        assert STRICTNESS[after.verdict] <= STRICTNESS[before.verdict]
