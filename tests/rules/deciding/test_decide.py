"""Decisions: order-free precedence, errors that deny, what goes upstream, and never an exception."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.decide import decide, streams
from wharfinger.rules.types import Code, Effect, Facts, Origin, Place, Placement, Verdict

NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY


def test_an_allowed_call_has_all_that_enforcement_needs(world: Any) -> None:
    decision = world.refund(2500)
    assert (decision.verdict, decision.code) == (ALLOW, Code.ALLOWED)
    assert decision.calls[0].inputs == {"payment": "pi_1", "amount": 2500}
    assert decision.calls[0].effect is Effect.WRITE
    assert decision.placements == (
        Placement("STRIPE_API_KEY", Place.HEADER, "Authorization", "Bearer ${secret}"),
    )
    assert "authorization" not in {name.lower() for name, _ in decision.forward}
    assert dict(decision.forward)["Stripe-Version"] == "2026-01-01"
    assert decision.dropped == ()
    assert decision.rules[0].verdict is ALLOW
    assert str(decision.rules[0]).startswith("policies/main.yaml:")
    assert [str(path) for path in decision.response.redact] == ["$.customer.email"]
    assert decision.response.credentialed
    assert not decision.response.cookies
    assert len(decision.digest) == len(decision.policy_digest) == 64


def test_a_denied_request_carries_nothing_that_could_be_sent(make: Any) -> None:
    decision = make.policy("deny: [{tool: refund}]").refund()
    assert decision.verdict is DENY
    assert (decision.placements, decision.forward) == ((), ())
    assert not decision.response.redact


@pytest.mark.parametrize(
    ("policy", "verdict", "reason"),
    [
        ("allow: [{tool: get_refund}]", DENY, "no rule allows this"),
        ("allow: [{tool: refund}]", ALLOW, "allowed by"),
        ("tools: [refund]", ALLOW, "allowed by"),
        ("allow: [{tool: 'ref*'}]", ALLOW, "allowed by"),
        ("allow: [{tool: '*'}]", ALLOW, "allowed by"),
        ("tools: [refund]\napprovers: [finance]", ASK, "refund needs the approval of finance"),
        ("allow: [{tool: refund}]\napprovers: [finance]", ASK, "refund needs the approval of finance"),
        ("allow: [{tool: refund}]\nask: [{tool: refund, approvers: [legal]}]", ASK, "the approval of legal"),
        ("ask: [{tool: refund, because: big}]", ASK, "big"),
        ("allow: [{tool: refund}]\ndeny: [{tool: refund}]", DENY, "refund is denied by the policy main"),
        ("allow: [{tool: refund}]\ndeny: [{tool: '*', because: closed}]", DENY, "closed"),
        ("ask: [{tool: refund}]\ndeny: [{tool: refund}]", DENY, "denied by the policy"),
        ("allow: [{tool: refund, when: {max_amount: 100}}]", ALLOW, "allowed by"),
        ("allow: [{tool: refund, when: {max_amount: 99}}]", DENY, "no rule allows this"),
        ("allow: [{tool: refund, when: input.amount > 99}]", ALLOW, "allowed by"),
        ("deny: [{tool: refund, when: {max_amount: 99}}]\ntools: [refund]", ALLOW, "allowed by"),
        ("deny_patterns: [pi_1]\ntools: [refund]", DENY, "deny pattern"),
        ("deny_patterns: [pi_2]\ntools: [refund]", ALLOW, "allowed by"),
    ],
)
def test_verdicts(make: Any, policy: str, verdict: Verdict, reason: str) -> None:
    decision = make.policy(policy).refund(100)
    assert decision.verdict is verdict
    assert reason in decision.reason


@pytest.mark.parametrize(
    "policy",
    [
        'allow: [{tool: refund}, {tool: refund, when: {note: x}}]',
        'allow: [{tool: refund}, {tool: refund, when: input.note == "x"}]',
        'allow: [{tool: refund}]\nask: [{tool: refund, when: input.note == "x"}]',
        'allow: [{tool: refund}]\ndeny: [{tool: refund, when: input.note == "x"}]',
        'allow: [{tool: refund}]\ndeny: [{tool: refund, when: input.amount / 0 == 1}]',
    ],
)  # fmt: skip
def test_an_error_in_any_rule_denies(make: Any, policy: str) -> None:
    decision = make.policy(policy).refund()
    assert decision.verdict is DENY
    assert decision.code is Code.DENIED
    assert "a rule about refund cannot be evaluated" in decision.reason
    assert "policies/main.yaml" in str(decision.rules[0])


def test_deny_rules_see_every_tool_that_fits_and_others_the_winner_only(make: Any) -> None:
    line = "GET https://api.github.com/repos/o/r"
    key = {"Authorization": "token ghp_7hJkLmNpQrStUvWxYz0123456789"}
    assert make.policy("tools: [get_repo]").decide(line, key).verdict is ALLOW
    assert make.policy("tools: [get_any]").decide(line, key).verdict is DENY
    assert make.policy("tools: [get_repo]\ndeny: [{tool: get_any}]").decide(line, key).verdict is DENY
    assert make.policy("tools: [get_repo]\nask: [{tool: get_any}]").decide(line, key).verdict is ALLOW


RULES = [
    "allow: [{tool: refund}]",
    "allow: [{tool: refund, when: {max_amount: 50}}]",
    "ask: [{tool: refund, when: {min_amount: 60}, approvers: [finance]}]",
    "ask: [{tool: refund, approvers: [legal], expires: 5m}]",
    "deny: [{tool: refund, when: {min_amount: 900}}]",
    "deny: [{tool: '*', when: agent.environment == 'dev'}]",
    "deny_patterns: ['pi_[0-9]']",
]


@settings(max_examples=40, deadline=None)
@given(st.permutations(RULES), st.integers(1, 1000), st.integers(1, 7))
def test_order_of_policies_and_rules_changes_nothing(
    make: Any, order: list[str], amount: int, count: int
) -> None:
    names = {text: f"p{RULES.index(text)}" for text in RULES}
    chosen = sorted(order[:count])
    decisions = []
    for arranged in (chosen, [text for text in order if text in chosen]):
        world = make.policy("allow: [{tool: get_any}]", **{names[text]: text for text in arranged})
        decisions.append(world.refund(amount))
    first, second = decisions
    assert first == second


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(RULES), unique=True, max_size=4), st.integers(1, 1000))
def test_adding_a_deny_never_opens_and_adding_an_allow_never_closes(
    make: Any, rules: list[str], amount: int
) -> None:
    policies = {f"p{i}": text for i, text in enumerate(rules)}
    strictness = [ALLOW, ASK, DENY].index
    plain = make.policy("allow: [{tool: get_any}]", **policies).refund(amount)
    denied = make.policy("allow: [{tool: get_any}]", **policies, more=RULES[4]).refund(amount)
    opened = make.policy("allow: [{tool: get_any}]", **policies, more=RULES[0]).refund(amount)
    assert strictness(denied.verdict) >= strictness(plain.verdict)
    assert strictness(opened.verdict) <= strictness(plain.verdict)


def test_two_asks_need_a_person_of_both(make: Any) -> None:
    both = make.policy(
        "ask: [{tool: refund, approvers: [finance]}, {tool: refund, approvers: [legal], expires: 5m}]"
    )
    ask = both.refund().ask
    assert ask is not None
    assert (ask.people, ask.expires, set(ask.approvers)) == (
        {"bob"},
        timedelta(minutes=5),
        {"finance", "legal"},
    )
    none = make.policy(
        "ask: [{tool: refund, approvers: [board]}, {tool: refund, approvers: [alice]}]"
    ).refund()
    assert none.verdict is DENY
    assert "no one person may approve" in none.reason


def test_an_ask_without_approvers_is_for_everyone(make: Any) -> None:
    ask = make.policy("ask: [{tool: refund}]").refund().ask
    assert ask is not None
    assert ask.people == {"alice", "bob", "carol"}
    assert ask.expires == timedelta(hours=1)


def test_a_denial_says_what_was_missing(make: Any) -> None:
    decision = make.policy("allow: [{tool: refund, when: {max_amount: 50, require_reason: true}}]").refund(
        100
    )
    assert "amount must be at most 50; a reason must be given" in decision.help
    assert 'in the header "Wharfinger-Reason", or in the input "note"' in decision.help


@pytest.mark.parametrize(
    ("origin", "given_reason", "header", "note", "found"),
    [
        (Origin.PROXY, None, None, None, None),
        (Origin.PROXY, None, "from header", None, "from header"),
        (Origin.PROXY, "of the run", "from header", "note", "from header"),
        (Origin.PROXY, "of the run", None, "note", "note"),
        (Origin.PROXY, "of the run", None, None, "of the run"),
        (Origin.CALL, "argument", None, "note", "argument"),
        (Origin.CALL, "argument", "from header", "note", "from header"),
        (Origin.PROXY, "  ", "   ", None, None),
        (Origin.PROXY, "x" * 1_500, None, None, "x" * 1_000),
    ],
)
def test_the_reason_is_the_first_found(  # noqa: PLR0917 -- a table
    make: Any,
    origin: Origin,
    given_reason: str | None,
    header: str | None,
    note: str | None,
    found: str | None,
) -> None:
    world = make.policy("allow: [{tool: refund, when: {require_reason: true}}]")
    world = world.with_facts(origin=origin, reason=given_reason)
    fields = {
        "Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if header is not None:
        fields["Wharfinger-Reason"] = header
    body = b"payment_intent=pi_1&amount=1" + (b"" if note is None else b"&note=" + note.encode())
    decision = world.decide("POST https://api.stripe.com/v1/refunds", fields, body)
    assert decision.calls[0].reason == found
    assert decision.verdict is (ALLOW if found else DENY)
    assert not any(name.lower().startswith("wharfinger") for name, _ in decision.forward)


def test_suspended_unknown_and_inactive_agents(world: Any) -> None:
    line = "GET https://plain.example.com/pages/a"
    assert world.decide(line).verdict is ALLOW
    suspended = world.with_facts(suspended="this agent is suspended: lunch").decide(line)
    assert (suspended.verdict, suspended.reason) == (DENY, "this agent is suspended: lunch")
    assert world.decide(line, agent="idle").reason == "this agent is suspended"
    assert world.decide(line, agent="nobody").reason == "this agent is not registered"


def test_unmatched(make: Any) -> None:
    line = "GET https://docs.example.org/guide"
    assert make.policy("allow: [{tool: '*'}]").decide(line).verdict is DENY
    opened = make.policy("allow: [{tool: unmatched, hosts: [docs.example.org]}]")
    decision = opened.decide(line, {"Authorization": "Bearer mine", "X-Odd": "1"})
    assert decision.verdict is ALLOW
    assert decision.placements == ()
    assert dict(decision.forward)["Authorization"] == "Bearer mine"
    assert decision.own == ("authorization",)
    assert decision.dropped == ("x-odd",)
    assert decision.response.cookies
    assert opened.decide("GET https://docs2.example.org/guide").verdict is DENY
    assert opened.decide("GET https://x.docs.example.org/guide").verdict is DENY
    star = "allow: [{tool: unmatched, hosts: ['*.example.org'], when: {path: {startswith: /guide}}}]"
    assert make.policy(star).decide(line).verdict is ALLOW
    assert make.policy(star + "\ndeny: [{tool: '*'}]").decide(line).verdict is DENY
    assert (
        make.policy(star + "\ndeny: [{tool: unmatched, when: {host: docs.example.org}}]").decide(line).verdict
        is DENY
    )


def test_unmatched_is_never_opened_where_a_credential_is_bound(make: Any) -> None:
    """The load refuses it already; this is the check that does not rely on that."""
    world = make.policy("allow: [{tool: unmatched, hosts: [docs.example.org]}]")
    key = world.configuration.credentials["GITHUB_TOKEN"].model_copy(update={"hosts": ("docs.example.org",)})
    bound = replace(world, configuration=replace(world.configuration, credentials={"GITHUB_TOKEN": key}))
    assert world.decide("GET https://docs.example.org/").verdict is ALLOW
    decision = bound.decide("GET https://docs.example.org/")
    assert decision.verdict is DENY
    assert "credential bound" in decision.reason


def test_a_streamed_request_is_never_held(make: Any) -> None:
    world = make.policy("ask: [{tool: store}]")
    line, fields = "PUT https://plain.example.com/store/a", {"Content-Type": "application/octet-stream"}
    assert world.decide(line, fields, b"x").verdict is ASK
    assert world.decide(line, fields, None).verdict is DENY


def test_recognised_with_bad_inputs_is_denied_by_name(world: Any) -> None:
    fields = {
        "Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    line = "POST https://api.stripe.com/v1/refunds"
    decision = world.decide(line, fields, b"payment_intent=pi_1&amount=s3cret")
    assert (decision.verdict, decision.code) == (DENY, Code.DENIED)
    assert "amount" in decision.reason
    assert "s3cret" not in decision.reason + decision.help
    assert world.decide(line, fields, b"payment_intent=pi_1").reason == 'the input "amount" is missing'


def test_malformed_requests_are_bad_requests(world: Any) -> None:
    decision = world.decide("GET https://plain.example.com/pages/../x")
    assert (decision.verdict, decision.code) == (DENY, Code.BAD_REQUEST)


def test_an_exception_is_a_denial(world: Any) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise ZeroDivisionError("with a secret in it")

    decision = decide(world.configuration, world.request("GET https://plain.example.com/pages/a"),
                      replace(world.facts, placeholders=Broken()), NOON)  # fmt: skip
    assert (decision.verdict, decision.code) == (DENY, Code.DENIED)
    assert decision.reason == "internal error: ZeroDivisionError"


def test_explaining_changes_nothing_but_the_trace(make: Any) -> None:
    world = make.policy(
        "tools: [refund]\nask: [{tool: refund, when: {min_amount: 5}}]\ndeny: [{tool: get_any}]"
    )
    request = world.request("GET https://plain.example.com/pages/a")
    for explain in (False, True):
        decision = decide(world.configuration, request, world.facts, NOON, explain=explain)
        assert bool(decision.trace) is explain
        assert replace(decision, trace=()) == decide(world.configuration, request, world.facts, NOON)
    kinds = [step.kind for step in world.decide("GET https://plain.example.com/pages/a", explain=True).trace]
    assert kinds == ["spelling", "tool", "input", "blast", "verdict"]
    fields = {"Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0", "X-Odd": "1",
              "Content-Type": "application/x-www-form-urlencoded"}  # fmt: skip
    line, body = "POST https://api.stripe.com/v1/refunds", b"payment_intent=pi_1&amount=9"
    steps = world.decide(line, fields, body, explain=True).trace
    assert {(s.kind, s.result) for s in steps} >= {
        ("credential", "ok"),
        ("headers", "dropped"),
        ("rule", "holds"),
    }


def test_streamed_bodies(make: Any) -> None:
    line = "PUT https://plain.example.com/files/a"
    world = make.policy("tools: [upload]")
    assert streams(world.configuration, world.request(line, body=None))
    assert not streams(world.configuration, world.request("GET https://plain.example.com/pages/a", body=None))
    assert world.decide(line, body=None).verdict is ALLOW
    patterns = make.policy("tools: [upload]", more="deny_patterns: [x]")
    assert patterns.decide(line, body=None).verdict is DENY


def test_the_digest_binds_what_would_be_sent(world: Any) -> None:
    def digest(
        body: bytes = b"payment_intent=pi_1&amount=1", facts: Facts | None = None, **headers: str
    ) -> str:
        fields = {
            "Authorization": "Bearer sk_test_Qm9vdHMgYW5kIGNhdHM0",
            "Content-Type": "application/x-www-form-urlencoded",
        } | headers
        request = world.request("POST https://api.stripe.com/v1/refunds", fields, body)
        decision = decide(world.configuration, request, facts or world.facts, NOON)
        assert decision.verdict is ALLOW
        return decision.digest

    same = digest()
    assert digest(**{"Idempotency-Key": "other"}) == same
    assert digest(**{"User-Agent": "x", "X-Stainless-Retry-Count": "2", "Stripe-Version": "1"}) == same
    assert digest(**{"Wharfinger-Reason": "because"}) == same
    assert digest(**{"X-Odd": "dropped"}) == same
    assert digest(b"payment_intent=pi%5F1&amount=1") == same
    others = [
        digest(b"payment_intent=pi_1&amount=2"),
        digest(b"payment_intent=pi_2&amount=1"),
        digest(b"payment_intent=pi_1&amount=1&note=x"),
        digest(b"amount=1&payment_intent=pi_1"),
        digest(Accept="text/plain"),
        digest(facts=replace(world.facts, agent_id="agt_2")),
    ]
    assert len({same, *others}) == len(others) + 1


def test_the_policy_digest_is_free_of_order_and_layout_and_covers_meaning(make: Any, world: Any) -> None:
    same = world.configuration.digest
    assert (
        make(
            {"policies/main.yaml": "# comment\npolicy:   main\nallow:\n  - tool: '*'\n"}
        ).configuration.digest
        == same
    )
    changed = [
        {"policies/main.yaml": "policy: main\nallow: [{tool: refund}]"},
        {"policies/main.yaml": "policy: main\ndescription: x\nallow: [{tool: '*'}]"},
        {"wharfinger.yaml": "version: 1\nresolve: {api.stripe.com: 10.0.0.1}"},
        {"wharfinger.yaml": "version: 1\nlimits: {parse: 2MiB}"},
        {"wharfinger.yaml": "version: 1\nnetwork: {private: {a.example: 10.0.0.0/8}}"},
        {"agents.yaml": "agents: {bot: {owner: alice, policies: [main], environment: test}}"},
        {"tools/own.yaml": "tool: own_stripe\nrun: {method: GET, url: https://api.stripe.com/v1, auth: own}"},
    ]
    digests = {make(files).configuration.digest for files in changed}
    assert len(digests | {same}) == len(changed) + 1
    secrets = world.configuration.credentials["STRIPE_API_KEY"]
    assert secrets is not None
    tests = "policy: main\nallow: [{tool: '*'}]\ntests: [{agent: bot, call: get_status, expect: allow}]"
    assert make({"policies/main.yaml": tests}).configuration.digest == same


TEXT = st.text(st.characters(max_codepoint=255), max_size=30)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Authorization", "Host", "Content-Type", "X-A", "Cookie", "Connection"]) | TEXT, TEXT
    ),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT"]) | TEXT,
    scheme=st.sampled_from(["http", "https"]) | TEXT,
    host=st.sampled_from(["api.stripe.com", "plain.example.com", "other.example"]) | TEXT,
    port=st.sampled_from([443, 80]) | st.integers(-5, 70000),
    target=st.sampled_from(["/v1/refunds", "/pages/a", "/login"]) | TEXT,
    headers=HEADERS,
    body=st.binary(max_size=60) | st.none(),
)
def test_any_bytes_give_a_decision(world: Any, **parts: Any) -> None:
    headers = (("Host", parts["host"]), *parts.pop("headers"))
    request = replace(world.request("GET https://plain.example.com/"), headers=headers, **parts)
    for explain in (False, True):
        decision = decide(world.configuration, request, world.facts, NOON, explain=explain)
        assert not decision.reason.startswith("internal error"), decision.reason
        assert decision.verdict in {ALLOW, DENY}


def test_reasons_are_lower_case_and_helps_are_sentences(make: Any) -> None:
    worlds = [
        make.policy(text) for text in ("deny: [{tool: '*'}]", "tools: [get_repo]", "ask: [{tool: refund}]")
    ]
    lines = [
        "GET https://plain.example.com/pages/a",
        "GET https://x.example/",
        "GET https://api.github.com/repos/a/b",
    ]
    for world, line in itertools.product(worlds, lines):
        decision = world.decide(line)
        assert decision.reason[0].islower()
        assert decision.reason[-1] != "."
        assert not decision.help or decision.help[-1] == "."


def test_unmatched_opens_a_named_host_on_the_port_of_its_scheme_only(make: Any) -> None:
    world = make.policy("allow: [{tool: unmatched, hosts: [docs.example.org]}]")
    assert world.decide("GET https://docs.example.org/x").verdict == "allow"
    assert world.decide("GET http://docs.example.org/x").verdict == "allow"
    for url in (
        "https://docs.example.org:8443/x",
        "https://docs.example.org:80/x",
        "http://docs.example.org:443/x",
    ):
        assert world.decide(f"GET {url}").verdict == "deny", url
