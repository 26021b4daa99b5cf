"""A proposed tool is recognised and refused, until its digest is among those that a person has approved."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.types import Code, Origin, Verdict

FILE = """
    api: plain
    base: https://plain.example.com
    {head}
    tools:
      - tool: read_page
        {tool}
        run: {{method: GET, url: "/pages/${{page}}"}}
    """
PAGE = "GET https://plain.example.com/pages/1"


def file(head: str = "", tool: str = "") -> dict[str, str]:
    return {"tools/plain.yaml": FILE.format(head=head or "title: Plain", tool=tool or "effect: read")}


@pytest.mark.parametrize(
    ("head", "tool", "proposed"),
    [
        ("", "", False),
        ("approved: false", "", True),
        ("", "approved: false", True),
        ("approved: false", "approved: true", False),
        ("approved: true", "approved: false", True),
    ],
)
def test_file_and_tool_say_what_is_proposed(make: Any, head: str, tool: str, proposed: bool) -> None:
    decision = make(file(head, tool)).decide(PAGE)
    assert (decision.verdict is Verdict.DENY) == proposed


def test_the_refusal_names_the_tool_and_the_remedy(make: Any) -> None:
    decision = make(file("approved: false")).decide(PAGE)
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.DENIED)
    assert decision.reason == 'the tool "read_page" is proposed; a person must approve it'
    assert decision.help.endswith("wharfinger tools approve read_page")
    assert [call.tool for call in decision.calls] == ["read_page"]
    assert decision.placements == ()
    assert decision.forward == ()


def test_approval_is_of_the_digest(make: Any) -> None:
    world = make(file("approved: false"))
    digest = world.configuration.tools["read_page"].digest
    assert world.with_facts(approved_tools=frozenset({digest})).decide(PAGE).verdict is Verdict.ALLOW
    assert world.with_facts(approved_tools=frozenset({"other"})).decide(PAGE).verdict is Verdict.DENY
    changed = make(file("approved: false", "effect: destructive"))
    assert changed.with_facts(approved_tools=frozenset({digest})).decide(PAGE).verdict is Verdict.DENY


def test_saying_that_a_tool_is_proposed_does_not_change_its_digest_but_the_policys(make: Any) -> None:
    one, other = make(file()), make(file("approved: false"))
    assert one.configuration.tools["read_page"].digest == other.configuration.tools["read_page"].digest
    assert one.configuration.digest != other.configuration.digest


def test_a_policys_tests_ask_what_it_says_of_the_tool_once_it_is_approved(make: Any) -> None:
    world = make(file("approved: false"))
    assert world.with_facts(origin=Origin.TEST).decide(PAGE).verdict is Verdict.ALLOW
    assert world.with_facts(origin=Origin.EXPLAIN).decide(PAGE).verdict is Verdict.DENY
    assert world.with_facts(origin=Origin.CALL).decide(PAGE).verdict is Verdict.DENY
