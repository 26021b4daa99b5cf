"""Extras: what a lenient server could take for something else never passes."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.requests import extras
from wharfinger.rules.requests.bracketed import Repeated

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("amount", "amount"),
        ("Amount", "amount"),
        ("amount[]", "amount"),
        ("amount[0][x]", "amount"),
        ("amount[", "amount"),
        (" amount ", "amount"),
        ("ａｍｏｕｎｔ", "amount"),
        ("a\u200bmount", "amount"),
        ("STRASSE", "strasse"),
        ("straße", "strasse"),
        ("\u212aey", "key"),
        ("a.b", "a_b"),
        ("a b", "a_b"),
        ("a-b", "a-b"),
    ],
)
def test_fold(name: str, folded: str) -> None:
    assert extras.fold(name) == folded
    assert extras.fold(folded) == folded


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({}, {}),
        ({"a": "1"}, {"b": 2}),
        ({}, {"nested": {"a": [1, 2]}}),
        ({"x": "v" * 1000}, {"y": "v" * 1000}),
    ],
)
def test_admitted(query: Any, body: Any) -> None:
    assert extras.problem(query, body, frozenset({"known"}), frozenset({"place"})) is None


@pytest.mark.parametrize(
    ("query", "body", "said"),
    [
        ({"Known": "1"}, {}, "tool's own"),
        ({}, {"known[]": 1}, "tool's own"),
        ({"a": "1"}, {"A": 1}, "more than once"),
        ({}, {"a": 1, "a[]": 2}, "more than once"),
        ({"a": Repeated(("1", "2"))}, {}, "more than once"),
        ({}, {"known\0": 1}, "control character"),
        ({}, {"a\x1f": 1}, "control character"),
        ({"a\x85": "1"}, {}, "control character"),
        ({"_Method": "DELETE"}, {}, "overrides"),
        ({"X-HTTP-Method-Override": "DELETE"}, {}, "overrides"),
        ({}, {"API_KEY": "x"}, "credential"),
        ({"Access_Token": "x"}, {}, "credential"),
        ({"Place": "x"}, {}, "credential"),
        ({"x": "v" * 1020}, {"y": "v" * 1020}, "bytes"),
    ],
)
def test_never_admitted(query: Any, body: Any, said: str) -> None:
    found = extras.problem(query, body, frozenset({"known"}), frozenset({"place"}))
    assert found is not None
    assert said in found
    assert "DELETE" not in found


def test_tables_are_folded() -> None:
    for name in extras.OVERRIDES | extras.CREDENTIALS:
        assert extras.fold(name) == name


def test_a_tool_chosen_by_a_target_takes_no_parameter_that_names_an_action(
    compile_tools: Any, make_request: Any
) -> None:
    """Services of AWS that speak JSON may speak the query protocol, too: `?Action=DeleteQueue`."""
    toolset, problems = compile_tools("""
        base: https://sqs.example.com
        tools:
          - tool: list_queues
            effect: read
            run: {method: POST, url: /, headers: {X-Amz-Target: AmazonSQS.ListQueues}, body: {}, extra: allow}
    """)
    assert not problems.errors
    fields = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}

    def refusal(target: str) -> Any:
        request = make_request(f"POST https://sqs.example.com/{target}", fields, b"{}")
        return toolset.recognise(request).refusal

    assert refusal("") is None
    assert refusal("?Trace=1") is None
    for query in ("?Action=DeleteQueue", "?action=DeleteQueue", "?Operation=x", "?Version=2012-11-05"):
        assert refusal(query) is not None, query
