"""A configuration is loaded whole or not at all, and everything that is wrong is told at once, and once."""

# ruff: noqa: E501 - tables of messages

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules import cases
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Facts, Origin, Request, Verdict

EXAMPLES = Path(__file__).parent / "examples"
CORPUS = Path(__file__).parents[1] / "corpus"
JIRA = b"""
api: jira
base: https://${param.site}.atlassian.net
parameters: {site: The name before .atlassian.net.}
auth: {secret: JIRA_TOKEN}
tools:
  - {tool: jira_get_issue, run: {method: GET, url: "/rest/api/3/issue/${issue}"}}
"""
SMALL = b"tools: [{tool: NAME_get, run: {method: GET, url: 'https://NAME.example/x'}}]"
CATALOGUE = {
    "jira": JIRA,
    "github": SMALL.replace(b"NAME", b"gh"),
    "stripe": SMALL.replace(b"NAME", b"st"),
}


def examples() -> dict[str, bytes]:
    """The files of the documentation."""
    return {str(path.relative_to(EXAMPLES)): path.read_bytes() for path in EXAMPLES.rglob("*.yaml")}


def told(files: Mapping[str, str | bytes], **more: Any) -> list[str]:
    """What is wrong with these files, in lines `file:line:column: message`; warnings have a `?` before."""
    sources = Sources(
        {name: text.encode() if isinstance(text, str) else text for name, text in files.items()},
        CATALOGUE,
        **more,
    )
    try:
        problems = load(sources).warnings
    except ConfigurationError as error:
        problems = error.problems
    return [f"{'?' if p.severity == 'warning' else ''}{p.position}: {p.message}" for p in problems]


# The documented files


@pytest.fixture(scope="module")
def documented() -> Configuration:
    return load(Sources(examples(), CATALOGUE))


def test_the_documented_configuration_loads(documented: Configuration) -> None:
    assert documented.warnings == ()
    assert set(documented.tools.tools) == {
        "refund_payment", "github_create_issue", "gh_get", "st_get", "jira_get_issue",
    }  # fmt: skip
    assert documented.tools["jira_get_issue"].hosts == {"acme.atlassian.net"}
    assert (list(documented.agents), list(documented.people), documented.teams) == (
        ["support-agent"], ["alice", "bob"], {"finance": ("alice", "bob")},
    )  # fmt: skip
    assert set(documented.credentials) == {"STRIPE_API_KEY", "GITHUB_TOKEN", "CI_TOKEN"}
    assert len(documented.digest) == 64


def test_the_tests_of_the_documented_policy_pass(documented: Configuration) -> None:
    results = cases.run(documented)
    assert len(results) == 2
    assert [str(result) for result in results if not result.passed] == []


def recorded(agent: str, body: str) -> Request:
    """What Stripe's package sent, with another body."""
    lines = (CORPUS / "stripe.jsonl").read_text().splitlines()
    record = next(r for r in map(json.loads, lines) if r["target"] == "/v1/refunds" and r["method"] == "POST")
    fields = tuple((name, value) for name, value in record["headers"] if name != "Content-Length")
    return Request(
        agent, "POST", "https", record["host"], 443, record["target"],
        tuple((n, "Bearer sk_test_mine00000000000" if n == "Authorization" else v) for n, v in fields), body.encode(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "verdict", "inputs"),
    [
        ("payment_intent=pi_1&amount=2500", Verdict.ALLOW, {"payment_id": "pi_1", "amount_cents": 2500}),
        ("payment_intent=pi_1&amount=50000", Verdict.ASK, {"payment_id": "pi_1", "amount_cents": 50000}),
        ("payment_intent=pi_1&amount=50001", Verdict.DENY, {"payment_id": "pi_1", "amount_cents": 50001}),
        ("payment_intent=pi_1&amount=2500&reverse_transfer=true", Verdict.DENY, None),
        ("payment_intent=pi_1&amount=2500&amount=1", Verdict.DENY, None),
        ("payment_intent=pi_1", Verdict.DENY, None),
    ],
)
def test_the_documented_tool_recognises_what_stripes_package_sends(
    documented: Configuration, body: str, verdict: Verdict, inputs: dict[str, Any] | None
) -> None:
    mine = Placeholders({"sk_test_mine00000000000": Owner("support-agent", "STRIPE_API_KEY")})
    facts = Facts(mine, reason="duplicate")
    noon = datetime(2026, 1, 14, 12, tzinfo=UTC)
    decision = decide(documented, recorded("support-agent", body), facts, noon)
    assert decision.verdict is verdict, decision.reason
    if inputs is not None:
        (call,) = decision.calls
        assert (call.tool, dict(call.inputs)) == ("refund_payment", inputs)


