"""The graph of who can reach what: filters, the list, and the drawing."""

from __future__ import annotations

import pytest
from wharfinger.authoring import graphing
from wharfinger.rules.configuration import Configuration, Sources, load

FILES = {
    "wharfinger.yaml": "version: 1",
    "people.yaml": "people: {alice: {}}",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [p]}, cat: {owner: alice, policies: [q]}}",
    "credentials.yaml": "credentials: {KEY: {from: 'env:KEY', hosts: [api.example.com]}}",
    "policies/p.yaml": "policy: p\nallow: [{tool: 't_*'}]\nask: [{tool: t_drop, when: {min_n: 5}}]",
    "policies/q.yaml": "policy: q\nask: [{tool: t_get}]",
}
TOOLS = """\
api: example
base: https://api.example.com
auth: {secret: KEY}
tools:
  - {tool: t_get, run: {method: GET, url: "/a"}}
  - {tool: t_drop, input: {n: integer}, run: {method: DELETE, url: "/a/${n}"}}
"""


def loaded(tools: str = TOOLS) -> Configuration:
    files = FILES | {"tools/t.yaml": tools}
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


@pytest.mark.parametrize(
    ("looked", "expected"),
    [
        (graphing.Filter(), ["bot t_drop", "bot t_get", "cat t_get"]),
        (graphing.Filter(agent="b*"), ["bot t_drop", "bot t_get"]),
        (graphing.Filter(tool="*_drop"), ["bot t_drop"]),
        (graphing.Filter(host="api.*"), ["bot t_drop", "bot t_get", "cat t_get"]),
        (graphing.Filter(host="other.*"), []),
        (graphing.Filter(credential="KEY", effect="read"), ["bot t_get", "cat t_get"]),
        (graphing.Filter(credential="NONE"), []),
    ],
)
def test_filters(looked: graphing.Filter, expected: list[str]) -> None:
    assert [f"{way.agent} {way.tool}" for way in graphing.chosen(loaded(), looked)] == expected


def test_the_list_says_what_by_which_rule() -> None:
    lines = list(graphing.listed(graphing.chosen(loaded(), graphing.Filter())))
    assert lines == [
        "bot",
        "  t_drop  destructive  allow if  api.example.com with KEY  (policies/p.yaml:2, policies/p.yaml:3)",
        "  t_get   read         allow     api.example.com with KEY  (policies/p.yaml:2)",
        "cat",
        "  t_get   read         ask       api.example.com with KEY  (policies/q.yaml:2)",
    ]


def test_the_drawing() -> None:
    drawn = graphing.mermaid(graphing.chosen(loaded(), graphing.Filter(agent="cat")))
    assert drawn.splitlines()[:10] == [
        "flowchart LR",
        '  a0(["cat"])',
        '  t1["t_get"]',
        '  p2[/"q"/]',
        '  h3{{"api.example.com"}}',
        '  c4[("KEY")]',
        "  a0 --> p2",
        "  p2 -. ask .-> t1",
        "  t1 --> h3",
        "  t1 -. with .-> c4",
    ]
    assert "  class t1 read" in drawn


def test_many_tools_of_a_kind_stand_together() -> None:
    many = "".join(f"\n  - {{tool: t_{n}, run: {{method: GET, url: /b{n}}}}}" for n in range(30))
    drawn = graphing.mermaid(graphing.chosen(loaded(TOOLS + many), graphing.Filter(agent="bot")))
    assert '["example: 31 tools, read"]' in drawn
    assert '["t_drop"]' in drawn


def test_no_name_ends_its_label() -> None:
    assert graphing._text('a"b]<c>#1;') == '"a#34;b#93;#60;c#62;#35;1#59;"'
