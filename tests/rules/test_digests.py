"""The request digest differs for everything that makes another request, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from wharfinger.rules.digests import body_form, digest, request_digest
from wharfinger.rules.requests.bodies import EMPTY, Body, Media
from wharfinger.rules.types import Call, Effect, Request

CALL = Call("t", "aa", Effect.READ, {"a": "1", "b": "2"}, {"x": "y"}, reason="why")
REQUEST = Request("bot", "GET", "https", "api.example.com", 443, "/a", ())
USUAL: dict[str, Any] = {
    "agent_id": "agt_1",
    "calls": [CALL],
    "request": REQUEST,
    "target": "/a",
    "body": ["bytes", "00"],
    "fields": [("accept", "x"), ("x-a", "1"), ("x-a", "2")],
    "credentials": ["KEY"],
    "policy": "p",
}


@pytest.mark.parametrize(
    "change",
    [
        {"agent_id": "agt_2"},
        {"calls": [replace(CALL, tool="u")]},
        {"calls": [replace(CALL, template="bb")]},
        {"calls": [replace(CALL, inputs={"a": "12", "b": ""})]},
        {"calls": [replace(CALL, inputs={"a": 1, "b": "2"})]},
        {"calls": [replace(CALL, extras={})]},
        {"calls": [CALL, CALL]},
        {"request": replace(REQUEST, method="HEAD")},
        {"request": replace(REQUEST, scheme="http")},
        {"request": replace(REQUEST, host="api.example.org")},
        {"request": replace(REQUEST, port=8443)},
        {"target": "/a?b=c"},
        {"body": ["bytes", "01"]},
        {"body": ["stream"]},
        {"fields": [("accept", "x"), ("x-a", "2"), ("x-a", "1")]},
        {"fields": [("accept", "x"), ("x-a", "1")]},
        {"credentials": []},
        {"credentials": ["KEY2"]},
        {"policy": "q"},
    ],
)
def test_differs(change: dict[str, Any]) -> None:
    assert request_digest(**(USUAL | change)) != request_digest(**USUAL)


@pytest.mark.parametrize(
    "change",
    [
        {"calls": [replace(CALL, reason="another")]},
        {"calls": [replace(CALL, inputs={"b": "2", "a": "1"})]},
    ],
)
def test_stays(change: dict[str, Any]) -> None:
    assert request_digest(**(USUAL | change)) == request_digest(**USUAL)


def test_fields_cannot_run_together() -> None:
    assert (
        len(
            {digest("x", "ab", "c"), digest("x", "a", "bc"), digest("xa", "b", "c"), digest("x", ["ab", "c"])}
        )
        == 4
    )


def test_a_body_is_taken_as_it_is_read() -> None:
    read = Body(Media.JSON, {"b": 1, "a": 2})
    assert digest("x", body_form(read, b'{"b":1,"a":2}')) == digest(
        "x", body_form(Body(Media.JSON, {"a": 2, "b": 1}), b"{}")
    )
    form = Body(Media.FORM, {}, (("a", "1"), ("b", "2")))
    assert body_form(form, b"") != body_form(replace(form, pairs=tuple(reversed(form.pairs))), b"")
    assert (
        body_form(replace(read, problem="broken"), b"{") == body_form(EMPTY, b"{") != body_form(EMPTY, b"[")
    )
    assert body_form(EMPTY, None) == ["stream"]
