"""An encoded slash in a path that no tool has: both readings are decided, and the stricter verdict holds."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.types import Verdict

TOOLS = """
api: open
base: https://open.example.org
tools:
  - {tool: wipe, effect: destructive, run: {method: GET, url: "/admin/wipe"}}
  - {tool: project, effect: read, run: {method: GET, url: "/projects/${id:encoded}"}}
"""
POLICY = """
allow:
  - {tool: project}
  - {tool: unmatched, hosts: [open.example.org, registry.example.org]}
  - {tool: unmatched, hosts: [part.example.org], when: {path: {startswith: /open/}}}
deny:
  - {tool: unmatched, when: {path: {startswith: /closed/}}}
"""


@pytest.fixture(scope="module")
def world(make: Any) -> Any:
    return make(
        {
            "tools/open.yaml": TOOLS,
            "policies/main.yaml": f"policy: main\n{POLICY}",
        }
    )


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("GET https://registry.example.org/@types%2fnode", Verdict.ALLOW),  # as npm asks for a package
        ("GET https://registry.example.org/@types%2Fnode?x=%2F", Verdict.ALLOW),
        ("GET https://registry.example.org/@types/node", Verdict.ALLOW),
        ("GET https://open.example.org/projects/group%2Fproject", Verdict.ALLOW),  # as GitLab's clients do
        ("GET https://part.example.org/open/a%2Fb", Verdict.ALLOW),
        ("GET https://part.example.org/open%2Fa", Verdict.DENY),  # allowed in one reading only
        ("GET https://registry.example.org/closed/a", Verdict.DENY),
        ("GET https://registry.example.org/closed%2Fa", Verdict.DENY),  # denied in one reading
        ("GET https://registry.example.org/closed%2fa%2Fb", Verdict.DENY),
        ("GET https://open.example.org/admin/wipe", Verdict.DENY),
        ("GET https://open.example.org/admin%2Fwipe", Verdict.DENY),  # a tool to who decodes it first
        ("GET https://open.example.org/projects/a%2Fb/x", Verdict.ALLOW),
        ("GET https://registry.example.org/a%252Fb", Verdict.DENY),
        ("GET https://registry.example.org/a%5Cb", Verdict.DENY),
        ("GET https://registry.example.org/a%2F", Verdict.DENY),
        ("GET https://registry.example.org/%2Fa", Verdict.DENY),
        ("GET https://registry.example.org/a%2F..%2Fb", Verdict.DENY),
    ],
)
def test_both_readings_count(world: Any, line: str, verdict: Verdict) -> None:
    assert world.decide(line).verdict is verdict


def test_what_may_be_a_tool_is_refused_in_words_that_help(world: Any) -> None:
    decision = world.decide("GET https://open.example.org/admin%2Fwipe")
    assert "encoded slash" in decision.reason
    assert ":encoded" in decision.help
