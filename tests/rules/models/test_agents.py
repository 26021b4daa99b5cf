"""agents.yaml, people.yaml and credentials.yaml: what is wrong in them, in its place, and never a secret."""

# ruff: noqa: E501 - tables of messages
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.agents import AgentsFile, CredentialsFile, PeopleFile
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.origins import Origin, origin
from wharfinger.rules.models.reading import read_model


def credential(text: str) -> Credential:
    problems = Problems()
    file = read_model(CredentialsFile, Source("c.yaml", f"credentials: {{K: {text}}}".encode()), problems)
    assert file is not None, list(map(str, problems))
    return file.credentials["K"]


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("env:STRIPE_API_KEY", Origin("env", "STRIPE_API_KEY")),
        ("file:/run/secrets/gh.pem", Origin("file", "/run/secrets/gh.pem")),
        ("file:secrets/key", Origin("file", "secrets/key")),
        (
            "exec:[/usr/bin/op, read, op://ci/token]",
            Origin("exec", "[/usr/bin/op, read, op://ci/token]", ("/usr/bin/op", "read", "op://ci/token")),
        ),
        ('exec: [/bin/echo, "a, b"]', Origin("exec", '[/bin/echo, "a, b"]', ("/bin/echo", "a, b"))),
    ],
)
def test_where_a_value_comes_from(written: str, origin: Origin) -> None:
    assert credential(f"{{from: '{written}', hosts: [a.b]}}").source == origin


