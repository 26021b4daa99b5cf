# ruff: noqa: E501, RUF005 -- tables of vectors are read by their rows
"""Attack classes P01 to P10 of the threat catalogue, at the level of decisions.

Each class is a table of requests that must not be let out, a request beside them that must (so that a
refusal of everything would not pass), and a bug: with the line that keeps the class broken, some vector is
let out, or the verdict on it changes. What needs a socket stands in `tests/addon/flow`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from wharfinger.rules import decide
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.requests import bodies, extras, headers, spelling, strictjson
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.tools import matching
from wharfinger.rules.types import Decision, Facts, Request, Verdict

HOST = "api.example.com"
NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
TOOLS = f"""
api: example
base: https://{HOST}
tools:
  - {{tool: get_item, run: {{method: GET, url: "/items/${{id}}"}}}}
  - {{tool: get_any, run: {{method: GET, url: "/files/${{path...}}"}}}}
  - {{tool: delete_item, run: {{method: DELETE, url: "/items/${{id}}"}}}}
  - {{tool: wipe, run: {{method: POST, url: /admin/wipe}}, effect: destructive}}
  - {{tool: search, input: {{q: string, limit: {{type: integer, required: false}}}},
      run: {{method: GET, url: /search, query: {{q: "${{q}}", limit: "${{limit}}"}}}}}}
  - {{tool: pay, input: {{amount: integer, to: string}}, effect: write,
      run: {{method: POST, url: /pay, body: {{amount: "${{amount}}", to: "${{to}}"}}, extra: allow}}}}
  - {{tool: rpc_get, effect: read, run: {{type: jsonrpc, url: /rpc, method: get, params: {{id: "${{id}}"}}}}}}
  - {{tool: rpc_drop, effect: destructive,
      run: {{type: jsonrpc, url: /rpc, method: drop, params: {{id: "${{id}}"}}}}}}
  - {{tool: viewer, effect: read, run: {{type: graphql, url: /graphql, operation: query, field: viewer}}}}
  - {{tool: delete_issue, effect: destructive, input: {{id: string}},
      run: {{type: graphql, url: /graphql, operation: mutation, field: deleteIssue, args: {{id: "${{id}}"}}}}}}
"""
POLICY = """
policy: main
allow:
  - {tool: get_item}
  - {tool: get_any, when: 'input.path.startsWith("public/")'}
  - {tool: search}
  - {tool: pay, when: {max_amount: 100, to: bob}}
  - {tool: rpc_get}
  - {tool: viewer}
  - {tool: unmatched, hosts: [api.example.com], when: {method: GET, path: {startswith: /open/}}}
deny:
  - {tool: "*", when: call.effect == "destructive"}
