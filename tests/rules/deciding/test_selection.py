"""Rules that pick tools by what they do, and the score of what a call could do."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.types import Verdict

TOOLS = """
    api: box
    base: https://box.example.com
    tools:
      - tool: read_box
        run: {method: GET, url: "/boxes/${id}"}
      - tool: write_box
        run: {method: PUT, url: "/boxes/${id}"}
      - tool: empty_box
        effect: destructive
        run: {method: POST, url: "/boxes/${id}/empty"}
    """
READ = "GET https://box.example.com/boxes/1"
WRITE = "PUT https://box.example.com/boxes/1"
DESTROY = "POST https://box.example.com/boxes/1/empty"
PAGE = "GET https://plain.example.com/pages/1"
STRANGE = "DELETE https://nowhere.example.com/x"
ELSEWHERE = "GET https://nowhere.example.com/x"
ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY


def world(make: Any, policy: str) -> Any:
    return make({"tools/box.yaml": TOOLS, "policies/main.yaml": f"policy: main\n{policy}"})


@pytest.mark.parametrize(
    ("policy", "verdicts"),
    [
        ("allow: [{tool: {effect: read}}]", {READ: ALLOW, WRITE: DENY, DESTROY: DENY, PAGE: ALLOW}),
        ("allow: [{tool: {effect: [read, write]}}]", {READ: ALLOW, WRITE: ALLOW, DESTROY: DENY}),
        (
            "allow: [{tool: {effect: [read, write, destructive]}}]",
            {DESTROY: ALLOW, STRANGE: DENY, ELSEWHERE: DENY},
        ),
        (
            "ask: [{tool: {effect: [read, destructive]}}]",
            {DESTROY: ASK, STRANGE: DENY, ELSEWHERE: DENY},
        ),
        ('ask: [{tool: "*_box"}]', {READ: ASK, STRANGE: DENY, ELSEWHERE: DENY}),
        ("allow: [{tool: {api: box}}]", {READ: ALLOW, WRITE: ALLOW, DESTROY: ALLOW, PAGE: DENY}),
        ("allow: [{tool: {api: box, effect: write}}]", {READ: DENY, WRITE: ALLOW, DESTROY: DENY}),
        (
            'allow: [{tool: "*"}]\nask: [{tool: {api: box, effect: write}}]\n'
            "deny: [{tool: {effect: destructive}}]",
            {READ: ALLOW, WRITE: ASK, DESTROY: DENY},
        ),
        ('allow: [{tool: "*"}]\ndeny: [{tool: {api: box, effect: write}, when: {id: "1"}}]', {WRITE: DENY}),
        ('allow: [{tool: "*", when: call.blast < 21}]', {READ: ALLOW, WRITE: ALLOW, DESTROY: DENY}),
        ("allow: [{tool: {api: box}, when: \"call.blast > 50 && call.effect != 'read'\"}]", {DESTROY: ALLOW}),
    ],
)
def test_rules_by_effect(make: Any, policy: str, verdicts: dict[str, Verdict]) -> None:
    loaded = world(make, policy)
    assert {line: loaded.decide(line).verdict for line in verdicts} == verdicts


UNMATCHED = """
allow: [{tool: unmatched, hosts: [nowhere.example.com]}]
deny:
  - {tool: {effect: destructive}, because: it destroys}
  - {tool: {effect: [write, destructive]}, when: request.method == "PUT", because: it puts}
"""


@pytest.mark.parametrize(
    ("method", "verdict", "reason"),
    [
        ("GET", ALLOW, "allowed"),
        ("DELETE", DENY, "it destroys"),
        ("POST", ALLOW, "allowed"),
        ("PUT", DENY, "it puts"),
    ],
)
def test_a_denied_effect_is_denied_of_what_no_tool_fits(
    make: Any, method: str, verdict: Verdict, reason: str
) -> None:
    decision = world(make, UNMATCHED).decide(f"{method} https://nowhere.example.com/x")
    assert (decision.verdict, decision.reason.startswith(reason)) == (verdict, True)


def test_an_api_has_nothing_unmatched(make: Any) -> None:
    policy = "allow: [{tool: unmatched, hosts: [nowhere.example.com]}]\ndeny: [{tool: {api: box}}]"
    assert world(make, policy).decide(STRANGE).verdict is ALLOW


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ("{effect: harmful}", 'not "harmful"'),
        ("{}", "the selection is empty"),
        ("{effects: read}", 'unknown key "effects"'),
        ("[read_box]", "expected text"),
        ('""', "the text is empty"),
    ],
)
def test_what_selects_nothing_that_can_be(make: Any, tool: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        world(make, f"allow: [{{tool: {tool}}}]")


def test_a_selection_that_matches_no_tool_is_remarked_on(make: Any) -> None:
    warnings = world(make, "allow: [{tool: read_box}, {tool: {api: bx}}]").configuration.warnings
    assert any("{api: bx} matches no tool" in str(warning) for warning in warnings)
