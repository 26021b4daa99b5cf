"""The policy digest: the same for the same meaning, another for everything that decisions are made from."""

# ruff: noqa: E501 - tables of changes
from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules import digests
from wharfinger.rules.configuration import Sources, load

FILES = {
    "wharfinger.yaml": """
version: 1
listen: 127.0.0.1:8080
catalogue: [jira]
resolve: {api.internal: 10.0.0.5, "b.example:443": "127.0.0.1:9443"}
network: {private: {"*.corp.example": 10.0.0.0/8}}
limits: {body: 32MiB, parse: 1MiB}
approvals: {hold: 50s, expires: 1h}
""",
    "people.yaml": """
people: {alice: {email: a@example.com, role: admin}, bob: {}}
teams: {ops: [alice, bob], all: [bob]}
""",
    "credentials.yaml": """
credentials:
  KEY: {from: "env:KEY", hosts: [a.example, b.example], placeholder: "sk_", env: [A_KEY]}
  JIRA: {from: "file:/run/jira", hosts: [x.example]}
""",
    "tools/a.yaml": """
api: a
base: https://a.example
auth: {secret: KEY}
headers: {pass: [X-A, X-B]}
tools:
  - {tool: a_get, description: get, run: {method: GET, url: "/x/${id}"}}
  - {tool: a_put, input: {n: integer}, run: {method: PUT, url: "/x/${id}", body: {n: "${n}", m: "1"}}}
""",
    "tools/b.yaml": "tool: b_get\nrun: {method: GET, url: 'https://b.example/x'}\n",
    "policies/p.yaml": """
policy: p
description: what it is for
allow:
  - {tool: a_get, when: {id: {in: [x, y]}, require_reason: true}}
  - {tool: b_get}
ask:
  - {tool: a_put, when: input.n > 5, approvers: [ops], expires: 15m, because: it is much}
deny:
  - {tool: "*", when: 'agent.environment == "test"', because: not here}
deny_patterns: ["BEGIN", "END"]
limits:
  - {tool: a_put, calls: 20/hour, sum: {n: 100/day}}
  - {tool: "a_*", calls: 50/run, then: ask, approvers: [bob], expires: 10m}
mode: observe
until: "2026-01-20"
tests:
  - {agent: bot, call: b_get, expect: allow}
""",
    "policies/r.yaml": "policy: r\nabstract: true\nallow: [{tool: b_get, timeout: 30s}]\n",
    "policies/q.yaml": "policy: q\nextends: [r]\ntools: [b_get, a_get]\napprovers: [bob, alice]\n",
    "agents.yaml": """
agents:
  bot: {owner: alice, policies: [p, q], environment: prod}
  idle: {owner: bob, policies: [q], status: suspended}
""",
}
CATALOGUE = {
    "jira": "auth: {secret: JIRA}\ntools: [{tool: j, run: {method: GET, url: 'https://x.example/'}}]"
}


def digest_of(files: Mapping[str, str], catalogue: Mapping[str, str] = CATALOGUE) -> str:
    return load(
        Sources(
            {name: text.encode() for name, text in files.items()},
            {name: text.encode() for name, text in catalogue.items()},
        )
    ).digest


USUAL = digest_of(FILES)


