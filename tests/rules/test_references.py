"""What files say of one another: hosts that must meet, variables, and built-in tools that cannot be called."""

# ruff: noqa: E501 - tables of messages
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.documents.problems import ConfigurationError, Problem
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Decision, Facts, Origin, Request, Verdict

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
HUB = b"""
auth: {secret: HUB_TOKEN}
tools:
  - {tool: hub_get, run: {method: GET, url: "https://api.hub.example/x"}}
  - {tool: hub_list, run: {method: GET, url: "https://api.hub.example/"}}
  - {tool: hub_upload, run: {method: POST, url: "https://uploads.hub.example/x"}}
  - {tool: hub_clone, run: {method: GET, url: "https://hub.example/${repo}", auth: {secret: HUB_TOKEN, optional: true}}}
"""


def loaded(**files: str) -> Configuration:
    usual = {
        "wharfinger": "version: 1\ncatalogue: [hub]",
        "people": "people: {alice: {}}",
        "agents": "agents: {bot: {owner: alice, policies: [p]}}",
        "policies/p": "policy: p\nallow: [{tool: 'hub_*'}]",
    }
    merged = {name.replace("__", "/"): text for name, text in {**usual, **files}.items()}
    return load(Sources({f"{name}.yaml": text.encode() for name, text in merged.items()}, {"hub": HUB}))


def told(**files: str) -> list[str]:
    try:
        problems: tuple[Problem, ...] = loaded(**files).warnings
    except ConfigurationError as error:
        problems = error.problems
    return [f"{p.position}: {p.severity}: {p.message}" for p in problems]


def own(url: str, name: str = "t", auth: str = "{secret: KEY}") -> str:
    return f"tool: {name}\nrun: {{method: GET, url: '{url}', auth: {auth}}}"


def key(hosts: str) -> str:
    return f"credentials: {{KEY: {{from: 'env:KEY', hosts: {hosts}}}, HUB_TOKEN: {{from: 'env:H', hosts: [api.hub.example, uploads.hub.example]}}}}"


@pytest.mark.parametrize(
    ("url", "hosts", "meet"),
    [
        ("https://a.example/x", "[a.example]", True),
        ("https://A.example/x", "[b.example, a.EXAMPLE]", True),
        ("https://a.example/x", "[b.example]", False),
        ("https://a.example/x", "[sub.a.example]", False),
        ("https://sub.a.example/x", "[a.example]", False),
        ("https://sub.a.example/x", "['*.a.example'], multi_tenant: accepted", True),
        ("https://a.b.a.example/x", "['*.a.example'], multi_tenant: accepted", False),
        ("https://a.example/x", "['*.a.example'], multi_tenant: accepted", False),
        ("https://${site}.a.example/x", "[acme.a.example]", True),
        ("https://${site}.a.example/x", "['*.a.example'], multi_tenant: accepted", True),
        ("https://${site}.a.example/x", "[acme.b.example]", False),
        ("https://${site}.a.example/x", "[a.example]", False),
        ("https://api-${site}.a.example/x", "['*.a.example'], multi_tenant: accepted", True),
        ("https://api-${site}.a.example/x", "[web-1.a.example]", False),
        ("https://api.${site}.example/x", "['*.a.example'], multi_tenant: accepted", True),
    ],
)
def test_a_users_tool_and_its_credential_must_have_a_host_in_common(url: str, hosts: str, meet: bool) -> None:
    problems = told(tools__t=own(url), credentials=key(hosts))
    assert [p for p in problems if "may not go to" in p and "hub" not in p] == (
        []
        if meet
        else [
            p for p in problems if p.startswith("tools/t.yaml:1:1: error: the credential KEY may not go to ")
        ]
    )
    assert (
        any(p.startswith("tools/t.yaml:1:1: error: the credential KEY may not go to ") for p in problems)
        is not meet
    )


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (own("https://a.example/x"), 'tools/t.yaml:2:63: error: there is no credential "KEY"'),
        (
            own("https://a.example/x", auth="{secret: KEY, optional: true}"),
            'tools/t.yaml:2:63: error: there is no credential "KEY"',
        ),
        (
            "auth: {secret: KEY}\n" + own("https://a.example/x").replace(", auth: {secret: KEY}", ""),
            'tools/t.yaml:1:16: error: there is no credential "KEY"',
        ),
        (
            "tool: t\nrun: {method: GET, url: 'https://a.example/x'}\nredact: [$.a, '$..[', $.b]",
            "tools/t.yaml:3:15: error: ",
        ),
        (
            own("http://a.example/x").replace("KEY", "OTHER"),
            "tools/t.yaml:2:25: error: a credential goes out over https only",
        ),
    ],
)
def test_what_is_wrong_with_a_users_tool_is_an_error(tool: str, expected: str) -> None:
    problems = [
        p
        for p in told(tools__t=tool, credentials=key("[a.example]").replace("KEY: {", "OTHER: {"))
        if p.startswith("tools/")
    ]
    assert len(problems) == 1
    assert problems[0].startswith(expected)


