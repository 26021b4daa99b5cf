from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wharfinger.audit.event import Event, EventKind, Outcome, Sent, Who
from wharfinger.audit.events import control, held, intent, outcome, refused
from wharfinger.audit.render import SIZE_LIMIT, TooLong, input_hmac, render
from wharfinger.rules.types import UNMATCHED, Call, Decision, Effect, Request

KEY = b"k" * 32

type Requests = Callable[..., Request]
type Decisions = Callable[..., Decision]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def stored(event: Event) -> dict[str, Any]:
    return json.loads(render(event, KEY))


def test_an_intent_tells_all_that_was_decided(who: Who, request_of: Requests, decision_of: Decisions) -> None:
    event = intent("d_1", who, request_of(), decision_of(), approval="a_1", approvers=("alice",))
    assert stored(event) == {
        "kind": "intent",
        "decision": "d_1",
        "agent": "support-agent",
        "agent_id": "ag_1",
        "run": "run_1",
        "identified_by": "token",
        "confinement": "isolated",
        "calls": [
            {
                "tool": "refund_payment",
                "effect": "write",
                "blast": 32,
                "template": "7" * 64,
                "inputs": {"payment_id": "pi_1", "amount_cents": 2500},
            }
        ],
        "verdict": "allow",
        "code": "allowed",
        "reason": "allowed by support_refunds",
        "rules": ["policies/support.yaml:4"],
        "policy_digest": "5" * 64,
        "request_digest": "9" * 64,
        "approval": "a_1",
        "approvers": ["alice"],
        "method": "POST",
        "scheme": "https",
        "host": "api.stripe.com",
        "port": 443,
        "path": "/v1/refunds",
        "query": ["expand"],
        "request_bytes": 19,
        "credentials": ["STRIPE_API_KEY"],
        "dropped": ["x-odd"],
    }


def test_an_outcome_tells_what_was_measured(who: Who) -> None:
    sent = Sent(
        status=502,
        address="192.0.2.1:443",
        request_bytes=10,
        response_bytes=20,
        response_digest="ab",
        findings={"own secret": 2},
        timings_ms={"upstream": 1.5},
        reused=False,
    )
    found = stored(outcome("d_1", who, Outcome.WITHHELD, sent, reason="too large"))
    assert found["outcome"] == "withheld"
    assert found["reason"] == "too large"
    assert (found["status"], found["address"], found["reused"]) == (502, "192.0.2.1:443", False)
    assert (found["request_bytes"], found["response_bytes"], found["response_digest"]) == (10, 20, "ab")
    assert (found["findings"], found["timings_ms"]) == ({"own secret": 2}, {"upstream": 1.5})


def test_kinds_are_told_apart(who: Who, request_of: Requests, decision_of: Decisions) -> None:
    assert stored(refused("d_1", who, request_of(), decision_of()))["kind"] == "denied"
    assert stored(held("d_1", who, request_of(), decision_of(), approval="a_2"))["approval"] == "a_2"
    found = stored(control("agents.suspend", "alice", who=who, detail={"until": None}))
    assert (found["person"], found["action"], found["detail"]) == ("alice", "agents.suspend", {"until": None})


@pytest.mark.parametrize(
    "secret", ["4242-4242", "a b/c", "Zoë", 4711, ["4242-4242", 17], {"pan": "4242-4242"}]
)
def test_a_sensitive_input_is_an_hmac_wherever_it_stands(
    who: Who, request_of: Requests, decision_of: Decisions, secret: Any
) -> None:
    shown = secret if isinstance(secret, str) else "4711" if secret == 4711 else "4242-4242"
    spelled = "".join(f"%{byte:02x}" for byte in shown.encode())
    call = {
        "inputs": {"card": secret, "note": "x"},
        "sensitive": frozenset({"card"}),
        "extras": {"card": secret},
        "reason": f"pay with {shown}",
    }
    for target in (f"/cards/{spelled}/x?card={spelled}", f"/cards/{spelled}", f"/q?card={spelled}"):
        line = render(intent("d_1", who, request_of(target=target), decision_of(call)), KEY)
        assert json.loads(line)["calls"][0]["hmac"] == {"card": input_hmac(KEY, "card", secret)}
        assert json.loads(line)["calls"][0]["inputs"] == {"note": "x"}
        assert shown not in line.decode()
        assert spelled not in line.decode()
        assert json.dumps(shown)[1:-1] not in line.decode()