# All problems at once, each once

FINE = {
    "wharfinger.yaml": "version: 1",
    "people.yaml": "people: {alice: {}}\nteams: {ops: [alice]}",
    "credentials.yaml": "credentials: {KEY: {from: 'env:KEY', hosts: [a.example]}}",
    "tools/a.yaml": "tool: get_a\nauth: {secret: KEY}\nrun: {method: GET, url: 'https://a.example/x'}",
    "tools/b.yaml": "tool: get_b\nrun: {method: GET, url: 'https://b.example/x'}",
    "policies/p.yaml": "policy: p\nallow: [{tool: get_a}]\nask: [{tool: get_b, approvers: [ops]}]",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [p]}}",
}


def test_what_is_fine_has_no_problems() -> None:
    assert told(FINE) == []


def test_problems_of_all_files_and_all_kinds_are_told_at_once() -> None:
    files = {
        "wharfinger.yaml": "version: 1\nlisten: 8080\ncatalogue: [gihub]\n",
        "people.yaml": "people: {alice: {role: boss}}\nteams: {ops: [alice, carol]}",
        "credentials.yaml": "credentials: {KEY: {from: 'env:KEY', hosts: [other.example]}, K2: {}}",
        "tools/a.yaml": FINE["tools/a.yaml"].replace("/x", "/${"),
        "tools/b.yaml": FINE["tools/a.yaml"].replace("get_a", "get_c"),
        "policies/p.yaml": "policy: p\nallow: [{tool: get_a, whn: x}, {tool: get_d}, {tool: get_c, when: {max_n: 1}}]",
        "policies/q.yaml": "policy: q\nask: [{tool: get_a, approvers: [opps]}]\nlimits: [{tool: get_a}]",
        "agents.yaml": "agents: {bot: {owner: bob, policies: [p, r]}, off: {owner: alice}}",
    }
    assert told(files) == [
        'agents.yaml:1:23: there is no person "bob"',
        'agents.yaml:1:42: there is no policy "r"',
        '?agents.yaml:1:47: the agent "off" has no policy, so it can do nothing',
        'credentials.yaml:1:67: missing key "from"',
        'credentials.yaml:1:67: missing key "hosts"',
        'people.yaml:1:24: expected "viewer", "approver" or "admin", not "boss"',
        'people.yaml:2:22: there is no person "carol"',
        'policies/p.yaml:2:23: unknown key "whn"',
        'policies/p.yaml:2:68: "max_n" is not an input of "get_c"',
        'policies/q.yaml:2:33: there is no person or team "opps"',
        "policies/q.yaml:3:10: the limit counts nothing",
        'tools/a.yaml:3:25: "${" has a "${" that is no variable',
        "tools/b.yaml:1:1: the credential KEY may not go to a.example",
        "wharfinger.yaml:2:9: expected host:port",
        'wharfinger.yaml:3:13: there is no built-in tool file "gihub"',
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("wharfinger.yaml", "version: [", ["wharfinger.yaml:2:1: not YAML"]),
        ("wharfinger.yaml", "version: 1\ncatalog: [github]", ['wharfinger.yaml:2:1: unknown key "catalog"']),
        ("people.yaml", "people: [", ["people.yaml:2:1: not YAML"]),
        ("people.yaml", "peple: {alice: {}}", ['people.yaml:1:1: unknown key "peple"']),
        ("people.yaml", "people: alice", ["people.yaml:1:9: expected a mapping"]),
        ("people.yaml", "people: {alice: 5}\nteams: {ops: [alice]}", ["people.yaml:1:17: expected a mapping"]),
        ("credentials.yaml", "credentials: {KEY: {hosts: [a.example]}}", ['credentials.yaml:1:20: missing key "from"']),
        ("credentials.yaml", "credentials: KEY", ["credentials.yaml:1:14: expected a mapping"]),
        ("credentials.yaml", "cred: {}", ['credentials.yaml:1:1: unknown key "cred"']),
        ("credentials.yaml", "\tx", ["credentials.yaml:1:1: not YAML"]),
        ("tools/a.yaml", "tool: get_a\nrun: {method: get, url: /x}", ['tools/a.yaml:2:15: "get" is not a method']),
        ("tools/a.yaml", "tool: get_a\nrun: {method: GET, url: /x}", ['tools/a.yaml:2:25: "/x" is a path']),
        ("tools/a.yaml", "tools: [{tool: get_a}]", ['tools/a.yaml:1:9: missing key "run"']),
        ("tools/a.yaml", "tol: get_a", ['tools/a.yaml:1:1: unknown key "tol"']),
        ("tools/a.yaml", "tool: [", ["tools/a.yaml:2:1: not YAML"]),
        ("tools/a.yaml", "", ["tools/a.yaml: the file is empty"]),
        ("policies/p.yaml", "policy: p\nallow: 5", ["policies/p.yaml:2:8: expected a list"]),
        ("policies/p.yaml", "policy: p", ['policies/p.yaml:1:1: the policy "p" has no rules']),
        ("policies/p.yaml", "policy: [", ["policies/p.yaml:2:1: not YAML"]),
        ("policies/p.yaml", "- x", ["policies/p.yaml:1:1: expected a mapping at the top"]),
        ("agents.yaml", "agents: [", ["agents.yaml:2:1: not YAML"]),
    ],
)  # fmt: skip
def test_a_mistake_in_one_file_is_no_mistake_in_others(name: str, text: str, expected: list[str]) -> None:
    problems = told({**FINE, name: text})
    assert len(problems) == len(expected), problems
    for each in expected:
        assert any(problem.startswith(each) for problem in problems), problems


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"tools/b.yaml": "tool: get_b\nrun: {method: GET}"},
            ['tools/b.yaml:2:6: missing key "url"', 'policies/p.yaml:2:16: there is no tool "get_x"'],
        ),
        (
            {"people.yaml": "people: {alice: {rol: x}}\nteams: {ops: [alice]}"},
            ['people.yaml:1:18: unknown key "rol"', 'policies/p.yaml:2:16: there is no tool "get_x"'],
        ),
        (
            {"wharfinger.yaml": "version: 1\nlisten: x\ncatalogue: [github]"},
            ['wharfinger.yaml:2:9: "x" is not host:port', 'policies/p.yaml:2:16: there is no tool "get_x"'],
        ),
        ({"wharfinger.yaml": "version: 1\ncatalogue: [github, 5]"},
         ["wharfinger.yaml:2:21: expected the name of a tool file"]),
        ({"wharfinger.yaml": "version: 2"}, ["wharfinger.yaml:1:10: this version of the file's format is not known"]),
    ],
)  # fmt: skip
def test_a_mistake_hides_no_other_unless_it_may_be_its_cause(
    changes: dict[str, str], expected: list[str]
) -> None:
    policy = "policy: p\nallow: [{tool: get_x}]\nask: [{tool: get_b, approvers: [ops]}]"
    assert sorted(told({**FINE, "policies/p.yaml": policy, **changes})) == sorted(expected)