def changed(name: str, old: str, new: str) -> dict[str, str]:
    assert FILES[name].count(old) == 1, (name, old)
    return {**FILES, name: FILES[name].replace(old, new)}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("wharfinger.yaml", "version: 1", "# a comment\nversion: 1"),
        ("wharfinger.yaml", "127.0.0.1:8080", "127.0.0.1:9090"),
        ("wharfinger.yaml", "hold: 50s", "hold: 10s"),
        ("wharfinger.yaml", "expires: 1h", "expires: 60m"),
        ("wharfinger.yaml", "parse: 1MiB", "parse: 1024KiB"),
        ("people.yaml", "a@example.com", "b@example.com"),
        ("people.yaml", "ops: [alice, bob]", "ops: [bob, alice]"),
        ("credentials.yaml", "env:KEY", "file:/run/key"),
        ("credentials.yaml", "/run/jira", "/run/jira2"),
        ("credentials.yaml", "[a.example, b.example]", "[B.example, a.example]"),
        ("tools/a.yaml", "description: get", "description: other"),
        ("tools/a.yaml", "pass: [X-A, X-B]", "pass: [x-b, x-a]"),
        ("tools/a.yaml", '{n: "${n}", m: "1"}', "{m: '1', n: '${n}'}"),
        ("tools/b.yaml", "{method: GET, url: 'https://b.example/x'}", "{url: 'https://b.example/x', method: GET}"),
        ("policies/p.yaml", "{id: {in: [x, y]}, require_reason: true}", "{require_reason: true, id: {in: [x, y]}}"),
        ("policies/p.yaml", "expires: 15m", "expires: 900s"),
        ("policies/p.yaml", "expect: allow", "expect: deny"),
        ("policies/p.yaml", '["BEGIN", "END"]', "[END, BEGIN]"),
        ("policies/p.yaml", '"2026-01-20"', '2026-01-20T00:00Z'),
        ("policies/p.yaml", "calls: 20/hour, sum: {n: 100/day}", "sum: {n: 100.0/day}, calls: 20/hour, then: deny"),
        ("policies/r.yaml", "30s", "30000ms"),
        ("policies/q.yaml", "[b_get, a_get]", "[a_get, b_get]"),
        ("policies/q.yaml", "[bob, alice]", "[alice, bob]"),
        ("agents.yaml", "[p, q]", "[q, p]"),
    ],
)  # fmt: skip
def test_it_stays_where_the_meaning_does(name: str, old: str, new: str) -> None:
    assert digest_of(changed(name, old, new)) == USUAL


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        # policies
        ("policies/p.yaml", "policy: p", "policy: p2"),
        ("policies/p.yaml", "in: [x, y]", "in: [x, z]"),
        ("policies/p.yaml", ", require_reason: true", ""),
        ("policies/p.yaml", "  - {tool: b_get}\n", ""),
        ("policies/p.yaml", "input.n > 5", "input.n >= 5"),
        ("policies/p.yaml", "[ops]", "[alice]"),
        ("policies/p.yaml", "expires: 15m", "expires: 16m"),
        ("policies/p.yaml", ", expires: 15m", ""),
        ("policies/p.yaml", 'tool: "*"', 'tool: "a_*"'),
        ("policies/p.yaml", '"test"', '"prod"'),
        ("policies/p.yaml", "not here", "not there"),
        ("policies/p.yaml", '"BEGIN", ', ""),
        ("policies/q.yaml", "[b_get, a_get]", "[b_get]"),
        ("policies/q.yaml", "approvers: [bob, alice]", "approvers: [bob]"),
        # limits, timeouts, reviews, environments, what is extended and what observes
        ("policies/p.yaml", "20/hour", "21/hour"),
        ("policies/p.yaml", "20/hour", "20/day"),
        ("policies/p.yaml", "n: 100/day", "n: 100.5/day"),
        ("policies/p.yaml", ", sum: {n: 100/day}", ""),
        ("policies/p.yaml", ", then: ask, approvers: [bob], expires: 10m", ""),
        ("policies/p.yaml", "expires: 10m", "expires: 11m"),
        ("policies/p.yaml", 'mode: observe\nuntil: "2026-01-20"\n', ""),
        ("policies/p.yaml", "2026-01-20", "2026-01-21"),
        ("policies/p.yaml", "{tool: b_get}", "{tool: b_get, review: true}"),
        ("policies/p.yaml", "{tool: b_get}", "{tool: b_get, environments: [prod]}"),
        ("policies/p.yaml", "policy: p", "policy: p\nenvironments: [prod]"),
        ("policies/r.yaml", "timeout: 30s", "timeout: 31s"),
        ("policies/r.yaml", ", timeout: 30s", ""),
        ("policies/q.yaml", "extends: [r]\n", ""),
        ("policies/q.yaml", "approvers: [bob, alice]\n", "approvers: [bob, alice]\nabstract: false\nenvironments: [test]\n"),
        ("tools/b.yaml", "method: GET", "method: GET, timeout: 5s"),
        # tools
        ("tools/a.yaml", "base: https://a.example", "base: [https://a.example, https://b.example]"),
        ("tools/a.yaml", "auth: {secret: KEY}", "auth: {secret: KEY, format: 'token ${secret}'}"),
        ("tools/a.yaml", "[X-A, X-B]", "[X-A]"),
        ("tools/a.yaml", "method: GET", "method: HEAD"),
        ("tools/a.yaml", "n: integer", "n: number"),
        ("tools/a.yaml", "n: integer", "n: {type: integer, max: 9}"),
        ("tools/a.yaml", 'm: "1"', 'm: "2"'),
        ("tools/a.yaml", "description: get", "effect: write"),
        ("tools/a.yaml", "description: get", "redact: [$.a]"),
        ("tools/b.yaml", "b.example/x", "b.example/y"),
        ("tools/b.yaml", "method: GET", "method: GET, extra: deny"),
        # agents
        ("agents.yaml", "environment: prod", "environment: test"),
        ("agents.yaml", ", environment: prod", ""),
        ("agents.yaml", "owner: alice", "owner: bob"),
        ("agents.yaml", "[p, q]", "[p]"),
        ("agents.yaml", "status: suspended", "status: active"),
        ("agents.yaml", "idle:", "idle2:"),
        # people and teams
        ("people.yaml", "bob: {}", "bob: {}, carol: {}"),
        ("people.yaml", "all: [bob]", "all: [alice]"),
        # credentials' names, kinds and hosts
        ("credentials.yaml", "[x.example]", "[x.example, y.example]"),
        ("credentials.yaml", "hosts: [x.example]", "hosts: [x.example], kind: header"),
        ("credentials.yaml", "hosts: [x.example]", "hosts: [x.example], env: [J]"),
        ("credentials.yaml", "  JIRA:", "  OTHER: {from: 'env:O', hosts: [o.example]}\n  JIRA:"),
        # resolve, network, limits
        ("wharfinger.yaml", "10.0.0.5", "10.0.0.6"),
        ("wharfinger.yaml", '"b.example:443"', "b.example"),
        ("wharfinger.yaml", "127.0.0.1:9443", "127.0.0.1:9444"),
        ("wharfinger.yaml", "10.0.0.0/8", "10.0.0.0/9"),
        ("wharfinger.yaml", '"*.corp.example"', "a.corp.example"),
        ("wharfinger.yaml", "parse: 1MiB", "parse: 2MiB"),
        ("wharfinger.yaml", "body: 32MiB", "body: 31MiB"),
        ("wharfinger.yaml", "expires: 1h", "expires: 2h"),
        ("wharfinger.yaml", "catalogue: [jira]", "catalogue: []"),
    ],
)  # fmt: skip
def test_it_changes_with_everything_that_decisions_are_made_from(name: str, old: str, new: str) -> None:
    files = changed(name, old, new)
    if "p2" in new:
        files["agents.yaml"] = files["agents.yaml"].replace("[p, q]", "[p2, q]")
    assert digest_of(files) != USUAL


