"""What a person is shown: everything that matters, nothing that deceives, no secret."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.approvals.question import INPUTS_LIMIT, VALUE_LIMIT, Question, question, safe_text
from wharfinger.rules.types import UNMATCHED, Call, Code, Decision, Effect, Request, Verdict


def call(**inputs: object) -> Call:
    return Call("pay", "t", Effect.WRITE, inputs, sensitive=frozenset({"card"}))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Grüße, 日本", "Grüße, 日本"),
        ("a\nb\tc\r", r"a\u{a}b\u{9}c\u{d}"),
        ("\x1b[2J", r"\u{1b}[2J"),
        ("gpj.\u202egnp", r"gpj.\u{202e}gnp"),
        ("a\u200bb\ufeff", r"a\u{200b}b\u{feff}"),
        ("a\u2028b\u00a0c\u3000", r"a\u{2028}b\u{a0}c\u{3000}"),
        ("\U000e0041", r"\u{e0041}"),
        ("\ud800", r"\u{d800}"),
    ],
)
def test_what_would_not_show_is_written_out(text, shown) -> None:
    assert safe_text(text) == shown


@settings(max_examples=200)
@given(st.text())
def test_safe_text_is_printable_and_stays_what_it_is(text) -> None:
    shown = safe_text(text)
    assert shown.isprintable()
    assert safe_text(shown) == shown


def test_the_request_is_shown_before_any_credential_is_put_in(request_, decision) -> None:
    headers = [("Idempotency-Key", "k1"), ("Authorization", "Bearer x"), ("Cookie", "c"), ("User-Agent", "u")]
    shown = question(request_, decision, headers)
    assert (shown.method, shown.host, shown.path) == ("POST", "api.stripe.com", "/v1/refunds")
    assert shown.headers == (("Idempotency-Key", "k1"), ("User-Agent", "u"))
    assert shown.calls[0].inputs == {"amount_cents": 500}
    assert (shown.reason, shown.body_size, shown.complete) == ("broken", 8, True)


def test_a_request_without_a_tool_is_shown_with_its_query(request_, decision) -> None:
    unmatched = replace(decision, calls=(replace(decision.calls[0], tool=UNMATCHED),))
    assert question(request_, unmatched).path == "/v1/refunds?x=1"


def test_sensitive_inputs_are_not_shown(request_, decision) -> None:
    shown = question(request_, replace(decision, calls=(call(card="4242424242424242", amount=5),)))
    assert shown.calls[0].inputs == {"card": "(sensitive: not shown)", "amount": 5}
    assert "4242" not in json.dumps(shown.as_json())


@pytest.mark.parametrize(
    "inputs",
    [
        {"a": "x" * (VALUE_LIMIT + 1)},
        {"a": ["x" * 100] * 100},
        {str(n): "x" * 2000 for n in range(20)},
        {"a": [[[[[[[[[[[[[[1]]]]]]]]]]]]]]},
        {"é" * (VALUE_LIMIT + 1): 1},
    ],
)
def test_what_is_cut_is_said_so_and_is_not_complete(request_, decision, inputs) -> None:
    shown = question(request_, replace(decision, calls=(call(**inputs),)))
    assert not shown.complete
    text = json.dumps(shown.as_json(), ensure_ascii=False)
    assert "more bytes" in text or "nested deeper" in text
    assert len(text) < INPUTS_LIMIT * 3


def test_many_calls_are_cut_too(request_, decision) -> None:
    shown = question(request_, replace(decision, calls=(call(a=1),) * 40))
    assert (len(shown.calls), shown.complete) == (32, False)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150)
@given(st.dictionaries(st.text(max_size=8), JSONS, max_size=5))
def test_any_inputs_come_back_from_the_store_as_they_were_shown(inputs) -> None:
    decision = Decision(
        Verdict.ASK, Code.APPROVAL_PENDING, "", "", "p", calls=(Call("t", "", Effect.READ, inputs),)
    )
    shown = question(Request("bot", "GET", "https", "h", 443, "/", ()), decision)
    back = Question.from_json(json.loads(json.dumps(shown.as_json())))
    assert back == shown