@pytest.mark.parametrize("name", [*FINE, "tools/new.yaml", "policies/new.yaml", "tools", "policies"])
def test_files_that_could_not_be_read_are_not_held_against_others(name: str) -> None:
    files = {path: text for path, text in FINE.items() if path != name and not path.startswith(f"{name}/")}
    assert told(files, unread=frozenset({name})) == []


def test_a_name_that_does_not_exist_is_told_with_what_there_is() -> None:
    names = {f"policies/p{n}.yaml": f"policy: p{n}\ntools: [get_a]" for n in range(20)}
    files = {**FINE, **names, "agents.yaml": "agents: {bot: {owner: alise, policies: [zzz]}}"}
    with pytest.raises(ConfigurationError) as caught:
        load(Sources({name: text.encode() for name, text in files.items()}))
    hints = [problem.hint for problem in caught.value.problems]
    assert hints == [
        'did you mean "alice"?',
        f"there are: p, {', '.join(sorted(f'p{n}' for n in range(20))[:11])} and 9 more",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"wharfinger.yaml": None}, ["wharfinger.yaml: there is no such file in the configuration folder"]),
        (
            {"policies/q.yaml": "policy: p\ndeny: [{tool: get_a}]"},
            ['policies/q.yaml:1:9: the policy "p" is also at policies/p.yaml:1:9'],
        ),
        (
            {"tools/c.yaml": FINE["tools/b.yaml"]},
            [
                'tools/c.yaml:1:1: the tool "get_b" is there twice, first at tools/b.yaml:1:1',
            ],
        ),
        (
            {"tools/c.yaml": "parameters: {x: y}\n" + FINE["tools/b.yaml"].replace("get_b", "get_c").replace("/x", "/y")},
            ["tools/c.yaml:1:1: parameters are for built-in tool files"],
        ),
        ({"people.yaml": None, "agents.yaml": None, "policies/p.yaml": None}, []),
        (
            {"people.yaml": None, "agents.yaml": None, "policies/p.yaml": "policy: p\nask: [{tool: get_a}]"},
            ["policies/p.yaml:2:7: the rule asks, and there is no one to approve"],
        ),
        ({"notes.yaml": "x: [", "tools/x.txt": "[", "policies/deep/x.yml": "["}, []),
    ],
)  # fmt: skip
def test_files_beside_one_another(changes: dict[str, str | None], expected: list[str]) -> None:
    merged = {**FINE, **changes}
    assert told({name: text for name, text in merged.items() if text is not None}) == expected


