"""What each agent can reach: read off the rules, and true of every decision."""

from __future__ import annotations

import pytest
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.policies.reach import Way, ways

FILES = {
    "wharfinger.yaml": "version: 1",
    "people.yaml": "people: {alice: {}, bob: {}}",
    "agents.yaml": """\
agents:
  bot: {owner: alice, policies: [p], environment: prod}
  other: {owner: alice, policies: [q], environment: dev}
  idle: {owner: alice}
""",
    "credentials.yaml": "credentials: {KEY: {from: 'env:KEY', hosts: [api.example.com]}}",
    "tools/t.yaml": """\
api: example
base: https://api.example.com
auth: {secret: KEY}
tools:
  - {tool: t_get, input: {n: integer}, run: {method: GET, url: "/a/${n}"}}
  - {tool: t_put, input: {n: integer}, run: {method: PUT, url: "/a/${n}"}}
  - {tool: t_drop, input: {n: integer}, run: {method: DELETE, url: "/a/${n}"}}
""",
    "tools/u.yaml": 'tool: u_get\nrun: {method: GET, url: "http://${shop}.example.com:8080/x"}',
}


def loaded(p: str, q: str = "allow: [{tool: u_get}]") -> Configuration:
    files = FILES | {"policies/p.yaml": f"policy: p\n{p}", "policies/q.yaml": f"policy: q\n{q}"}
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


def reached(p: str) -> dict[str, Way]:
    return {way.tool: way for way in ways(loaded(p), "bot")}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("allow: [{tool: t_get}]", {"t_get": "allow"}),
        ("allow: [{tool: t_get, when: {max_n: 5}}]", {"t_get": "allow if"}),
        ("allow: [{tool: 't_*'}]\ndeny: [{tool: t_drop}]", {"t_get": "allow", "t_put": "allow"}),
        ("allow: [{tool: t_get}]\ndeny: [{tool: t_get, when: {min_n: 9}}]", {"t_get": "allow if"}),
        ("ask: [{tool: t_put}]", {"t_put": "ask"}),
        ("ask: [{tool: t_put, when: {max_n: 5}}]", {"t_put": "ask if"}),
        ("allow: [{tool: t_put}]\nask: [{tool: t_put}]", {"t_put": "ask"}),
        ("allow: [{tool: t_put}]\nask: [{tool: t_put, when: {min_n: 9}}]", {"t_put": "allow if"}),
        ("allow: [{tool: {effect: read}}]\ndeny: [{tool: {api: example}}]", {"u_get": "allow"}),
        ("allow: [{tool: t_get}]\ndeny: [{tool: '*'}]", {}),
        ("allow: [{tool: unmatched, hosts: [b.example]}]", {"unmatched": "allow"}),
        ("deny: [{tool: t_get}]", {}),
    ],
)
def test_what_rules_come_to(rules: str, expected: dict[str, str]) -> None:
    found = {n: way.verdict.value + (" if" if way.conditional else "") for n, way in reached(rules).items()}
    assert found == expected


def test_a_way_names_its_rules_hosts_and_credentials() -> None:
    way = reached("allow: [{tool: t_get}]\ndeny: [{tool: t_get, when: {min_n: 9}}]")["t_get"]
    assert (way.policies, way.hosts, way.credentials) == (("p",), ("api.example.com",), ("KEY",))
    assert ([rule.line for rule in way.rules], [rule.line for rule in way.forbidding]) == ([2], [3])
    assert way.as_json()["rules"] == ["policies/p.yaml:2"]


def test_hosts_are_shown_as_templates_write_them() -> None:
    (way,) = ways(loaded("allow: [{tool: t_get}]"), "other")
    assert way.hosts == ("${shop}.example.com:8080",)


def test_opened_hosts_are_the_rules_own() -> None:
    way = reached("allow: [{tool: unmatched, hosts: [b.example, c.example]}]")["unmatched"]
    assert (way.hosts, way.effect) == (("b.example", "c.example"), None)


def test_rules_of_other_environments_do_not_count() -> None:
    assert reached("environments: [dev]\nallow: [{tool: t_get}]") == {}


def test_an_agent_without_policies_reaches_nothing() -> None:
    assert list(ways(loaded("allow: [{tool: t_get}]"), "idle")) == []