@pytest.mark.parametrize(
    "repeated",
    [
        ("note", "4242-4242"), ("note", "pay with 4242-4242, please"), ("note", "4242%2d4242"),
        ("note", ["x", {"y": "4242-4242"}]), ("CARD", "17"), (" card", "17"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("group", ["inputs", "extras"])
def test_what_repeats_a_sensitive_input_or_is_named_like_it_is_an_hmac_too(
    who: Who, request_of: Requests, decision_of: Decisions, group: str, repeated: tuple[str, Any]
) -> None:
    name, value = repeated
    call = {"inputs": {"card": "4242-4242"}, "extras": {}, "sensitive": frozenset({"card"})}
    call[group] = {**call[group], name: value}  # type: ignore[dict-item]
    (found,) = stored(refused("d_1", who, request_of(), decision_of(call)))["calls"]
    assert found["hmac"] == {"card": input_hmac(KEY, "card", "4242-4242"), name: input_hmac(KEY, name, value)}
    assert name not in found.get(group, {})


def test_a_short_sensitive_input_hides_nothing_that_holds_it_by_chance(
    who: Who, request_of: Requests, decision_of: Decisions
) -> None:
    call = {"inputs": {"pin": "17", "note": "1717", "same": "17"}, "sensitive": frozenset({"pin"})}
    (found,) = stored(refused("d_1", who, request_of(), decision_of(call)))["calls"]
    assert found["inputs"] == {"note": "1717"}
    assert set(found["hmac"]) == {"pin", "same"}


def test_the_hmac_depends_on_key_and_name() -> None:
    first = input_hmac(KEY, "card", "1")
    assert first == input_hmac(KEY, "card", "1")
    assert len({first, input_hmac(b"x" * 32, "card", "1"), input_hmac(KEY, "pan", "1")}) == 3


def test_no_value_of_the_query_and_no_header_value_is_stored(
    who: Who, request_of: Requests, decision_of: Decisions
) -> None:
    event = intent("d_1", who, request_of(target="/v1?key=s3cret1&s3cret2&=s3cret3"), decision_of())
    line = render(event, KEY).decode()
    assert "s3cret" not in line
    assert "PLACEHOLDER" not in line
    assert json.loads(line)["query"] == ["key", "", ""]


def test_the_inputs_of_unmatched_are_the_target_alone(
    who: Who, request_of: Requests, decision_of: Decisions
) -> None:
    call = {"tool": UNMATCHED, "inputs": {"path": "/x?key=s3cret"}}
    assert "s3cret" not in render(refused("d_1", who, request_of(), decision_of(call)), KEY).decode()


def test_what_was_cut_is_told_with_length_and_digest(
    who: Who, request_of: Requests, decision_of: Decisions
) -> None:
    text = "x" * 5000
    found = stored(intent("d_1", who, request_of(target="/" + text), decision_of({"inputs": {"note": text}})))
    assert found["path"] == ("/" + text)[:512]
    assert found["calls"][0]["inputs"]["note"] == text[:512]
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert found["cut"]["calls.0.inputs.note"] == {"length": 5000, "sha256": digest}
    assert found["cut"]["path"]["length"] == 5001


def test_an_agent_cannot_forge_a_mark(who: Who, request_of: Requests, decision_of: Decisions) -> None:
    """Marks stand beside the values, under names that no input can take."""
    forged = {"hmac": {"card": "00"}, "cut": {"length": 1, "sha256": "00"}}
    found = stored(intent("d_1", who, request_of(), decision_of({"inputs": forged, "extras": forged})))
    assert found["calls"][0]["inputs"] == forged
    assert "cut" not in found
    assert "hmac" not in found["calls"][0]


def test_all_inputs_together_are_bounded(who: Who, request_of: Requests, decision_of: Decisions) -> None:
    inputs = {f"n{i}": "y" * 500 for i in range(30)}
    found = stored(intent("d_1", who, request_of(), decision_of({"inputs": inputs})))
    kept = found["calls"][0]["inputs"]
    assert len(kept) == 30
    assert sum(len(value) for value in kept.values()) <= 4096
    assert found["cut"]["calls.0.inputs.n29"]["length"] == 500


HOSTILE = "\n\r\x1b]8;;http://x\x07\x9b\u2028\u2029\u202e\u2066\x00\x7f</script>=cmd|' /C'!A0"


def test_hostile_text_stays_on_one_line_of_printable_ascii(
    who: Who, request_of: Requests, decision_of: Decisions
) -> None:
    """Line breaks, terminal sequences, bidi and separators cannot leave their string."""
    call = {"inputs": {"note": HOSTILE}, "extras": {HOSTILE: HOSTILE}, "reason": HOSTILE}
    line = render(intent("d_1", who, request_of(host=HOSTILE, method=HOSTILE), decision_of(call)), KEY)
    assert all(0x20 <= byte < 0x7F for byte in line)
    assert json.loads(line)["calls"][0]["inputs"]["note"] == HOSTILE


@pytest.mark.parametrize(
    "value",
    [
        2**80,
        -(2**70),
        10**5000,
        "\ud800",
        {"\udfff": "\ud800"},
        {1: 2},
        [[[[]]]],
        float("nan"),
        b"raw",
        object,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_without_a_plain_json_form_are_recorded_all_the_same(
    who: Who, request_of: Requests, decision_of: Decisions, value: Any
) -> None:
    for sensitive in (frozenset(), frozenset({"odd"})):
        call = {"inputs": {"odd": value}, "extras": {"more": value}, "sensitive": sensitive}
        orjson.loads(render(intent("d_1", who, request_of(), decision_of(call)), KEY))


def test_deep_nesting_is_recorded(who: Who, request_of: Requests, decision_of: Decisions) -> None:
    value: Any = "x"
    for _ in range(5000):
        value = [value]
    orjson.loads(render(intent("d_1", who, request_of(), decision_of({"inputs": {"deep": value}})), KEY))
    call = {"inputs": {"deep": value}, "sensitive": frozenset({"deep"})}
    orjson.loads(render(intent("d_1", who, request_of(), decision_of(call)), KEY))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    inputs=st.dictionaries(st.text(), values),
    extras=st.dictionaries(st.text(st.characters()), values),
    text=st.text(st.characters()),
    sensitive=st.booleans(),
)
def test_any_call_gives_one_bounded_line(
    request_of: Requests, decision_of: Decisions, *, inputs: Any, extras: Any, text: str, sensitive: bool
) -> None:
    call = {
        "inputs": inputs,
        "extras": extras,
        "reason": text,
        "sensitive": frozenset(inputs) if sensitive else frozenset(),
    }
    request = request_of(target=text, host=text, method=text)
    line = render(intent("d_1", Who(text), request, decision_of(call, reason=text)), KEY)
    assert len(line) <= SIZE_LIMIT
    assert all(0x20 <= byte < 0x7F for byte in line)
    assert orjson.loads(line)["kind"] == "intent"


def test_the_worst_that_an_agent_can_send_fits(request_of: Requests, decision_of: Decisions) -> None:
    """Every text at its longest, every list at its fullest, every character at its widest."""
    wide = "\U0001f600" * 600
    many = {f"{i}{wide}": wide for i in range(100)}
    call = Call(wide, "7" * 64, Effect.WRITE, many, many, wide, frozenset(list(many)[:50]))
    decision = decision_of(calls=(call,) * 100, reason=wide, dropped=tuple(many))
    request = request_of(
        method=wide, scheme=wide, host=wide, target=f"/{wide}?{'&'.join(f'{k}=1' for k in many)}"
    )
    who = Who(wide, wide, wide, wide, wide)
    line = render(intent("d_1", who, request, decision, approvers=tuple(many)), KEY)
    assert len(line) <= SIZE_LIMIT
    found = json.loads(line)
    assert (found["decision"], found["policy_digest"]) == ("d_1", "5" * 64)
    assert found["cut"]["event"]["length"] > SIZE_LIMIT


def test_an_event_of_our_own_that_cannot_fit_is_an_error() -> None:
    wide = "\U0001f600" * 128
    many = {f"{i}{wide}": 1 for i in range(9)}
    own = Event(
        EventKind.CONTROL,
        wide,
        Who(wide, wide, wide),
        calls=(Call("t", wide, Effect.READ, {}),) * 3,
        approval=wide,
        policy_digest=wide,
        request_digest=wide,
        sent=Sent(response_digest=wide, findings=many),
        detail=many,
    )
    with pytest.raises(TooLong):
        render(own, KEY)