@pytest.mark.parametrize(
    ("hosts", "host", "goes"),
    [
        ("[api.example.com]", "api.example.com", True),
        ("[API.Example.com]", "api.example.com", True),
        ("[api.example.com]", "x.api.example.com", False),
        ("[api.example.com]", "example.com", False),
        ("[api.example.com]", "api.example.com.evil", False),
        ("['*.example.com'], multi_tenant: accepted", "a.example.com", True),
        ("['*.example.com'], multi_tenant: accepted", "a.b.example.com", False),
        ("['*.example.com'], multi_tenant: accepted", "example.com", False),
        ("['*.example.com'], multi_tenant: accepted", ".example.com", False),
        ("['*.example.com'], multi_tenant: accepted", "evilexample.com", False),
    ],
)
def test_the_hosts_a_credential_goes_to(hosts: str, host: str, goes: bool) -> None:
    assert credential(f"{{from: 'env:K', hosts: {hosts}}}").goes_to(host) is goes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "agent: {}",
            [
                '1:1 unknown key "agent" | did you mean "agents"?',
            ],
        ),
        (
            "agents:",
            [
                "1:8 expected a mapping, found nothing",
            ],
        ),
        (
            "agents: [a]",
            [
                "1:9 expected a mapping, not a list",
            ],
        ),
        (
            "agents: {a: alice}",
            [
                '1:13 expected a mapping, not "alice"',
            ],
        ),
        (
            "agents: {a: {}}",
            [
                '1:13 missing key "owner"',
            ],
        ),
        (
            "agents: {'a b': {owner: x}}",
            [
                '1:10 "a b" is not a name | use letters, digits, `_`, `-` and `.`, at most 64 of them',
            ],
        ),
        (
            "agents:\n  a:\n    owner: 5\n    policies: p\n    status: actve\n    environment: a b\n    policy: x\n",
            [
                "3:12 expected a name",
                '4:15 expected a list, not "p" | write it in brackets: […]',
                '5:13 expected "active" or "suspended", not "actve" | did you mean "active"?',
                '6:18 "a b" is not a name | use letters, digits, `_`, `-` and `.`, at most 64 of them',
                '7:5 unknown key "policy" | write `policies: […]`',
            ],
        ),
        (
            "agents: {a: {owner: x, from: {cidr: x}, token: y}}",
            [
                '1:37 "x" is not a network | write it like 10.0.0.0/8, without host bits',
                '1:41 "token" is not supported yet | leave it out; this version would not enforce it',
            ],
        ),
    ],
)
def test_problems_of_agents(told: Any, text: str, expected: list[str]) -> None:
    assert told(AgentsFile, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "people: {a: {email: x, role: adm, phone: 1}}",
            [
                '1:21 "x" is not an e-mail address | write it like alice@example.com',
                '1:30 expected "viewer", "approver" or "admin", not "adm" | did you mean "admin"?',
                '1:35 unknown key "phone" | known keys: away, email, role, slack',
            ],
        ),
        (
            "teams: {f: [], g: alice, h: [1]}",
            [
                "1:12 the list is empty | write at least 1",
                '1:19 expected a list, not "alice" | write it in brackets: […]',
                "1:30 expected a name",
            ],
        ),
    ],
)
def test_problems_of_people(told: Any, text: str, expected: list[str]) -> None:
    assert told(PeopleFile, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "credentials: {K: {}}",
            [
                '1:18 missing key "from"',
                '1:18 missing key "hosts"',
            ],
        ),
        (
            "credentials: {K: sk_live_1}",
            [
                "1:18 expected a mapping",
            ],
        ),
        (
            "credentials: {K: {from: sk_live_1, hosts: [a.b]}}",
            [
                "1:25 the value of a credential is never written in a file | write `from: env:NAME`, `from: file:/path` or `from: exec:[/path/to/command, …]`",
            ],
        ),
        (
            "credentials: {K: {value: sk_live_1, hosts: ['*']}}",
            [
                '1:18 missing key "from"',
                '1:19 unknown key "value" | the value of a credential is never written in a file: write `from: env:NAME`, `from: file:/path` or `from: exec:[/path/to/command, …]`',
            ],
        ),
        (
            "credentials: {K: {from: 'env:a b', hosts: ['https://a/', 'a.b:443'], env: [sk-live-1]}}",
            [
                "1:25 env: needs the name of an environment variable | write it like env:STRIPE_API_KEY",
                "1:44 this is not a host | write the name alone, without scheme and path",
                "1:58 this is not a host | write the name alone, without a port",
                "1:76 this is not a name | use letters, digits and `_`, not beginning with a digit",
            ],
        ),
        (
            "credentials: {K: {from: 'env:K', hosts: ['*.x.com', a.b]}}",
            [
                '1:18 the host "*.x.com" has a wildcard, and anyone may own a name under it | list exact names, or add `multi_tenant: accepted`',
            ],
        ),
        (
            "credentials: {K: {from: 'env:K', hosts: ['*'], multi_tenant: accepted}}",
            [
                '1:18 a credential cannot go to all hosts ("*") | list the hosts it is for',
            ],
        ),
        (
            "credentials: {K: {from: 'env:K', hosts: [a.b], kind: ntlm}}",
            [
                "1:54 there is no such kind of credential | there are: bearer, basic, header, query, aws, oauth2, "
                "github_app, google, jwt, azure, mtls",
            ],
        ),
        (
            "credentials: {K: {from: 'env:K', hosts: [a.b], kind: baerer}}",
            [
                '1:54 there is no such kind of credential | did you mean "bearer"?',
            ],
        ),
        (
            "credentials: {K: {from: 'env:K', hosts: [a.b], kind: aws, region: eu, scopes: [a]}}",
            [
                '1:79 "scopes" does not go with the kind "aws" | leave it out',
            ],
        ),
        (
            "credentials: {K: {from: 'env:K', hosts: [a.b], kind: aws, region: eu}}",
            [
                "1:18 this goes with a `role` | leave out session_name, external_id, region, api_url, life, "
                "or name the role",
            ],
        ),
        (
            "credentials: {K: {hosts: [a.b], kind: google, key: 'file:k'}}",
            [
                "1:18 a google credential has `scopes`, or the `audience` of an ID token | write one",
            ],
        ),
        (
            "credentials: {K: {hosts: [a.b], kind: azure, tenant: t, client_id: c, scopes: [s]}}",
            [
                "1:18 an azure credential has `client_secret` or `certificate` | write one of them",
            ],
        ),
        (
            "credentials: {K: {hosts: [a.b], kind: jwt, key: 'file:k', algorithm: none, claims: {exp: 1}}}",
            [
                '1:70 expected "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", '
                '"EdDSA", "HS256", "HS384" or "HS512"',
                '1:84 the claim "exp" is made anew each time | leave it out, and write `life`',
            ],
        ),
        (
            "credentials: {K: {hosts: [a.b], kind: oauth2, from: 'env:K', token_url: 'http://a.b/t'}}",
            [
                '1:18 missing key "client_id"',
                '1:18 missing key "client_secret"',
                '1:53 "from" does not go with the kind "oauth2" | leave it out',
                "1:73 this is not an https URL | secrets are sent there: write https://…",
            ],
        ),
        (
            "credentials: {K: {hosts: [a.b], kind: aws, access_key: 'env:A'}}",
            [
                "1:18 an aws credential has `access_key` and `secret_key`, or `from` | "
                "`from` gives what a credential_process prints",
            ],
        ),
        (
            "credentials: {K: {from: 'env:K', hosts: [a.b], placeholder: sk_live_1 x, weak: sk_live_1, multi_tenant: sk_live_1}}",
            [
                "1:61 this is not the beginning of a placeholder | use letters, digits, `_` and `-`, at most 32",
                "1:80 expected true or false",
                '1:105 expected "accepted"',
            ],
        ),
        (
            "credentials: {K: {from: 'exec:op read', hosts: a.b}}",
            [
                "1:25 exec: needs a list that begins with an absolute path | exec:[/usr/bin/op, read, …]",
                "1:48 expected a list",
            ],
        ),
        (
            "credentials: {K-1: {from: 'file:', hosts: []}}",
            [
                '1:15 "K-1" is not a name | use letters, digits and `_`, not beginning with a digit',
                "1:27 file: needs a path | write `from: env:NAME`, `from: file:/path` or `from: exec:[/path/to/command, …]`",
                "1:43 the list is empty | write at least 1",
            ],
        ),
        (
            "credentials: {K: {from: [sk_live_1], hosts: [sk_live_1 x]}}",
            [
                "1:25 the value of a credential is never written in a file | write `from: env:NAME`, `from: file:/path` or `from: exec:[/path/to/command, …]`",
                "1:46 this is not a host | write the host as ASCII labels (international names as xn--).",
            ],
        ),
        (
            "credentials: {K: {from: !x sk_live_1, hosts: [*sk_live_1]}}",
            [
                "1:25 the tag is not allowed | quote the value if it is meant as text",
                "1:47 the alias is not allowed | write the value out",
            ],
        ),
        (
            "credentials: {K: {from: 0123456}}",
            [
                '1:18 missing key "hosts"',
                "1:25 the value may be read as an octal, hex or binary number | quote it if it is text",
            ],
        ),
    ],
)
def test_problems_of_credentials(told: Any, text: str, expected: list[str]) -> None:
    assert told(CredentialsFile, text, secret=True) == expected