# The catalogue


@pytest.mark.parametrize(
    ("catalogue", "expected"),
    [
        ("[github]", []),
        ("[{jira: {site: acme}}]", []),
        ("[gitub]", ['wharfinger.yaml:2:13: there is no built-in tool file "gitub"']),
        ("[github, github]", ['wharfinger.yaml:2:21: "github" is listed twice']),
        ("[jira]", ['wharfinger.yaml:2:13: the parameter "site" is missing']),
        ("[{jira: {sites: acme}}]", ['wharfinger.yaml:2:13: "sites" is not a parameter of this tool file',
                                     'wharfinger.yaml:2:13: the parameter "site" is missing']),
        ("[{github: {site: acme}}]", ['wharfinger.yaml:2:13: "site" is not a parameter of this tool file']),
        ("[{jira: {site: evil.example/}}]", ['wharfinger.yaml:2:13: "evil.example/" is not a host label']),
        ("[{jira: {site: 'a.b'}}]", ['wharfinger.yaml:2:13: "a.b" is not a host label']),
        ("[{jira: {site: '${param.site}'}}]", ['wharfinger.yaml:2:13: "${param.site}" is not a host label']),
    ],
)  # fmt: skip
def test_built_in_tool_files_are_named_with_their_parameters(catalogue: str, expected: list[str]) -> None:
    problems = told({**FINE, "wharfinger.yaml": f"version: 1\ncatalogue: {catalogue}"})
    assert sorted(problems) == sorted(expected)


