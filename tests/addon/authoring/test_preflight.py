"""Preflight: each thing that is looked at, well and not."""

# ruff: noqa: E501 - a table

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from wharfinger.authoring import preflight
from wharfinger.authoring.preflight import Known, Readiness
from wharfinger.doctor.findings import Finding, Grade
from wharfinger.rules import cases
from wharfinger.rules.configuration import Configuration, Sources, load

FILES = {
    "wharfinger.yaml": "version: 1",
    "people.yaml": "people: {alice: {}, bob: {}}",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [p]}}",
    "credentials.yaml": "credentials: {KEY: {from: 'env:KEY', hosts: [api.example.com]}}",
    "tools/t.yaml": """\
api: example
base: https://api.example.com
auth: {secret: KEY}
tools:
  - {tool: t_get, run: {method: GET, url: "/a"}}
  - {tool: t_drop, run: {method: DELETE, url: "/a"}}
  - {tool: t_new, approved: false, run: {method: GET, url: "/new"}}
""",
    "policies/p.yaml": """\
policy: p
allow: [{tool: t_get}]
ask: [{tool: t_drop, approvers: [bob]}]
tests: [{agent: bot, call: t_get, expect: allow}]
""",
}


def loaded(**changed: str) -> Configuration:
    files = FILES | {name.replace("__", "/") + ".yaml": text for name, text in changed.items()}
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


def known(configuration: Configuration) -> Known:
    return Known(
        suspended=None,
        generation=3,
        keyed={"alice", "bob"},
        approved=frozenset(),
        unread={},
        cases=cases.run(configuration),
        trusted=True,
        confinement="in a namespace of its own",
    )


def looked(configuration: Configuration, agent: str = "bot", **changes: Any) -> list[Finding]:
    return list(preflight.findings(configuration, agent, replace(known(configuration), **changes)))


def test_all_is_well() -> None:
    found = looked(loaded())
    assert preflight.readiness(found) is Readiness.READY
    assert [f"{each.what}: {each.text}" for each in found] == [
        "identity: bot; tokens of generation 3",
        "identity: alice answers for it",
        "policies: p",
        "tests: 1 passed",
        "tools: 1 allowed, 1 put to a person; see: wharfinger graph --agent bot",
        "approvers: policies/p.yaml:3: bob can answer",
        "credentials: can be read: KEY",
        "trust: there is a certificate authority for its processes to trust",
        "confinement: in a namespace of its own",
    ]


@pytest.mark.parametrize(
    ("files", "changes", "grade", "what", "text"),
    [
        ({}, {"suspended": "by alice"}, Grade.FAIL, "identity", "suspended: by alice"),
        ({}, {"keyed": {"bob"}}, Grade.REMARK, "identity", "alice answers for it and has no key"),
        ({}, {"keyed": {"alice"}}, Grade.FAIL, "approvers", "asks bob, none of whom has a key"),
        ({}, {"unread": {"KEY": "it is not set"}}, Grade.FAIL, "credentials", "KEY cannot be read: it is not set"),
        ({}, {"unread": {"OTHER": "it is not set"}}, Grade.OK, "credentials", "can be read: KEY"),
        ({}, {"trusted": False}, Grade.REMARK, "trust", "no certificate authority"),
        ({}, {"confinement": "none"}, Grade.REMARK, "confinement", "it can go round the proxy"),
        ({"agents": "agents: {bot: {owner: alice}}"}, {}, Grade.FAIL, "policies", "nothing it sends passes"),
        ({"policies__p": "policy: p\ndeny: [{tool: t_get}]"}, {}, Grade.FAIL, "tools", "no rule lets any tool out"),
        ({"policies__p": "policy: p\nallow: [{tool: t_get}]"}, {}, Grade.REMARK, "tests", "has a test"),
        ({"policies__p": "policy: p\nallow: [{tool: t_drop}]"}, {}, Grade.REMARK, "tools", "may destroy without being asked, whatever the inputs: t_drop"),
        ({"policies__p": "policy: p\nallow: [{tool: t_new}]"}, {}, Grade.FAIL, "tools", "approved by nobody, so refused: t_new"),
        ({"policies__p": "policy: p\nallow: [{tool: unmatched, hosts: [b.example]}]"}, {}, Grade.REMARK, "tools", "may go to b.example"),
        ({"policies__p": "policy: p\nallow: [{tool: t_get}]\ntests: [{agent: bot, call: t_get, expect: deny}]"}, {}, Grade.FAIL, "tests", "expected deny, got allow"),
    ],
)  # fmt: skip
def test_what_is_in_the_way(
    files: dict[str, str], changes: dict[str, Any], grade: Grade, what: str, text: str
) -> None:
    found = looked(loaded(**files), **changes)
    assert [each for each in found if each.grade is grade and each.what == what and text in each.text]
    wanted = {Grade.FAIL: Readiness.NOT_READY, Grade.REMARK: Readiness.REMARKS, Grade.OK: Readiness.READY}
    assert preflight.readiness(found) is wanted[grade]
    assert all(each.remedy for each in found if each.grade is Grade.FAIL)


def test_an_approved_tool_is_not_in_the_way() -> None:
    configuration = loaded(policies__p="policy: p\nallow: [{tool: t_new}]")
    (tool,) = (tool for tool in configuration.tools if tool.name == "t_new")
    assert not [f for f in looked(configuration, approved={tool.digest}) if f.grade is Grade.FAIL]


def test_tests_of_a_base_count() -> None:
    base = "policy: base\nabstract: true\nallow: [{tool: t_get}]\ntests: [{agent: bot, call: t_get, expect: deny}]"
    found = looked(loaded(policies__base=base, policies__p="policy: p\nextends: [base]"))
    assert [each.what for each in found if each.grade is Grade.FAIL] == ["tests"]


def test_an_agent_that_is_not_there() -> None:
    found = looked(loaded(), agent="nobody")
    assert [(each.what, each.grade) for each in found] == [("identity", Grade.FAIL)]