SECRET = "hunter2-" + "s3cr3t" * 5
PLACES = [
    "K: {}", "K: [{}]", "K: {{from: {}}}", "K: {{from: [{}], hosts: [a.b]}}", "K: {{value: {}}}", "K: {{hosts: {}}}",
    "K: {{hosts: [{}]}}", "K: {{kind: {}}}", "K: {{placeholder: {}}}", "K: {{weak: {}}}", "K: {{multi_tenant: {}}}",
    "K: {{env: [{}]}}", "K: {{env: {}}}", "K: {{token: {{deep: [{}]}}}}", "K: !t {}", "K: &a {}", "K:\n    from: {}: x",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "value", ["{}", "'{}'", "'{} x'", '"/{}"', "*{}", "!{} 1", "'env:{} x'", "'exec:{}'"]
)
def test_no_value_of_the_file_is_ever_repeated(told: Any, place: str, value: str) -> None:
    lines = told(CredentialsFile, "credentials:\n  " + place.format(value.format(SECRET)) + "\n", secret=True)
    assert SECRET not in "\n".join(lines)


@pytest.mark.parametrize(
    "number", ["0123456789", "12_345_678", "1:23:45", "99999999999999999999", "1e999", ".inf"]
)
def test_nor_is_a_number(told: Any, number: str) -> None:
    lines = told(CredentialsFile, f"credentials: {{K: {{from: {number}, hosts: [a.b]}}}}", secret=True)
    assert lines
    assert number not in "\n".join(lines)


@given(st.text(st.characters(codec="utf-8"), min_size=8, max_size=40))
def test_a_source_that_is_none_never_shows_its_text(text: str) -> None:
    said = ""
    try:
        origin(text)
    except PydanticCustomError as error:
        said = str(error)
    assert text not in said
