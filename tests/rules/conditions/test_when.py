"""Conditions hold only when they are true; everything else is an error that says why, without values."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.conditions.when import Condition, Outcome, Scope, Subject, compile_when
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.inputs import Input

REFUND = Subject(
    "refund",
    {
        "id": Input("id"),
        "amount": Input("amount", "integer"),
        "price": Input("price", "number"),
        "urgent": Input("urgent", "boolean"),
        "to": Input("to", "array"),
        "meta": Input("meta", "object"),
        "note": Input("note", required=False),
        "max_items": Input("max_items", "integer"),
        "items": Input("items", "integer"),
    },
)
PAY = Subject("pay", {"amount": Input("amount", "number"), "id": Input("id")})
GOOD: dict[str, Any] = {
    "id": "pi_1",
    "amount": 2500,
    "price": 9.5,
    "urgent": True,
    "to": ["a@example.com", "b@example.com"],
    "meta": {"k": "v"},
    "max_items": 3,
    "items": 7,
}


def compiled(when: Any, *subjects: Subject) -> tuple[Condition | None, Problems]:
    problems = Problems()
    condition = compile_when(
        when, subjects or (REFUND,), lambda *path, key=False: Position("p.yaml", 1, len(path)), problems
    )
    return condition, problems


def scope(inputs: dict[str, Any] | None = None, **changes: Any) -> Scope:
    values: dict[str, Any] = {
        "inputs": GOOD if inputs is None else inputs,
        "call": {"tool": "refund", "effect": "write"},
        "agent": {"name": "a", "owner": "alice", "environment": "prod"},
        "request": {"method": "POST", "scheme": "https", "host": "api.x.com", "port": 443, "path": "/v1"},
        "facts": {"confinement": "none"},
        "now": datetime(2026, 1, 14, 12, 0, tzinfo=UTC),
    }
    return Scope(**values | changes)


def evaluate(when: Any, inputs: dict[str, Any] | None = None, **changes: Any) -> bool | str:
    condition, problems = compiled(when)
    assert condition is not None, list(map(str, problems))
    outcome = condition.evaluate(scope(inputs, **changes))
    return outcome.error or outcome.holds


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"id": "pi_1"}, True),
        ({"id": "pi_2"}, False),
        ({"amount": 2500}, True),
        ({"amount": 2500.0}, True),
        ({"urgent": True}, True),
        ({"urgent": False}, False),
        ({"amount": {"max": 2500}}, True),
        ({"amount": {"max": 2499}}, False),
        ({"amount": {"min": 2500, "max": 2600}}, True),
        ({"amount": {"min": 2501}}, False),
        ({"max_amount": 2500, "min_amount": 2500}, True),
        ({"max_amount": 2499}, False),
        ({"max_items": 3}, True),  # an exact name goes before the short form for `items`
        ({"max_items": 9}, False),
        ({"price": {"max": 10}}, True),
        ({"id": {"in": ["pi_1", "pi_2"]}}, True),
        ({"id": {"in": ["pi_2"]}}, False),
        ({"id": {"not_in": ["pi_2"]}}, True),
        ({"id": {"not_in": ["pi_1"]}}, False),
        ({"id": {"equals": "pi_1"}}, True),
        ({"id": {"startswith": "pi_", "endswith": "1"}}, True),
        ({"id": {"startswith": "i_"}}, False),
        ({"id": {"contains": "i_"}}, True),
        ({"id": {"contains": "x"}}, False),
        ({"id": {"matches": "^pi_[0-9]+$"}}, True),
        ({"id": {"matches": "^[0-9]+$"}}, False),
        ({"to": {"contains": "a@example.com"}}, True),
        ({"to": {"all": {"endswith": "@example.com"}}}, True),
        ({"to": {"all": {"startswith": "a"}}}, False),
        ({"to": {"any": {"startswith": "a"}}}, True),
        ({"to": {"any": {"startswith": "c"}}}, False),
        ("input.amount > 2000 && input.amount <= 2500", True),
        ("input.amount > 2500", False),
        ("input.price < 10", True),
        ("input.price > 9.25", True),
        ("input.urgent", True),
        ('input["id"] == "pi_1"', True),
        ('input.to.all(x, x.endsWith("@example.com"))', True),
        ('given("note")', False),
        ('!given("note") || input.note == "x"', True),
        ("has(input.note)", False),
        ('"note" in input', False),
        ('agent.environment == "prod" && agent.owner == "alice"', True),
        ('call.tool == "refund" && call.effect == "write"', True),
        ("has(call.reason)", False),
        ('request.method == "POST" && request.port == 443 && request.path.startsWith("/v1")', True),
        ('facts.confinement == "isolated"', False),
        ('now < timestamp("2026-01-14T12:00:01Z")', True),
        ('within("Mon-Fri 08:00-18:00", "Europe/Berlin")', True),
        ('within("Sat 08:00-18:00", "Europe/Berlin")', False),
        ('input.id.matches("^pi_")', True),
        ('input.meta.k == "v"', True),
        ('cidr("10.1.2.3", "10.0.0.0/8")', True),
        ('domain("https://Hooks.Example.com/x") == "hooks.example.com"', True),
        ("email(input.id)", False),
        ("input.to.all(x, email(x))", True),
        ('input.to.all(x, domain(x) in ["example.com"])', True),
        ({"to": {"all": {"domain": {"in": ["example.com"]}}}}, True),
        ({"to": {"all": {"domain": "example.org"}}}, False),
        ({"to": {"all": {"email": True}}}, True),
        ({"id": {"cidr": ["10.0.0.0/8"]}}, False),
        ('findings(input.to) == ["email", "personal"]', True),
        ('"email" in findings(input)', True),
        ('"secret" in findings(input)', False),
        ("size(findings(input.meta)) == 0", True),
        ("findings(input.amount).size() == 0", True),
        ("input.to.exists(x, size(findings(x)) > 0)", True),
        ({"meta": {"findings": "none"}}, True),
        ({"to": {"findings": "none"}}, False),
        ({"to": {"findings": {"not": ["secret", "card"]}}}, True),
        ({"to": {"all": {"findings": {"not": ["personal"]}}}}, False),
        ("call.blast > 0 && call.blast < 50", True),
    ],
)
def test_holds_or_does_not(when: Any, holds: bool) -> None:
    assert evaluate(when) is holds


@pytest.mark.parametrize(
    ("to", "when", "holds"),
    [
        ([], {"all": {"endswith": "x"}}, False),
        ([], {"all": {"endswith": "x"}, "empty": "ok"}, True),
        (["y"], {"all": {"endswith": "x"}, "empty": "ok"}, False),
        ([], {"any": {"endswith": "x"}}, False),
    ],
)
def test_all_of_an_empty_list(to: list[str], when: Any, holds: bool) -> None:
    assert evaluate({"to": when}, GOOD | {"to": to}) is holds


@pytest.mark.parametrize(
    ("when", "inputs", "error"),
    [
        ({"amount": 1}, {}, 'the input "amount" is absent'),
        ({"max_amount": 1}, {}, 'the input "amount" is absent'),
        ({"note": "x"}, GOOD, 'the input "note" is absent'),
        ({"to": {"all": {"endswith": "x"}}}, GOOD | {"to": [1]}, 'something in it, is not a text'),
        ({"to": {"any": {"max": 3}}}, GOOD | {"to": [1, "s3cret"]}, "something in it, is not a number"),
        ("input.amount > 1", {}, 'the input "amount" is absent'),
        ('input.note == "x"', GOOD, 'the input "note" is absent'),
        ("input.amount > 1", GOOD | {"amount": "s3cret"}, "a value is of a wrong type"),
        ("input.urgent", GOOD | {"urgent": "true"}, "a value is of a wrong type"),
        ("input.price / 0 == 1", GOOD | {"price": 1}, "cannot be computed"),
        ('input.meta["s3cret"] == 1', GOOD, "a value is of a wrong type"),
        ('input.to.exists(x, x == "y")', GOOD | {"to": ["x"] * 5001}, "too large to be evaluated"),
        ('input.to.map(x, x) == []', GOOD | {"to": ["x"] * 501}, "too large to be evaluated"),
        ('input.to.all(x, input.id.contains(x))', GOOD | {"to": ["x"] * 900, "id": "y" * 900},
         "too large to be evaluated"),
        ({"to": {"all": {"in": ["x"]}}}, GOOD | {"to": ["x"] * 5001}, "too large to be looked at in time"),
        ({"id": {"matches": "s3cret"}}, GOOD | {"id": "x" * 50_000}, "too large to be looked at in time"),
        ('input.id.matches("(?i)[a-z]{9}s3cret")', GOOD | {"id": "x" * 50_000}, "too large to be evaluated"),
        ({"id": {"findings": "none"}}, GOOD | {"id": "x" * 50_000}, "too large to be searched"),
        ({"id": {"findings": "none"}}, GOOD | {"id": "sk-s3cret " * 200}, "too large to be searched"),
        ({"id": {"findings": "none"}, "note": {"findings": "none"}},
         GOOD | {"id": "x" * 30_000, "note": "x" * 30_000}, "too large to be searched"),
        ("size(findings(input.id)) == 0", GOOD | {"id": "x" * 50_000}, "too large to be evaluated"),
        ("size(findings(input.id)) == 0", GOOD | {"id": "sk-s3cret " * 200}, "too large to be evaluated"),
        ('cidr(input.id, "10.0.0.0/8")', GOOD | {"id": "0x0a.s3cret.1.1"}, "a value is of a wrong type"),
        ({"id": {"cidr": "10.0.0.0/8"}}, GOOD | {"id": "10.1"}, "neither an address nor a host name"),
        ('domain(input.id) == "x"', GOOD | {"id": "https://u:p@x"}, "a value is of a wrong type"),
        ({"id": {"domain": "x"}}, GOOD | {"id": "https://u:p@x"}, "not an address with a domain"),
        ('input.id == "x"', GOOD | {"id": "\ud800"}, "a value is of a wrong type"),
        ('call.reason == "x"', GOOD, '"call.reason" is absent'),
    ],
)  # fmt: skip
def test_anything_else_is_an_error_without_values(when: Any, inputs: dict[str, Any], error: str) -> None:
    outcome = evaluate(when, inputs)
    assert isinstance(outcome, str)
    assert error in outcome
    assert "s3cret" not in outcome


def test_an_agent_without_environment_is_an_error() -> None:
    assert evaluate('agent.environment == "prod"', agent={"name": "a", "owner": "o"}) == (
        '"agent.environment" is absent'
    )


def test_require_reason() -> None:
    assert evaluate({"require_reason": True}) is False
    assert evaluate({"require_reason": True}, call={"tool": "t", "effect": "read", "reason": "why"}) is True


def test_what_is_missing_is_said_in_words() -> None:
    condition, _ = compiled({"max_amount": 5, "require_reason": True})
    assert condition is not None
    assert condition.evaluate(scope()).unmet == "amount must be at most 5; a reason must be given"


@pytest.mark.parametrize(
    ("when", "message", "hint"),
    [
        ({"amuont": 1}, '"amuont" is not an input of "refund"', 'did you mean "amount"?'),
        ({"max_amuont": 1}, '"max_amuont" is not an input', 'did you mean "max_amount"?'),
        ({"require_reason": False}, "can only be true", ""),
        ({"environment": "prod"}, '"environment" is not an input', "agent.environment"),
        ({"amount": {"mx": 1}}, 'unknown operator "mx"', "there are: equals"),
        ({"amount": {}}, "the condition is empty", ""),
        ({"amount": {"max": "5"}}, "expected a number", ""),
        ({"amount": {"max": True}}, "expected a number", ""),
        ({"amount": "5"}, "is of type integer, and this is for string", ""),
        ({"amount": True}, "is of type integer, and this is for boolean", ""),
        ({"amount": 2.5}, "is of type integer, and this is for number", ""),
        ({"id": {"max": 5}}, "is of type string, and this is for integer or number", ""),
        ({"id": None}, "expected a text, a number, true or false", ""),
        ({"id": ["a"]}, "expected a text, a number, true or false", "{in: […]}"),
        ({"id": {"in": []}}, "expected a list of values", ""),
        ({"id": {"in": "a"}}, "expected a list of values", ""),
        ({"id": {"startswith": ""}}, "not empty", ""),
        ({"id": {"matches": "("}}, '"(" is not a pattern', ""),
        ({"id": {"matches": "a(?=b)"}}, "is not a pattern", ""),
        ({"id": {"startswith": "a", "max": 4}}, "different types", ""),
        ({"to": {"all": {"endswith": "x"}, "empty": True}}, "can only be `ok`", ""),
        ({"to": {"empty": "ok"}}, "can only be `ok`, beside `all`", ""),
        ({"to": {"all": {"endsw": "x"}}}, 'unknown operator "endsw"', ""),
        ("input.amuont > 1", '"amuont" is not an input of "refund"', 'did you mean "amount"?'),
        ('given("nota")', '"nota" is not an input', 'did you mean "note"?'),
        ("input.amount >", "the condition cannot be read", ""),
        ("amount > 1", "undeclared reference to 'amount'", "names begin with input"),
        ("agent.env == 'x'", '"agent.env" cannot be read', "there are:"),
        ("agent.environmet == 'x'", '"agent.environmet" cannot be read', 'did you mean "environment"?'),
        ("input.id > 5", "no matching overload", ""),
        ("input.amount + 1", "is not true or false", ""),
        ("input.amount", "is not true or false", ""),
        ("'yes'", "is not true or false", ""),
        ('input.id.matches("(")', '"(" is not a pattern', ""),
        ('cidr("10.0.0.0/8")', "undeclared reference to 'cidr'", ""),
        ('cidr(input.id, "10.0.0.1/8")', '"10.0.0.1/8" is no network', ""),
        ("cidr(input.id, input.id)", "a network that is written out", ""),
        ('"10.0.0.0/8".matches(input.id)', "a pattern that is written out", ""),
        ('input.id.matches("[a-z]{900}[0-9]{900}x{900}")', "too large a pattern", ""),
        ({"id": {"matches": "[a-z]{900}[0-9]{900}x{900}"}}, "too large a pattern", ""),
        ("input.to.all(a, a.all(b, b.all(c, c.all(d, d))))", "more than 3 deep", ""),
        ("findings(input.meta) == 0", "no matching overload", ""),
        ('"cards" in findings(input.meta)', 'there is no detector "cards"', 'did you mean "card"?'),
        ({"meta": {"findings": "all"}}, "expected `none`", "not: [secret"),
        ({"meta": {"findings": {"not": ["cards"]}}}, "there is no detector 'cards'", "there are: secret"),
        ({"meta": {"findings": {"not": []}}}, "expected `none`", ""),
        ({"id": {"cidr": "10.0.0.0"}}, '"10.0.0.0" is no network', ""),
        ({"id": {"cidr": []}}, "expected a network", ""),
        ({"id": {"email": "yes"}}, '"email" can only be true', ""),
        ({"id": {"domain": {"max": 5}}}, "a domain is a text", ""),
        ({"amount": {"domain": "x.com"}}, "is of type integer, and this is for string", ""),
        ('within("8-18", "UTC")', "are no hours", ""),
        ('within("08:00-18:00", "Mars")', "is no time zone", ""),
        ('within(input.id, "UTC")', "both written out", ""),
        ("given(input.id)", "in quotes", ""),
    ],
)  # fmt: skip
def test_load_errors(when: Any, message: str, hint: str) -> None:
    condition, problems = compiled(when)
    assert condition is None
    assert message in problems.errors[0].message
    assert hint in problems.errors[0].hint


def test_all_problems_of_a_mapping_are_reported() -> None:
    _, problems = compiled({"amuont": 1, "id": {"max": 5}, "nope": 1})
    assert len(problems.errors) == 3


def test_every_tool_of_the_rule_must_have_the_input() -> None:
    for when in ({"urgent": True}, "input.urgent"):
        condition, problems = compiled(when, REFUND, PAY)
        assert condition is None
        assert 'also about "pay", without an input "urgent"' in problems.errors[0].message
    condition, problems = compiled('!given("urgent") || input.urgent', REFUND, PAY)
    assert condition is not None
    assert condition.evaluate(scope({"id": "x"})).holds


def test_types_that_differ_between_tools_are_checked_when_evaluated() -> None:
    condition, _ = compiled("input.amount < 3", REFUND, PAY)
    assert condition is not None
    assert condition.evaluate(scope({"amount": 2.5})).holds


@pytest.mark.parametrize(
    ("when", "inputs", "clock", "whole"),
    [
        ({"max_amount": 5}, {"amount"}, False, False),
        ("input.amount > 5", {"amount"}, False, False),
        ('input.id == "x" && now > timestamp("2026-01-01T00:00:00Z")', {"id"}, True, False),
        ('within("08:00-18:00", "UTC")', set(), True, False),
        ("size(input) > 3", set(), False, True),
        ("input[input.id] == 1", {"id"}, False, True),
    ],
)
def test_reads(when: Any, inputs: set[str], clock: bool, whole: bool) -> None:
    condition, problems = compiled(when)
    assert condition is not None, list(map(str, problems))
    assert (condition.reads.inputs, condition.reads.clock, condition.reads.whole) == (inputs, clock, whole)


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
CONDITIONS = [
    {"amount": {"min": 1, "max": 5}},
    {"id": {"matches": "^a"}, "urgent": True},
    {"to": {"all": {"startswith": "a"}}},
    "input.amount > 5",
    'input.to.all(x, x == input.id)',
    'input.meta.k == "v" || input.urgent',
]  # fmt: skip


@settings(max_examples=200)
@given(st.sampled_from(CONDITIONS), st.dictionaries(st.sampled_from(sorted(GOOD)), JSONS))
def test_never_raises_whatever_the_inputs(when: Any, inputs: dict[str, Any]) -> None:
    condition, _ = compiled(when)
    assert condition is not None
    outcome = condition.evaluate(scope(inputs))
    assert outcome.holds in {True, False}
    assert not (outcome.holds and outcome.error)


NUL = "main\0é"
"""As the library has it, this is "main": it takes a text to end at its first NUL."""


@pytest.mark.parametrize(
    "source",
    [
        'input.text == "main"',
        'input.text.endsWith("main")',
        'input.text in ["main", "dev"]',
        'input.text.matches("^main$")',
        "size(input.text) < 5",
        'input.items.all(each, each == "main")',
        'input.object["main"] == "main"',
        'input.object.all(key, key == "main")',
        'call.reason == "main"',
    ],
)
def test_a_text_is_seen_whole_or_not_at_all(source):
    kinds = (("text", "string"), ("items", "array"), ("object", "object"))
    inputs = {name: Input(name, kind) for name, kind in kinds}
    problems = Problems()
    condition = compile_when(source, [Subject("t", inputs)], lambda *_, **__: Position("x"), problems)
    assert condition is not None, list(problems)

    def outcome(text):
        given = {"text": text, "items": [text], "object": {text: text}}
        now = datetime(2026, 1, 14, tzinfo=UTC)
        about = {"tool": "t", "effect": "read", "reason": text}
        return condition.evaluate(Scope(given, about, {}, {}, {}, now))

    assert outcome("main").holds
    assert outcome(NUL) == Outcome(False, "a text holds a NUL character")
