"""Policies are compiled once, and everything that is wrong with them is reported."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.types import UNMATCHED, Verdict


def policy(make: Any, text: str) -> Any:
    return make.policy(text).configuration.policies["main"]


@pytest.mark.parametrize(
    ("rule", "about"),
    [
        ("allow: [{tool: refund}]", {"refund"}),
        ("allow: [{tool: 'get_re*'}]", {"get_refund", "get_repo"}),
        ("allow: [{tool: 'get_re[f]*'}]", {"get_refund"}),
        ("tools: [refund, get_repo]", {"refund", "get_repo"}),
        ("allow: [{tool: unmatched, hosts: [a.example]}]", {UNMATCHED}),
        ("deny: [{tool: unmatched}]", {UNMATCHED}),
    ],
)
def test_rules_are_kept_by_tool(make: Any, rule: str, about: set[str]) -> None:
    assert set(policy(make, rule).rules) == about


def test_a_star_includes_unmatched_in_deny_rules_only(make: Any) -> None:
    assert UNMATCHED in policy(make, "deny: [{tool: '*'}]").rules
    assert UNMATCHED not in policy(make, "allow: [{tool: '*'}]").rules
    assert UNMATCHED not in policy(make, "deny: [{tool: 'u*'}, {tool: refund}]").rules
    assert len(policy(make, "allow: [{tool: '*'}]").rules) == 10


def test_approvers_of_the_policy_turn_its_allows_into_asks(make: Any) -> None:
    compiled = policy(make, "tools: [refund]\nallow: [{tool: get_repo}]\nask: [{tool: get_any, approvers: [legal], expires: 5m}]\napprovers: [finance]")  # fmt: skip  # noqa: E501
    refs = {name: rules[0] for name, rules in compiled.rules.items()}
    assert {rule.ref.verdict for rule in refs.values()} == {Verdict.ASK}
    assert refs["refund"].ask.approvers == refs["get_repo"].ask.approvers == ("finance",)
    assert refs["get_repo"].ask.people == {"alice", "bob"}
    assert refs["get_any"].ask.people == {"bob", "carol"}
    assert refs["get_any"].ask.expires.total_seconds() == 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("allow: [{tool: refnd}]", 'no tool "refnd"'),
        ("tools: [refnd]", 'no tool "refnd"'),
        ("allow: [{tool: refund, when: {amont: 5}}]", '"amont" is not an input of "refund"'),
        ("allow: [{tool: 'get_*', when: {id: x}}]", 'without an input "id"'),
        ("ask: [{tool: upload}]", '"upload" streams its body and cannot wait for approval'),
        ("tools: [upload]\ndeny_patterns: [x]", "which deny_patterns would have to read"),
    ],
)
def test_load_errors(make: Any, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        policy(make, text)
    assert any(message in problem.message for problem in raised.value.problems)
    assert all(problem.position.line > 1 for problem in raised.value.problems)


def test_a_glob_that_matches_nothing_is_a_warning(make: Any) -> None:
    world = make.policy("allow: [{tool: 'nope_*'}, {tool: refund}]")
    assert any("matches no tool" in problem.message for problem in world.configuration.warnings)


PATTERNS = "tools: [refund, sign_in, read_page]\ndeny_patterns: ['BEGIN [A-Z ]*PRIVATE KEY', '(?i)hush']"


@pytest.mark.parametrize(
    ("line", "headers", "body", "denied"),
    [
        ("GET https://plain.example.com/pages/fine", {}, b"", False),
        ("GET https://plain.example.com/pages/hush", {}, b"", True),
        ("GET https://plain.example.com/pages/HuSh", {}, b"", True),
        ("GET https://plain.example.com/pages/h%75sh", {}, b"", True),
        ("GET https://plain.example.com/pages/a?x=h%75sh", {}, b"", True),
        ("GET https://plain.example.com/pages/a", {"User-Agent": "hush"}, b"", True),
        (
            "POST https://plain.example.com/login",
            {"Content-Type": "application/json"},
            b'{"name": "hush"}',
            True,
        ),
        (
            "POST https://plain.example.com/login",
            {"Content-Type": "application/json"},
            b'{"name": "h\\u0075sh"}',
            True,
        ),
        (
            "POST https://plain.example.com/login",
            {"Content-Type": "application/json"},
            b'{"name": "ok"}',
            False,
        ),
        (
            "POST https://plain.example.com/login",
            {"Content-Type": "application/json"},
            b'{"name": "-----BEGIN RSA PRIVATE KEY-----"}',
            True,
        ),
        (
            "POST https://plain.example.com/login",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"name=-----BEGIN+PRIVATE+KEY",
            True,
        ),
    ],
)
def test_deny_patterns(make: Any, line: str, headers: dict[str, str], body: bytes, denied: bool) -> None:
    decision = make.policy(PATTERNS).decide(line, headers, body)
    assert (decision.verdict is Verdict.DENY) is denied, decision.reason
    if denied:
        assert "deny pattern" in decision.reason
        assert decision.rules[0].verdict is Verdict.DENY


def test_patterns_that_cannot_read_the_body_deny(make: Any) -> None:
    world = make({
        "policies/main.yaml": "policy: main\ntools: [store]\ndeny_patterns: [hush]",
        "wharfinger.yaml": "version: 1\nlimits: {parse: 2KiB}",
    })  # fmt: skip
    line, fields = "PUT https://plain.example.com/store/a", {"Content-Type": "application/octet-stream"}
    assert world.decide(line, fields, b"a" * 2048).verdict is Verdict.ALLOW
    for body in (b"a" * 2049, None):
        decision = world.decide(line, fields, body)
        assert decision.verdict is Verdict.DENY
        assert "the body cannot be read, and deny_patterns" in decision.reason


ESCAPED = b'{"a": "h\\u0075sh"}'


@pytest.mark.parametrize(
    ("fields", "body", "said"),
    [
        ({"Content-Type": "application/json"}, b'{"a": "fine"}', ""),
        ({"Content-Type": "application/json"}, ESCAPED, "deny pattern"),
        ({"Content-Type": "text/plain"}, ESCAPED, "deny pattern"),
        ({"Content-Type": "application/octet-stream"}, ESCAPED, "deny pattern"),
        ({}, ESCAPED, "deny pattern"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=fine", ""),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=h%75sh", "deny pattern"),
        ({"Content-Type": "application/octet-stream"}, b"a=h%75sh", "deny pattern"),
        ({"Content-Type": "application/octet-stream"}, b"\xff\x00", ""),
        ({"Content-Type": "text/plain"}, b"fine", ""),
        ({"Content-Type": "application/json"}, b'{"a": "h\\u0075sh", "a": 1}', "cannot be read"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=h%75sh;b", "cannot be read"),
        ({"Content-Type": "text/plain; charset=utf-16"}, "hush".encode("utf-16"), "cannot be read"),
        (
            {"Content-Type": "text/plain", "Content-Encoding": "gzip"},
            gzip.compress(b"hush", mtime=0),
            "cannot be read",
        ),
        ({"Content-Type": "text/plain", "Content-Encoding": "identity"}, b"fine", ""),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"hush", "cannot be read"),
    ],
)
def test_patterns_read_the_bodies_that_no_tool_does(
    make: Any, fields: dict[str, str], body: bytes, said: str
) -> None:
    world = make.policy("tools: [store]\ndeny_patterns: [hush]")
    decision = world.decide("PUT https://plain.example.com/store/a", fields, body)
    assert decision.verdict is (Verdict.DENY if said else Verdict.ALLOW), decision.reason
    assert said in decision.reason


def test_patterns_read_the_bodies_of_requests_that_no_tool_fits(make: Any) -> None:
    world = make.policy("allow: [{tool: unmatched, hosts: [docs.example.org]}]\ndeny_patterns: [hush]")
    line, fields = "POST https://docs.example.org/a", {"Content-Type": "application/json"}
    assert world.decide(line, fields, b'{"a": "fine"}').verdict is Verdict.ALLOW
    assert world.decide(line, fields, ESCAPED).verdict is Verdict.DENY
    assert world.decide(line, fields, b'{"a": "h\\u0075sh", "a": 1}').verdict is Verdict.DENY


def test_a_pattern_that_takes_too_long_in_everything_is_told(make: Any) -> None:
    make.policy("tools: [refund]\ndeny_patterns: ['a.{0,100}z']")
    with pytest.raises(ConfigurationError, match="is too large a pattern"):
        make.policy("tools: [refund]\ndeny_patterns: ['fine', 'a.{0,500}z']")


def test_what_a_search_may_take_grows_with_patterns_and_request(make: Any) -> None:
    few, many = (
        policy(make, f"tools: [refund]\ndeny_patterns: {text}") for text in ("[hush]", "[hush, 'a.{0,50}z']")
    )
    assert 0 < few.search_time(1000) < few.search_time(2000) < many.search_time(2000)
    assert policy(make, "tools: [refund]").search_time(2000) == 0