@pytest.mark.parametrize(
    ("rules", "credentials", "expected"),
    [
        (
            "allow: [{tool: hub_get}]",
            "credentials: {}",
            [
                'policies/p.yaml:2:16: warning: "hub_get" cannot be called: the credential HUB_TOKEN is not declared'
            ],
        ),
        (
            "allow: [{tool: 'hub_*'}]\nask: [{tool: hub_get}]",
            "credentials: {}",
            [
                'policies/p.yaml:2:16: warning: "hub_get" and 2 more cannot be called: the credential HUB_TOKEN is not declared',
                'policies/p.yaml:3:14: warning: "hub_get" cannot be called: the credential HUB_TOKEN is not declared',
            ],
        ),
        (
            "tools: [hub_list, hub_get]",
            "credentials: {}",
            [
                'policies/p.yaml:2:9: warning: "hub_list" cannot be called: the credential HUB_TOKEN is not declared',
                'policies/p.yaml:2:19: warning: "hub_get" cannot be called: the credential HUB_TOKEN is not declared',
            ],
        ),
        ("allow: [{tool: hub_clone}]", "credentials: {}", []),
        ("deny: [{tool: hub_get}]", "credentials: {}", []),
        (
            "allow: [{tool: 'hub_*'}]",
            "credentials: {HUB_TOKEN: {from: 'env:H', hosts: [api.hub.example]}}",
            [
                'credentials.yaml:1:49: warning: "hub_upload" cannot be called: the credential HUB_TOKEN may not go to uploads.hub.example'
            ],
        ),
        (
            "allow: [{tool: hub_get}]",
            "credentials: {HUB_TOKEN: {from: 'env:H', hosts: [api.hub.example]}}",
            [],
        ),
        (
            "allow: [{tool: 'hub_*'}]",
            "credentials: {HUB_TOKEN: {from: 'env:H', hosts: [api.hub.example, uploads.hub.example]}}",
            [],
        ),
    ],
)
def test_a_built_in_tool_that_cannot_be_called_is_a_warning_where_it_is_opened(
    rules: str, credentials: str, expected: list[str]
) -> None:
    assert told(policies__p=f"policy: p\n{rules}", credentials=credentials) == expected


def asked(
    configuration: Configuration, url: str, placeholder: str = "", origin: Origin = Origin.PROXY
) -> Decision:
    _, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    login = (("Authorization", f"Bearer {placeholder}"),) if placeholder else ()
    method = "POST" if "uploads" in host else "GET"
    request = Request("bot", method, "https", host, 443, f"/{path}", (("Host", host), *login))
    facts = Facts(Placeholders({"ph_mine000000000000": Owner("bot", "HUB_TOKEN")}), origin=origin)
    return decide(configuration, request, facts, NOON)


@pytest.mark.parametrize("origin", [Origin.PROXY, Origin.EXPLAIN, Origin.TEST])
@pytest.mark.parametrize(
    ("credentials", "url", "placeholder", "reason"),
    [
        ("{}", "https://api.hub.example/x", "", "the tool needs the credential HUB_TOKEN, and there is none"),
        (
            "{HUB_TOKEN: {from: 'env:H', hosts: [api.hub.example]}}",
            "https://uploads.hub.example/x",
            "ph_mine000000000000",
            "HUB_TOKEN may not go to this host",
        ),
        (
            "{HUB_TOKEN: {from: 'env:H', hosts: [api.hub.example]}}",
            "https://uploads.hub.example/x",
            "",
            "HUB_TOKEN may not go to this host",
        ),
        (
            "{HUB_TOKEN: {from: 'env:H', hosts: [api.hub.example]}}",
            "https://hub.example/x",
            "ph_mine000000000000",
            "HUB_TOKEN may not go to this host",
        ),
    ],
)
def test_the_call_of_a_tool_that_cannot_be_called_is_denied_by_name(
    origin: Origin, credentials: str, url: str, placeholder: str, reason: str
) -> None:
    decision = asked(loaded(credentials=f"credentials: {credentials}"), url, placeholder, origin)
    assert (decision.verdict, decision.reason, decision.placements) == (Verdict.DENY, reason, ())


