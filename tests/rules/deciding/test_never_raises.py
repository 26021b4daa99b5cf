"""Whatever is asked, the decision is policy's: nothing a request or a rule holds makes an exception of it.

`decide` turns an exception into a denial that begins with "internal error"; here no such denial may come, for
requests of every type of tool, whole and damaged, under policies that use everything there is.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.decide import decide
from wharfinger.rules.policies.nearest import nearest
from wharfinger.rules.types import Origin, Request, Verdict

NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)


TOOLS = """
    api: mixed
    base: https://mixed.example.com
    headers: {pass: [X-Extra]}
    tools:
      - tool: mixed_pay
        input:
          amount: integer
          price: {type: number, required: false, min: 0}
          to: {type: array, required: false}
          note: {type: string, required: false, sensitive: true}
          meta: {type: object, required: false}
          url: {type: string, required: false}
        run:
          method: [POST, PUT]
          url: "/pay/${account}"
          query: {dry: "${dry}"}
          body: {amount: "${amount}", price: "${price}", to: "${to}", note: "${note}", meta: "${meta}",
            url: "${url}"}
          extra: allow
        reason: ${note}
      - tool: mixed_read
        run: {method: GET, url: "/files/${path...}"}
      - tool: mixed_latest
        run: {method: GET, url: "/files/latest"}
      - tool: mixed_drop
        run: {method: DELETE, url: "/files/${path:encoded}"}
      - tool: mixed_upload
        input: {title: string}
        run: {method: POST, url: /upload, encoding: multipart, body: {title: "${title}"}, extra: allow}
      - tool: mixed_issue
        effect: read
        run: {type: graphql, url: /graphql, operation: query, field: issue, args: {id: "${id}"}}
      - tool: mixed_close
        effect: destructive
        run: {type: graphql, url: /graphql, operation: mutation, field: close, args: {id: "${id}"}}
      - tool: mixed_get
        effect: read
        run: {type: jsonrpc, url: /rpc, method: item.get, params: {id: "${id}"}}
      - tool: mixed_search
        effect: write
        input: {q: string}
        run: {type: jsonrpc, url: /rpc, method: tools/call, params: {name: search, arguments: {q: "${q}"}}}
      - tool: mixed_push
        effect: write
        run: {type: git, url: "/git/${owner}/${repo}", service: push}
      - tool: mixed_fetch
        effect: read
        run: {type: git, url: "/git/${owner}/${repo}", service: fetch}
      - tool: mixed_socket
        effect: write
        run: {type: websocket, url: "wss://mixed.example.com/socket", query: {room: "${room}"}}
      - tool: mixed_echo
        effect: read
        run: {type: grpc, url: /, service: pkg.Echo, rpc: Say}
      - tool: mixed_batch
        effect: write
        run: {type: batch, url: /batch, format: json, below: /}
      - tool: mixed_parts
        effect: write
        run: {type: batch, url: /parts, format: multipart}
    """
POLICY = """
    description: a little of everything
    allow:
      - {tool: mixed_pay, when: {max_amount: 100, to: {all: {endswith: "@example.com"}}}}
      - {tool: mixed_pay, when: 'given("price") && input.price <= 10 && input.note.matches("^a+$")'}
      - {tool: mixed_pay, when: 'input.meta.deep.er == 1 || input.to[3] == "x"'}
      - {tool: mixed_pay, when: 'given("url") && domain(input.url) == "example.com"'}
      - {tool: {effect: read}, when: call.blast < 90}
      - {tool: "mixed_s*", when: size(findings(input)) == 0}
      - {tool: unmatched, hosts: [open.example.com], when: 'input.path.startsWith("/a")'}
    ask:
      - {tool: mixed_close, approvers: [finance]}
    deny:
      - {tool: "*", when: '!within("Mon-Fri 08:00-18:00", "Europe/Berlin")', because: late}
      - {tool: {effect: destructive}, when: agent.environment == "dev"}
      - {tool: mixed_drop, when: {path: {matches: "(a|b)*c"}}}
      - {tool: mixed_search, when: 'input.q.contains("drop")'}
    deny_patterns: ["BEGIN [A-Z ]*PRIVATE KEY"]
    limits:
      - {tool: mixed_pay, calls: 5/hour, sum: {amount: 100/day}, then: ask, approvers: [finance]}
    """

PUSHING = """
    allow: [{tool: mixed_fetch}, {tool: mixed_push, when: {refs: {all: {startswith: refs/heads/}}}}]
    ask: [{tool: mixed_push, when: input.deletes > 0, approvers: [finance]}]
    """
AGENTS = """
    agents:
      bot: {owner: alice, policies: [main], environment: prod}
      other: {owner: alice, policies: [pushing]}
    """

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["a@example.com", "aaaa", "https://example.com/", "drop", "BEGIN PRIVATE KEY", "\0"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["amount", "price", "to", "note", "meta", "url", "dry", "deep", "er", "id", "method", "params", "q"]
MEMBERS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), VALUES, max_size=6)
RPC = st.fixed_dictionaries(
    {"jsonrpc": st.sampled_from(["2.0", "1.0", 2])},
    optional={
        "id": VALUES,
        "method": st.sampled_from(["item.get", "tools/call", "tools/list"]) | VALUES,
        "params": st.fixed_dictionaries({"name": st.just("search"), "arguments": MEMBERS}) | MEMBERS | VALUES,
    },
)
DOCUMENTS = st.sampled_from([
    '{ issue(id: "a") { title } }', "mutation { close(id: 1) }", "mutation M($i: ID!) { a: close(id: $i) }",
    "query A { issue } query B { issue(id: 2) }", "{ ...f } fragment f on Query { issue(id: [{a: 1}]) }",
    "{ __schema { types { name } } }", "subscription { x }", "{", "",
])  # fmt: skip
BATCH = st.fixed_dictionaries({
    "requests": st.lists(
        st.fixed_dictionaries({
            "id": VALUES,
            "method": st.sampled_from(["GET", "POST", "DELETE", "x"]),
            "url": st.sampled_from(["/files/a", "/pay/a", "/batch", "//x", "http://x/", ""]),
        }, optional={"headers": MEMBERS, "body": MEMBERS | VALUES, "dependsOn": VALUES}),
        max_size=3,
    ),
})  # fmt: skip
GRAPHQL = st.fixed_dictionaries({
    "query": DOCUMENTS | VALUES,
}, optional={"variables": MEMBERS | VALUES, "operationName": VALUES, "extensions": VALUES})  # fmt: skip
JSON = (
    MEMBERS | RPC | BATCH | st.lists(RPC, max_size=3) | GRAPHQL | st.lists(GRAPHQL, max_size=2) | VALUES
).map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
PKT = st.sampled_from([
    b"00" + b"0" * 2, b"0000",
    b"0067" + b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/a\0 report-status0000PACK",
    b"000eversion 1\n", b"zzzz", b"0001", b"fff0",
])  # fmt: skip
FORM = st.lists(
    st.tuples(st.sampled_from(["amount", "to[]", "meta[a][b]", "note", "_method"]), st.text(max_size=5)),
    max_size=4,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "surrogatepass"))
PARTS = st.lists(
    st.sampled_from([
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n',
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nBEGIN RSA PRIVATE KEY\r\n',
        b"--b\r\n\r\n", b"--b--\r\n", b"--b",
    ]),
    max_size=4,
).map(b"".join)  # fmt: skip
BODIES = JSON | FORM | PARTS | PKT | st.binary(max_size=40) | st.just(b"")
TARGETS = st.sampled_from([
    "/pay/acct", "/pay/acct?dry=1", "/pay/a%2Fb", "/files/a/b", "/files/latest", "/files/a%2Fb", "/upload",
    "/graphql", "/graphql?query=%7Bissue%7D", "/rpc", "/git/o/r/git-receive-pack",
    "/git/o/r/info/refs?service=git-receive-pack", "/git/o/r/git-upload-pack", "/socket?room=1", "/a/b",
    "/..", "/pkg.Echo/Say", "/batch", "/parts",
])  # fmt: skip
TYPES = st.sampled_from([
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b",
    "application/x-git-receive-pack-request", "application/graphql", "text/plain; charset=utf-7", "a/b;;=",
])  # fmt: skip
HEADERS = st.lists(
    st.sampled_from([
        ("X-HTTP-Method-Override", "DELETE"), ("Content-Encoding", "gzip"), ("Authorization", "Bearer x"),
        ("Wharfinger-Reason", "because"), ("X-Extra", "1"), ("Upgrade", "websocket"), ("Cookie", "a=b"),
        ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), ("Content-Type", "text/plain"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Content-Length", "-1"),
        ("Git-Protocol", "version=2"),
    ]),
    max_size=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def mixed(make: Any) -> Any:
    policies = {
        f"policies/{name}.yaml": f"policy: {name}\n{textwrap.dedent(text)}"
        for name, text in {"main": POLICY, "pushing": PUSHING}.items()
    }
    return make({"tools/mixed.yaml": TOOLS, "agents.yaml": AGENTS, **policies})


def test_the_policies_are_put_to_use(mixed: Any) -> None:
    """Every verdict comes from this configuration: what follows is not decided before rules are asked."""
    base = "https://mixed.example.com"
    json_ = {"Content-Type": "application/json"}
    pay = b'{"amount": 7, "to": ["a@example.com"]}'
    lines = {
        f"GET {base}/files/a": (None, b""),
        f"POST {base}/pay/acct": (json_, pay),
        f"POST {base}/graphql": (json_, b'{"query": "mutation { close(id: \\"1\\") }"}'),
        f"POST {base}/rpc": (
            json_,
            b'{"jsonrpc": "2.0", "id": 1, "method": "item.get", "params": {"id": "a"}}',
        ),
    }
    found = {mixed.decide(line, fields, body).verdict for line, (fields, body) in lines.items()}
    assert found == set(Verdict), {line: mixed.decide(line, *rest).reason for line, rest in lines.items()}


@settings(max_examples=400, deadline=None)
@given(
    agent=st.sampled_from(["bot", "other"]),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]),
    host=st.sampled_from(["mixed.example.com"] * 4 + ["open.example.com", "api.stripe.com"]),
    target=TARGETS,
    kind=TYPES,
    headers=HEADERS,
    body=BODIES,
    origin=st.sampled_from(Origin),
)
def test_no_request_makes_an_exception_of_a_decision(
    mixed: Any, kind: str, headers: list[tuple[str, str]], origin: Origin, **parts: Any
) -> None:
    fields = (("Host", parts["host"]), ("Content-Type", kind), *headers)
    request = Request(scheme="https", port=443, headers=fields, **parts)
    facts = replace(mixed.facts, origin=origin)
    plain, told = (decide(mixed.configuration, request, facts, NOON, explain=each) for each in (False, True))
    assert not told.reason.startswith("internal error"), told.reason
    assert replace(told, trace=()) == replace(plain, trace=())
    assert all(str(near) for near in nearest(mixed.configuration, request, told))