def test_problems_of_built_in_files_are_named_as_such() -> None:
    files = {"wharfinger.yaml": b"version: 1\ncatalogue: [bad]"}
    with pytest.raises(ConfigurationError) as caught:
        load(Sources(files, {"bad": b"tools: [{tool: x}]"}))
    assert [str(p.position) for p in caught.value.problems] == ["builtin:bad.yaml:1:9"]


def test_tools_of_built_in_files_are_built_in_and_those_of_the_user_are_not(
    documented: Configuration,
) -> None:
    assert {tool.name for tool in documented.tools if tool.builtin} == {"gh_get", "st_get", "jira_get_issue"}


# Whatever the bytes

PIECES = st.sampled_from(
    [
        "version: 1", "\n", "agents:", " {", "}", "[", "]", "bot: ", "owner: alice", ", ", "policies: ", "people:",
        "alice: {}", "teams:", "credentials:", "from: env:K", "hosts: ", "tool: ", "run: ", "method: GET", "url: ",
        "'https://a.example/${x}'", "${", "allow: ", "ask: ", "deny: ", "when: ", "input.x > 1", "'*'", "- ", "  ",
        "unmatched", "auth: own", "body: ", "policy: p", "tools: ", "5", "no", "tests: ", "expect: allow", "catalogue: ",
        "jira", "github", "redact: ", "$.a", "reason: ", "null", "base: ", "\x00", "é", "input: ", "deny_patterns: ",
    ]
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from([*FINE, "tools/z.yaml", "policies/z.yaml"]),
        st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=25).map(lambda ps: "".join(ps).encode())),
        max_size=5,
    )
)
def test_any_bytes_are_a_configuration_or_an_error_of_one(files: dict[str, bytes]) -> None:
    merged = {name: text.encode() for name, text in FINE.items()} | files
    for content in (merged, files):
        try:
            loaded = load(Sources(content, CATALOGUE))
        except ConfigurationError as error:
            broken = error.problems
        else:
            broken = ()
            assert loaded.digest
        assert not broken or any(problem.severity == "error" for problem in broken)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["x", "*", "${x}", "own", "alice", ""])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "tool", "own"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def paths(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(p for key, value in entries for p in paths(value, (*path, key)))]


def replaced(node: Any, path: tuple[Any, ...], value: object) -> Any:
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = replaced(node[path[0]], path[1:], value)
    return copy


@settings(max_examples=200)
@given(st.data())
def test_any_value_in_any_place_is_taken_or_an_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(examples())))
    document = yaml.safe_load(examples()[name])
    path = data.draw(st.sampled_from(paths(document)))
    changed = json.dumps(replaced(document, path, data.draw(VALUES))).encode()
    problems = told({**examples(), name: changed})
    assert all(problem.removeprefix("?").startswith(tuple(examples())) for problem in problems), problems


def test_a_decision_names_the_credential_that_a_built_in_tool_lacks(documented: Configuration) -> None:
    files = {
        **examples(),
        "policies/support_refunds.yaml": b"policy: support_refunds\nallow: [{tool: jira_get_issue}]",
    }
    loaded = load(Sources(files, CATALOGUE))
    assert [str(warning) for warning in loaded.warnings] == [
        'policies/support_refunds.yaml:2:16: warning: "jira_get_issue" cannot be called: '
        "the credential JIRA_TOKEN is not declared [W204]\n  hint: declare JIRA_TOKEN in credentials.yaml"
    ]
    request = Request(
        "support-agent", "GET", "https", "acme.atlassian.net", 443, "/rest/api/3/issue/X-1",
        (("Host", "acme.atlassian.net"),),
    )  # fmt: skip
    facts = Facts(Placeholders({}))
    noon = datetime(2026, 1, 14, 12, tzinfo=UTC)
    for each in (facts, replace(facts, origin=Origin.EXPLAIN)):
        decision = decide(loaded, request, each, noon)
        assert (decision.verdict, decision.reason, decision.help) == (
            Verdict.DENY,
            "the tool needs the credential JIRA_TOKEN, and there is none",
            "Ask the operator to declare JIRA_TOKEN in credentials.yaml.",
        )