def test_it_changes_with_a_built_in_tool() -> None:
    assert digest_of(FILES, {"jira": CATALOGUE["jira"].replace("GET", "HEAD")}) != USUAL


def test_it_changes_with_the_version_of_the_rules_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "VERSION", "next")
    assert digest_of(FILES) != USUAL


def test_it_does_not_know_the_names_of_files() -> None:
    renamed = {name.replace("/", "/z"): text for name, text in FILES.items()}
    assert digest_of(renamed) == USUAL


@settings(max_examples=30)
@given(st.permutations(sorted(FILES)), st.randoms(use_true_random=False))
def test_order_of_files_rules_tools_and_keys_means_nothing(names: list[str], random: object) -> None:
    assert isinstance(random, Random)

    def shuffled(node: object, path: tuple[str, ...] = ()) -> object:
        if isinstance(node, dict):
            keys = random.sample(sorted(node), len(node))
            return {key: shuffled(node[key], (*path, key)) for key in keys}
        if isinstance(node, list):
            items = [shuffled(item, path) for item in node]
            free = path[-1] in {"allow", "ask", "deny", "tools", "policies", "hosts", "deny_patterns", "ops"}
            return random.sample(items, len(items)) if free else items
        return node

    files = {name: json.dumps(shuffled(yaml.safe_load(FILES[name]))) for name in names}
    assert digest_of(files) == USUAL


def test_no_secret_and_no_source_of_one_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    encode = digests._ENCODE
    monkeypatch.setattr(digests, "_ENCODE", lambda value: texts.append(encode(value)) or encode(value))
    digest_of(changed("credentials.yaml", "env:KEY", "file:/very/secret/path"))
    assert texts
    assert not any("/very/secret" in text for text in texts)