@pytest.mark.parametrize("origin", [Origin.PROXY, Origin.EXPLAIN, Origin.TEST])
@pytest.mark.parametrize("credentials", ["{}", "{HUB_TOKEN: {from: 'env:H', hosts: [api.hub.example]}}"])
def test_a_tool_whose_credential_is_optional_goes_without_one(origin: Origin, credentials: str) -> None:
    decision = asked(
        loaded(credentials=f"credentials: {credentials}"), "https://hub.example/x", origin=origin
    )
    assert (decision.verdict, decision.placements) == (Verdict.ALLOW, ())


def test_and_takes_it_where_it_may() -> None:
    configuration = loaded(credentials="credentials: {HUB_TOKEN: {from: 'env:H', hosts: [hub.example]}}")
    decision = asked(configuration, "https://hub.example/x", "ph_mine000000000000")
    assert [placement.credential for placement in decision.placements] == ["HUB_TOKEN"]
    mine = replace(decision, placements=())
    assert all("ph_mine" not in value for _, value in mine.forward)


@pytest.mark.parametrize(
    ("opened", "bound", "meet"),
    [
        ("a.example", "[a.example]", True),
        ("A.example", "[a.example]", True),
        ("a.example", "[b.example]", False),
        ("*", "[b.example]", True),
        ("*.example", "[b.example]", True),
        ("*.b.example", "[b.example]", False),
        ("*.b.example", "[a.b.example]", True),
        ("*.b.example", "[a.a.b.example]", True),
        ("*.bb.example", "[a.b.example]", False),
        ("a.example", "['*.example'], multi_tenant: accepted", True),
        ("a.a.example", "['*.example'], multi_tenant: accepted", False),
        ("example", "['*.example'], multi_tenant: accepted", False),
        ("*.example", "['*.example'], multi_tenant: accepted", True),
        ("*.example", "['*.sub.example'], multi_tenant: accepted", True),
        ("*.sub.example", "['*.example'], multi_tenant: accepted", False),
    ],
)
def test_no_rule_opens_a_credentials_host_without_a_tool(opened: str, bound: str, meet: bool) -> None:
    policy = f"policy: p\nallow: [{{tool: unmatched, hosts: [ok.test, '{opened}']}}]"
    credentials = f"credentials: {{KEY: {{from: 'env:KEY', hosts: {bound}}}}}"
    expected = [
        f'policies/p.yaml:2:44: error: "{opened.lower()}" meets a host of the credential KEY, so it needs a tool'
    ]
    assert told(policies__p=policy, credentials=credentials) == (expected if meet else [])


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("{A: {from: 'env:A', hosts: [a.b], env: [A, A2]}, B: {from: 'env:B', hosts: [a.b], env: [B2]}}", []),
        ("{A: {from: 'env:A', hosts: [a.b], env: [B]}, B: {from: 'env:B', hosts: [a.b]}}",
         ['credentials.yaml:1:54: error: the variable "B" is that of B']),
        ("{A: {from: 'env:A', hosts: [a.b], env: [X]}, B: {from: 'env:B', hosts: [a.b], env: [X]}}",
         ['credentials.yaml:1:98: error: the variable "X" is that of A']),
    ],
)  # fmt: skip
def test_two_credentials_cannot_have_one_variable(credentials: str, expected: list[str]) -> None:
    assert (
        told(credentials=f"credentials: {credentials}", policies__p="policy: p\nallow: [{tool: hub_clone}]")
        == expected
    )


def test_people_and_teams_are_told_apart() -> None:
    people = "people: {alice: {}, ops: {}}\nteams: {ops: [alice, bob]}"
    assert told(
        people=people,
        policies__p="policy: p\nask: [{tool: hub_clone, approvers: [ops, opps]}]\napprovers: [nobody]",
    ) == [
        'people.yaml:2:9: error: "ops" is a person and a team',
        'people.yaml:2:22: error: there is no person "bob"',
        'policies/p.yaml:2:42: error: there is no person or team "opps"',
        'policies/p.yaml:3:13: error: there is no person or team "nobody"',
    ]
