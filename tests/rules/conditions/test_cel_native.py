"""What is evaluated in Python gives what the library gives, for every expression and every input."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.conditions.cel import compile_expression
from wharfinger.rules.conditions.when import HOLDS, Outcome, Scope, Written

NAMES = ("a", "b", "c")
LITERALS = ['"x"', '"xy"', '""', '"é"', "0", "1", "5", "-3", "1.0", "2.5", "-0.5", "true", "false",
            "9007199254740993", "9007199254740992.0"]  # fmt: skip
READS = [f"input.{name}" for name in NAMES] + [
    'input["a"]',
    "agent.environment",
    "request.port",
    "call.reason",
]
VALUES = st.one_of(
    st.sampled_from(
        ["", "x", "xy", "é", "true", "5", "10.1.2.3", "10.1", "a@x.example", "https://x/é", "::1"]
    ),
    st.sampled_from([0, 1, 5, -3, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]),
    st.sampled_from([0.0, 1.0, 2.5, -0.5, 2.0**53, 1e300]),
    st.booleans(),
    st.none(),
    st.sampled_from([[], ["x"], {"x": 1}]),
)
_atom = st.sampled_from(READS + LITERALS)
_test = st.one_of(
    st.tuples(_atom, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), _atom).map(" ".join),
    st.tuples(st.sampled_from(READS), st.lists(st.sampled_from(LITERALS), max_size=3)).map(
        lambda pair: f"{pair[0]} in [{', '.join(f'dyn({item})' for item in pair[1])}]"
    ),
    st.tuples(st.sampled_from(READS), st.lists(st.sampled_from(['"x"', '"é"']), max_size=2)).map(
        lambda pair: f"{pair[0]} in [{', '.join(pair[1])}]"
    ),
    st.tuples(
        st.sampled_from(READS),
        st.sampled_from(["startsWith", "endsWith", "contains"]),
        st.sampled_from(LITERALS[:4]),
    ).map(lambda t: f"{t[0]}.{t[1]}({t[2]})"),
    st.tuples(
        st.sampled_from(["domain(%s) == %s", "domain(%s).endsWith(%s)", "email(%s) == (%s == 1)"]),
        st.sampled_from(READS),
        st.sampled_from(['"x"', '"x.example"', '"10.1.2.3"']),
    ).map(lambda t: t[0] % t[1:]),
    st.tuples(st.sampled_from(READS), st.sampled_from(["10.0.0.0/8", "::/0"])).map(
        lambda t: f'cidr({t[0]}, "{t[1]}")'
    ),
    st.tuples(st.sampled_from(READS), st.sampled_from(["x", "^x$", "[^a]", r"\\d+$", "(?i)X"])).map(
        lambda t: f'{t[0]}.matches("{t[1]}")'
    ),
    st.sampled_from(READS),
    st.sampled_from(['given("a")', "has(input.b)", '"c" in input', "has(call.reason)"]),
)
EXPRESSIONS = st.recursive(
    _test,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda e: f"!({e})"),
    ),
    max_leaves=5,
)


UNMET = Outcome(False, unmet="it does not hold")


def scope(inputs: dict[str, Any]) -> Scope:
    return Scope(
        inputs=inputs,
        call={"tool": "t", "effect": "read"},
        agent={"name": "a", "owner": "o", "environment": "x"},
        request={"method": "GET", "scheme": "https", "host": "h", "port": 5, "path": "/"},
        facts={"confinement": "none"},
        now=datetime(2026, 1, 14, tzinfo=UTC),
    )


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), min_size=3, max_size=6))
def test_equal_to_the_library(source: str, inputs: list[dict[str, Any]]) -> None:
    try:
        expression = compile_expression(source, dict.fromkeys(NAMES))
    except ValueError:
        return  # types that never fit are refused when loaded
    condition = Written(expression, UNMET)
    for each in inputs:
        found = {True: HOLDS, False: UNMET}.get(expression.evaluated(scope(each)))
        outcome = condition.evaluate(scope(each))
        assert outcome is found or (found is None and outcome.error), (source, each)


@pytest.mark.parametrize(
    ("source", "simple"),
    [
        ("input.a > 5 && input.a <= 50", True),
        ('input.a in ["x", "y"] || !(agent.environment == "prod")', True),
        ('!given("a") || input.a.startsWith("x")', True),
        ("has(input.a)", True),
        ("input.a + 1 > 5", False),
        ('input.a.matches("^x")', True),
        ('domain(input.a) == "x" || email(input.a) || cidr(input.a, "10.0.0.0/8")', True),
        ("size(findings(input.a)) == 0", False),
        ("input.a.all(x, x == 1)", False),
        ("input.a ? true : false", False),
        ('now > timestamp("2026-01-01T00:00:00Z")', False),
        ("input.a > 9007199254740993", False),
    ],
)
def test_which_are_evaluated_in_python(source: str, simple: bool) -> None:
    assert (compile_expression(source, dict.fromkeys(NAMES)).native is not None) is simple