"""


def configured(tools: str = TOOLS, policy: str = POLICY) -> Configuration:
    files = {
        "wharfinger.yaml": "version: 1",
        "agents.yaml": "agents: {bot: {owner: ada, policies: [main]}}",
        "people.yaml": "people: {ada: {email: ada@example.com}}",
        "tools/example.yaml": tools,
        "policies/main.yaml": policy,
    }
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return configured()


@dataclass(frozen=True)
class Vector:
    """One request."""

    line: str
    body: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()

    def decided(self, configuration: Configuration) -> Decision:
        method, _, target = self.line.partition(" ")
        fields = (("Host", HOST), *self.fields)
        request = Request("bot", method, "https", HOST, 443, target, fields, self.body)
        facts = Facts(Placeholders({}), agent_id="agt_1")
        return decide.decide(configuration, request, facts, NOW)


JSON = (("Content-Type", "application/json"),)


def pay(body: str | bytes, *fields: tuple[str, str]) -> Vector:
    return Vector("POST /pay", body if isinstance(body, bytes) else body.encode(), fields or JSON)


def rpc(*methods: str, **more: object) -> Vector:
    made = [{"jsonrpc": "2.0", "id": 1, "method": m, "params": {"id": "1"}, **more} for m in methods]
    return Vector("POST /rpc", json.dumps(made if len(made) > 1 else made[0]).encode(), JSON)


def graphql(query: str, **more: object) -> Vector:
    return Vector("POST /graphql", json.dumps({"query": query, **more}).encode(), JSON)


@dataclass(frozen=True)
class Class:
    """A class of attacks; `bug` is (module, name, what it becomes)."""

    vectors: tuple[Vector, ...]
    controls: tuple[Vector, ...]
    bugs: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = field(default=())


def gets(*targets: str) -> tuple[Vector, ...]:
    return tuple(Vector(f"GET {target}") for target in targets)


def returns(value: object) -> Callable[[Any], Any]:
    return lambda _: lambda *_, **__: value


def unchecked(_: Any) -> Any:
    """Bodies, read as the standard library does."""
    return json.loads


def first_call_only(real: Any) -> Any:
    """Judging, by the first call of a request."""
    return lambda policies, parts, *more, **named: real(policies, parts[:1], *more, **named)


def lenient_path(real: Any) -> Any:
    """Paths cut at slashes and decoded, and no more."""
    return lambda text: spelling.Path(tuple(spelling.percent_decoded(p) for p in text[1:].split("/")))


CLASSES: Mapping[str, Class] = {
    "P01 dot segments": Class(
        gets(
            "/files/public/../secret", "/files/public/./../secret", "/files/public/..;/secret",
            "/files/public/..;x=y/secret", "/files/public/%2e%2e/secret", "/files/public/.%2e/secret",
            "/files/public/%2E%2E/secret", "/files/public/%252e%252e/secret", "/files/public/%2e%2e;/secret",
            "/files/public/..", "/..", "/.", "/files/public/..%2fsecret", "/files/public/..%5csecret",
            "/items/../admin/wipe", "/open/../items/1",
        ),
        gets("/files/public/a/b", "/files/public/..a/b", "/files/public/a..b", "/items/1", "/open/x"),
        ((spelling, "path", lenient_path),),
    ),
    "P02 slashes, controls and spellings": Class(
        gets(
            "//items/1", "/items//1", "/open//x", "/items/1/", "/Items/1", "/items/1%00", "/items/1%0a",
            "/items/1\\x", "/items/1%5cx", "/items/1;jsessionid=1", "/items/1%2f2", "/items/1%2F2",
            "/items/1%252f2", "/items/%c0%af", "/items/\xe9", "/items/1#x", "/items/" + "a" * 9000,
            "/items/%zz", "/items/%", "items/1", "http://evil.example/items/1", "*", "",
        ),
        gets("/items/1", "/items/%31", "/items/a%20b", "/items/%C3%A9", "/items/a.json", "/items/1~2"),
        ((spelling, "path", lenient_path),),
    ),
    "P03 query pollution": Class(
        gets(
            "/search?q=a&q=b", "/search?q=a;q=b", "/search?q=a&Q=b", "/search?q=a&q[]=b", "/search?q=a&q%5B%5D=b",
            "/search?q=a&limit=1&limit=2", "/search?q=a%zz", "/search?q=a&=b", "/search?q=a%00",
            "/search?q=a&l%69mit=1&limit=2", "/search?q=a&ｑ=b", "/search?q=a&%EF%BD%91=b",
            "/search?q=a&" + "&".join(f"p{n}=1" for n in range(1001)), "/search?q=a&_method=DELETE",
            "/search?q=a&access_token=x", "/search?q=a&limit=1e1", "/search?q=a&limit=0x1", "/search?q=a&limit=+1",
            "/search?limit=1", "/search?q=a?q=b&q=c",
        ),
        gets("/search?q=a", "/search?q=a+b&limit=5", "/search?%71=a", "/search?q=a&page=2", "/search?q=a?b"),
        ((matching, "_extras", returns(None)), (spelling, "percent_decoded", lambda _: lambda raw: raw)),
    ),
    "P04 JSON with two readings": Class(
        tuple(
            pay(body)
            for body in (
                '{"amount":1,"to":"bob","amount":9999}', '{"amount":9999,"to":"bob","\\u0061mount":1}',
                '{"amount":1,"to":"bob","to":"eve"}', '{"amount":NaN,"to":"bob"}',
                '{"amount":-Infinity,"to":"bob"}',
                '{"amount":1e400,"to":"bob"}', '{"amount":9223372036854775808,"to":"bob"}',
                '{"amount":' + "1" * 10_000 + ',"to":"bob"}', '{"amount":"1","to":"bob"}',
                '{"amount":1.5,"to":"bob"}', '{"amount":true,"to":"bob"}', '{"amount":null,"to":"bob"}',
                '{"amount":[1],"to":"bob"}', '\ufeff{"amount":1,"to":"bob"}', '{"amount":1,"to":"bob"}\x00',
                '{"amount":1,"to":"bob"}{"amount":9999,"to":"bob"}', '{"amount":1,"to":"bob",}',
                '{"amount":1,/**/"to":"bob"}', "{'amount':1,'to':'bob'}", '{"amount":1,"to":"bob","Amount":9999}',
                '{"amount":1,"to":"bob","amount\\u200b":9999}', '{"amount":1,"to":"bob","note":"\\ud800"}',
                '{"amount":01,"to":"bob"}', '{"amount":+1,"to":"bob"}', '{"amount":0x1,"to":"bob"}',
                '{"amount":1,"to":"bob","x":' + "[" * 70 + "]" * 70 + "}", "[]", '"x"', "5", "{", "null",
                '[{"amount":1,"to":"bob"}]',
            )
        )
        + (
            pay('{"amount":1,"to":"bob"}'.encode("utf-16")), pay('{"amount":1,"to":"bob"}'.encode("utf-32")),
            pay(b'{"amount":1,"to":"bob","note":"\xff"}'), pay(b'{"amount":1,"to":"bob","note":"\xc0\xaf"}'),
        ),
        (
            pay('{"amount":1,"to":"bob"}'), pay('{"to":"bob","amount":100}'), pay(' {"amount" : -0,"to":"bob"} '),
            pay('{"amount":1,"to":"bob","note":"\\u00e9\\ud83d\\ude00"}'), pay('{"\\u0061mount":1,"to":"bob"}'),
        ),
        ((strictjson, "parse_json", unchecked),),
    ),
    "P05 content types": Class(
        (
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "text/plain")),
            pay('{"amount":1,"to":"bob"}', ("X", "y")),
            pay('{"amount":1,"to":"bob"}', *JSON, *JSON),
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "application/json, text/plain")),
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "application/json;charset=utf-7")),
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "application/json;charset=utf-16")),
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "application/json;charset=ibm037")),
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "application/json;charset=utf-8;charset=utf-7")),
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "application/xml")),
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "application/x-www-form-urlencoded")),
            pay("amount=1&to=bob", *JSON),
            pay("amount=1&to=bob&amount=9999", ("Content-Type", "application/x-www-form-urlencoded")),
            pay("amount=1&to=bob&amount%5B%5D=9999", ("Content-Type", "application/x-www-form-urlencoded")),
            pay("amount=1;to=bob", ("Content-Type", "application/x-www-form-urlencoded")),
            pay(
                '--b\r\nContent-Disposition: form-data; name="amount"\r\n\r\n1\r\n--b--\r\n',
                ("Content-Type", "multipart/form-data; boundary=b"),
            ),
        ),
        (
            pay('{"amount":1,"to":"bob"}', ("Content-Type", "Application/JSON; charset=UTF-8")),
            pay("amount=1&to=bob", ("Content-Type", "application/x-www-form-urlencoded")),
        ),
        ((bodies, "kind", returns(bodies.Media.JSON)),),
    ),
    "P06 content codings": Class(
        tuple(
            pay('{"amount":1,"to":"bob"}', *JSON, ("Content-Encoding", coding))
            for coding in ("gzip", "br", "zstd", "deflate", "gzip, gzip", "identity, gzip", "base64", "hex",
                           "bz2", "zlib", "rot13", "uu", "unknown", "x")
        ),
        (pay('{"amount":1,"to":"bob"}', *JSON, ("Content-Encoding", "identity")),),
        ((headers, "encoded", returns(None)),),
    ),
    "P07 overrides": Class(
        tuple(
            Vector("GET /items/1", fields=((name, value),))
            for name, value in (
                ("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"), ("X-Method-Override", "DELETE"),
                ("x_http_method_override", "DELETE"), ("X-Original-URL", "/admin/wipe"),
                ("X-Rewrite-URL", "/admin/wipe"), ("X-Forwarded-Host", "evil.example"),
                ("Forwarded", "host=evil.example"), ("X-Host", "evil.example"), ("X-Original-Method", "DELETE"),
            )
        )
        + (
            *gets("/items/1?_method=DELETE", "/items/1?X-HTTP-Method-Override=DELETE", "/open/x?_method=DELETE"),
            pay('{"amount":1,"to":"bob","_method":"DELETE"}'),
            Vector("get /items/1"), Vector("GET: /items/1"), Vector("G=: /items/1"), Vector("TRACE /items/1"),
            Vector("CONNECT /items/1"), Vector("GET\t /items/1"), Vector("PROPFIND /items/1"),
        ),
        (
            Vector("GET /items/1", fields=(("X-Requested-With", "XMLHttpRequest"),)),
            Vector("GET /items/1?method=DELETE"),
        ),
        ((headers, "acting", returns(None)), (extras, "OVERRIDES", lambda _: frozenset())),
    ),
    "P08 several operations": Class(
        (
            rpc("get", "drop"), rpc("drop"), rpc("get", "unknown"), rpc("get", jsonrpc="1.0"), rpc("get", extra=1),
            Vector("POST /rpc", b"[]", JSON), Vector("POST /rpc", b"{}", JSON),
            Vector("POST /rpc", b'{"jsonrpc":"2.0","id":1,"method":"get","method":"drop","params":{"id":"1"}}', JSON),
            graphql('mutation { deleteIssue(id: "1") { id } }'),
            graphql('{ viewer { id } } mutation M { deleteIssue(id: "1") { id } }', operationName="M"),
            graphql('query Q { viewer { id } } mutation M { deleteIssue(id: "1") { id } }', operationName="M"),
            graphql('mutation { viewer: deleteIssue(id: "1") { id } }'),
            graphql('fragment F on Mutation { deleteIssue(id: "1") { id } } mutation { ...F }'),
            graphql('mutation { ... on Mutation { deleteIssue(id: "1") { id } } }'),
            graphql("{ viewer { id } secrets { id } }"),
            graphql("{ viewer { id }"),
            graphql("{ viewer { id } }", extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}),
            Vector("POST /graphql", b'{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}', JSON),
            Vector(
                "POST /graphql",
                json.dumps([{"query": "{ viewer { id } }"}, {"query": 'mutation { deleteIssue(id: "1") { id } }'}]
                ).encode(),
                JSON,
            ),
            Vector("GET /graphql?query=mutation%7BdeleteIssue(id:%221%22)%7Bid%7D%7D"),
        ),
        (rpc("get"), rpc("get", "get"), graphql("{ viewer { id } }"), graphql("query Q { me: viewer { id } }")),
        ((decide, "judge", first_call_only),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_no_vector_is_let_out(name: str, configuration: Configuration) -> None:
    out = [v for v in CLASSES[name].vectors if v.decided(configuration).verdict is not Verdict.DENY]
    assert out == []


@pytest.mark.parametrize("name", CLASSES)
def test_no_refusal_is_an_accident(name: str, configuration: Configuration) -> None:
    for vector in CLASSES[name].vectors:
        assert "internal error" not in vector.decided(configuration).reason


@pytest.mark.parametrize("name", CLASSES)
def test_what_looks_like_it_and_is_harmless_passes(name: str, configuration: Configuration) -> None:
    kept = [
        (v, decision.reason)
        for v in CLASSES[name].controls
        if (decision := v.decided(configuration)).verdict is not Verdict.ALLOW
    ]
    assert kept == []


@pytest.mark.parametrize("name", CLASSES)
def test_with_the_line_broken_that_keeps_it_a_vector_gets_out(
    name: str, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, attribute, make in CLASSES[name].bugs:
        monkeypatch.setattr(module, attribute, make(getattr(module, attribute)))
    for cached in (spelling.path, bodies._usual_kind):
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    try:
        out = [v for v in CLASSES[name].vectors if v.decided(configuration).verdict is Verdict.ALLOW]
    finally:
        monkeypatch.undo()
        bodies._usual_kind.cache_clear()
    assert out


# P10: one request, one way to read it

SHAPES = [
    ('{method: GET, url: "/a/${x}"}', '{method: GET, url: "/a/${y}"}'),
    ('{method: [GET, POST], url: "/a/${x}"}', '{method: POST, url: "/a/${y}"}'),
    ('{method: POST, url: /a, body: {k: v, a: "${a}"}}', '{method: POST, url: /a, body: {k: v, b: "${b}"}}'),
    ('{method: GET, url: /a, query: {q: "${q}"}}', '{method: GET, url: /a}'),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SHAPES)
def test_two_tools_for_the_same_requests_do_not_load(one: str, other: str) -> None:
    tools = f"api: e\nbase: https://{HOST}\ntools: [{{tool: t, run: {one}}}, {{tool: u, run: {other}}}]"
    with pytest.raises(ConfigurationError, match="match the same requests, such as"):
        configured(tools, "policy: main\nallow: [{tool: t}]")


def test_no_tool_at_all_is_a_deny(configuration: Configuration) -> None:
    for target in ("/nowhere", "/", "/items", "/items/1/2", "/admin"):
        assert Vector(f"GET {target}").decided(configuration).verdict is Verdict.DENY


def test_a_deny_on_the_less_special_of_two_tools_holds_for_both() -> None:
    tools = f"""
    api: e
    base: https://{HOST}
    tools:
      - {{tool: latest, run: {{method: GET, url: /items/latest}}}}
      - {{tool: one, run: {{method: GET, url: "/items/${{id}}"}}}}
    """
    denied = configured(tools, "policy: main\nallow: [{tool: latest}]\ndeny: [{tool: one}]")
    assert Vector("GET /items/latest").decided(denied).verdict is Verdict.DENY
    allowed = configured(tools, "policy: main\nallow: [{tool: latest}]")
    assert Vector("GET /items/latest").decided(allowed).verdict is Verdict.ALLOW
    assert Vector("GET /items/1").decided(allowed).verdict is Verdict.DENY
