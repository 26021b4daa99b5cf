"""Requests are recognised by method, host, path and constants; what is wrong with one is said, or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.types import Code, Effect, Request

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

REFUND = """
tool: refund_payment
description: Refund a Stripe payment
input:
  payment_id: string
  amount_cents: number
run:
  type: http
  method: POST
  url: https://api.stripe.com/v1/refunds
  auth: {secret: STRIPE_API_KEY}
  body:
    payment_intent: ${payment_id}
    amount: ${amount_cents}
"""

API = """
api: example
base: https://api.example.com
auth: {secret: TOKEN}
tools:
  - tool: list_items
    run: {method: [GET, HEAD], url: /items, query: {page: "${page}"}}
    input: {page: {type: integer, required: false}}
  - {tool: get_item, run: {method: GET, url: "/items/${id}"}}
  - {tool: get_latest, run: {method: GET, url: /items/latest}}
  - {tool: get_item_json, run: {method: GET, url: "/items/${id}.json"}}
  - {tool: compare, run: {method: GET, url: "/compare/${base}...${head}"}}
  - {tool: get_file, run: {method: GET, url: "/files/${path...}"}}
  - {tool: get_project, run: {method: GET, url: "/projects/${id:encoded}"}}
  - tool: create_item
    run:
      method: POST
      url: /items
      body: {title: "${title}", body: "${body}", labels: "${labels}", of: {kind: item, size: "${size}"}}
      extra: allow
    input:
      body: {required: false}
      labels: {type: array, required: false}
      size: {type: integer, required: false}
    reason: ${body}
  - tool: create_secret_item
    run: {method: POST, url: /items, body: {title: "${title}", of: {kind: item, secret: true}}, extra: allow}
  - {tool: delete_item, run: {method: DELETE, url: "/items/${id}"}}
  - {tool: fetch, run: {method: GET, url: "/git?service=fetch"}}
  - {tool: push, run: {method: GET, url: "/git?service=push"}}
  - {tool: act, run: {method: POST, url: /act, headers: {Stripe-Account: "${account}"}}}
  - {tool: mark, run: {method: POST, url: /mark, headers: {X-Mark: "${mark}"}}}
  - {tool: keyed, run: {method: POST, url: /keyed, auth: {secret: K, in: query, name: key}}}
  - {tool: note, run: {method: POST, url: /note, encoding: text, body: "${text}"}}
  - {tool: upload, run: {method: PUT, url: "/upload/${name}", body: stream}}
  - {tool: blob, run: {method: PUT, url: "/blob/${name}", encoding: any}}
  - {tool: purge, effect: destructive, run: {method: PURGE, url: /cache}}
"""

TENANT = """
tool: tenant_get
run: {method: GET, url: "https://${site}.tenant.example/x/${site}"}
"""


@pytest.fixture(scope="module")
def tools(compile_tools: Any) -> Toolset:
    toolset, problems = compile_tools(REFUND, API, TENANT)
    assert not problems.errors
    return toolset


@pytest.mark.parametrize(
    ("line", "fields", "body", "expected"),
    [
        ("GET /items", {}, b"", ("list_items", {})),
        ("HEAD /items?page=2", {}, b"", ("list_items", {"page": 2})),
        ("GET /items/7", {}, b"", ("get_item", {"id": "7"})),
        ("GET /items/%37%20x", {}, b"", ("get_item", {"id": "7 x"})),
        ("GET /items/latest", {}, b"", ("get_latest", {})),
        ("GET /items/a.json", {}, b"", ("get_item_json", {"id": "a"})),
        ("GET /compare/main...x", {}, b"", ("compare", {"base": "main", "head": "x"})),
        ("GET /files/a/b/c", {}, b"", ("get_file", {"path": "a/b/c"})),
        ("GET /projects/a%2Fb", {}, b"", ("get_project", {"id": "a/b"})),
        ("POST /items", JSON, b'{"title":"a","of":{"kind":"item"}}', ("create_item", {"title": "a"})),
        (
            "POST /items",
            JSON,
            b'{"title":"a","labels":["x"],"of":{"kind":"item","size":3}}',
            ("create_item", {"title": "a", "labels": ["x"], "size": 3}),
        ),
        (
            "POST /items",
            FORM,
            b"title=a+b&labels[]=x&labels%5B%5D=y&of[kind]=item&of[size]=3",
            ("create_item", {"title": "a b", "labels": ["x", "y"], "size": 3}),
        ),
        (
            "POST /items",
            JSON,
            b'{"title":"a","of":{"kind":"item","secret":true}}',
            ("create_secret_item", {"title": "a"}),
        ),
        ("DELETE /items/7", {}, b"", ("delete_item", {"id": "7"})),
        ("GET /git?service=push", {}, b"", ("push", {})),
        ("POST /act", {"stripe-account": "acct_1"}, b"", ("act", {"account": "acct_1"})),
        ("POST /note", {"Content-Type": "text/plain"}, "grüße".encode(), ("note", {"text": "grüße"})),
        ("PUT /blob/x", {"Content-Type": "image/png"}, b"\xff\x00", ("blob", {"name": "x"})),
        ("PUT /upload/x", {"Content-Type": "image/png"}, b"\xff\x00", ("upload", {"name": "x"})),
        ("PURGE /cache", {}, b"", ("purge", {})),
    ],
)
def test_calls(
    tools: Toolset, make_request: Any, *, line: str, fields: Any, body: bytes, expected: Any
) -> None:
    tool, inputs = expected
    method, target = line.split(" ")
    read = tools.recognise(make_request(f"{method} https://api.example.com{target}", fields, body))
    assert read.refusal is None
    assert read.winner is not None
    assert read.winner.name == tool
    assert read.calls[0].inputs == inputs


def test_what_the_stripe_package_sends(tools: Toolset) -> None:
    """As recorded from stripe-python 16.1, without the reason it may add."""
    fields = (
        ("Host", "api.stripe.com"),
        ("User-Agent", "Stripe/v1 PythonBindings/16.1.0"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
        ("X-Stripe-Client-User-Agent", '{"bindings_version": "16.1.0", "lang": "python"}'),
        ("Authorization", "Bearer sk_test_placeholder0000000000"),
        ("Idempotency-Key", "d0b7efbd-86bf-edac-f799-116d6311d158"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Stripe-Version", "2026-10-28.endive"),
        ("Content-Length", "31"),
    )
    body = b"payment_intent=pi_1&amount=2500"
    request = Request("a", "POST", "https", "api.stripe.com", 443, "/v1/refunds", fields, body)
    read = tools.recognise(request)
    assert read.refusal is None
    assert read.calls[0].tool == "refund_payment"
    assert read.calls[0].inputs == {"payment_id": "pi_1", "amount_cents": 2500}
    assert read.calls[0].effect is Effect.WRITE
    assert read.winner is not None
    assert read.winner.placements[0].credential == "STRIPE_API_KEY"


@pytest.mark.parametrize(
    "line",
    [
        "GET https://api.example.com/",
        "GET https://api.example.com/items/",
        "GET https://api.example.com/Items",
        "POST https://api.example.com/items/7",
        "GET http://api.example.com/items",
        "GET https://api.example.com:8443/items",
        "GET https://evil.example/items",
        "GET https://xapi.example.com/items",
        "GET https://api.example.com.evil.example/items",
        "GET https://api.example.com/git",
        "GET https://api.example.com/git?service=other",
        "GET https://api.example.com/git?service=Push",
        "GET https://api.example.com/files",
        "GET https://api.example.com/items/a%2Fb",
        "GET https://tenant.example/x/y",
        "GET https://a.b.tenant.example/x/a",
    ],
)
def test_unmatched(tools: Toolset, make_request: Any, line: str) -> None:
    request = make_request(line)
    read = tools.recognise(request)
    assert read.refusal is None
    assert read.winner is None
    call = read.calls[0]
    assert call.tool == "unmatched"
    assert call.inputs["host"] == request.host
    assert call.inputs["method"] == request.method
    assert call.inputs["path"] == request.target.partition("?")[0]


REFUND_URL = "POST https://api.stripe.com/v1/refunds"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"payment_intent": "pi_1"}, ["amount_cents"]),
        ({"amount": 1}, ["payment_id"]),
        ({"payment_intent": "pi_1", "amount": "2500"}, ["amount_cents"]),
        ({"payment_intent": "pi_1", "amount": None}, ["amount_cents"]),
        ({"payment_intent": None, "amount": True}, ["payment_id", "amount_cents"]),
        ({}, ["payment_id", "amount_cents"]),
        ([], []),
        ("hunter2", []),
        (None, []),
        ({"payment_intent": "pi_1", "amount": 1, "hunter2": 1}, []),
    ],
)
def test_bad_inputs_are_denied_and_named(
    tools: Toolset, make_request: Any, body: Any, names: list[str]
) -> None:
    import json

    read = tools.recognise(make_request(REFUND_URL, JSON, json.dumps(body).encode()))
    assert read.winner is not None
    assert read.refusal is not None
    assert read.refusal.code is Code.DENIED
    for name in names:
        assert f'"{name}"' in read.refusal.reason
    assert "hunter2" not in str(read.refusal)
    assert "refund_payment" in read.refusal.help


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (FORM, b"payment_intent=pi_1&amount=02500"),
        (FORM, b"payment_intent=pi_1&amount=+2500"),
        (FORM, b"payment_intent=pi_1&amount=0x9"),
        (FORM, b"payment_intent=pi_1&amount=1&amount=2"),
        (FORM, b"payment_intent=pi_1&amount[]=1"),
        (FORM, b"payment_intent=pi_1&amount[a]=1"),
        (FORM, b"payment_intent=pi_1&amount=1;amount=2"),
        (FORM, b"payment_intent=pi_1&amount=1&Amount=2"),
        (JSON, b'{"payment_intent":"pi_1","amount":1,"amount":2}'),
        (JSON, b'{"payment_intent":"pi_1","amount":NaN}'),
        (JSON, b"payment_intent=pi_1&amount=1"),
        ({"Content-Type": "text/plain"}, b'{"payment_intent":"pi_1","amount":1}'),
        ({"Content-Type": "application/json; charset=utf-16"}, b'{"payment_intent":"pi_1","amount":1}'),
        ({}, b'{"payment_intent":"pi_1","amount":1}'),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
        (JSON, None),
        ({**JSON, "Content-Encoding": "gzip"}, b'{"payment_intent":"pi_1","amount":1}'),
    ],
)
def test_bodies_with_two_readings_are_refused(
    tools: Toolset, make_request: Any, fields: Any, body: bytes
) -> None:
    assert tools.recognise(make_request(REFUND_URL, fields, body)).refusal is not None


def test_a_body_beyond_the_parse_limit_is_denied(tools: Toolset, make_request: Any) -> None:
    request = make_request(REFUND_URL, JSON, b'{"payment_intent":"pi_1","amount":1}')
    assert tools.recognise(request, limit=len(request.body)).refusal is None
    assert tools.recognise(request, limit=len(request.body) - 1).refusal is not None


EXTRA_URL = "POST https://api.example.com/items"
EXTRA_BODY = '{"title":"a","of":{"kind":"item"}%s}'


@pytest.mark.parametrize("more", ['"color":"red"', '"nested":{"a":[1]}', '"titles":1', '"a":1,"b":2'])
def test_extras_are_admitted_and_recorded(tools: Toolset, make_request: Any, more: str) -> None:
    read = tools.recognise(make_request(EXTRA_URL, JSON, (EXTRA_BODY % f",{more}").encode()))
    assert read.refusal is None
    assert read.calls[0].extras


@pytest.mark.parametrize(
    "more",
    [
        '"Title":"b"',
        '"TITLE":"b"',
        '"title[]":"b"',
        '"title[0]":"b"',
        '" title":"b"',
        '"t\u200bitle":"b"',
        '"\uff54itle":"b"',
        '"of.kind":"x"',
        '"of[kind]":"x"',
        '"_method":"DELETE"',
        '"X-HTTP-Method-Override":"DELETE"',
        '"access_token":"x"',
        '"api_key":"x"',
        '"Authorization":"x"',
        '"page":1,"Page":2',
        f'"big":"{"x" * 2048}"',
    ],
)
def test_extras_that_never_pass(tools: Toolset, make_request: Any, more: str) -> None:
    read = tools.recognise(make_request(EXTRA_URL, JSON, (EXTRA_BODY % f",{more}").encode()))
    assert read.winner is not None
    assert read.refusal is not None


def test_an_extra_in_the_query_may_not_look_like_a_field_of_the_body(
    tools: Toolset, make_request: Any
) -> None:
    body = (EXTRA_BODY % "").encode()
    assert tools.recognise(make_request(EXTRA_URL + "?color=red", JSON, body)).refusal is None
    assert tools.recognise(make_request(EXTRA_URL + "?title=b", JSON, body)).refusal is not None
    assert tools.recognise(make_request(EXTRA_URL + "?color=red&color=blue", JSON, body)).refusal is not None


def test_the_place_of_the_tools_credential_is_no_extra(tools: Toolset, make_request: Any) -> None:
    read = tools.recognise(make_request("POST https://api.example.com/keyed?key=dummy"))
    assert read.refusal is None
    assert not read.calls[0].extras
    for query in ("key=a&key=b", "Key=a", "key[]=a", "key=a&k=b"):
        assert (
            tools.recognise(make_request(f"POST https://api.example.com/keyed?{query}")).refusal is not None
        )


def test_extras_of_reads_pass_and_of_writes_do_not(tools: Toolset, make_request: Any) -> None:
    assert tools.recognise(make_request("GET https://api.example.com/items?sort=a")).refusal is None
    assert tools.recognise(make_request("DELETE https://api.example.com/items/7?force=1")).refusal is not None


def test_every_template_that_fits_is_seen(tools: Toolset, make_request: Any) -> None:
    read = tools.recognise(make_request("GET https://api.example.com/items/latest"))
    assert [fit.tool.name for fit in read.fitting] == ["get_latest", "get_item"]
    body = b'{"title":"a","of":{"kind":"item","secret":true}}'
    read = tools.recognise(make_request(EXTRA_URL, JSON, body))
    assert [fit.tool.name for fit in read.fitting] == ["create_secret_item", "create_item"]


def test_inputs_never_choose_the_tool(tools: Toolset, make_request: Any) -> None:
    """A path that two splits could read is denied by the tool it fits, not handed to another."""
    read = tools.recognise(make_request("GET https://api.example.com/compare/a...b...c"))
    assert read.winner is not None
    assert read.winner.name == "compare"
    assert read.refusal is not None


def test_a_variable_that_stands_twice_must_agree(tools: Toolset, make_request: Any) -> None:
    read = tools.recognise(make_request("GET https://acme.tenant.example/x/acme"))
    assert read.refusal is None
    assert read.calls[0].inputs == {"site": "acme"}
    assert tools.recognise(make_request("GET https://acme.tenant.example/x/other")).refusal is not None


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("GET https://api.example.com/items", {"X-HTTP-Method-Override": "DELETE"}),
        ("GET https://api.example.com/items", {"Stripe-Account": "acct_1"}),
        ("GET https://api.example.com/items", {"X_Forwarded_Host": "evil.example"}),
        ("GET https://elsewhere.example/", {"X-Original-URL": "/admin"}),
        ("GET https://elsewhere.example/?_method=DELETE", {}),
        ("GET https://api.example.com/items?_method=DELETE", {}),
        ("GET https://api.example.com/items/../x", {}),
        ("GET https://api.example.com//items", {}),
        ("get https://api.example.com/items", {}),
        ("TRACE https://api.example.com/items", {}),
        ("GET https://api.example.com/items?page=1;page=2", {}),
        ("GET https://api.example.com/items", {"Trailer": "X"}),
    ],
)
def test_what_changes_the_call_is_refused(tools: Toolset, make_request: Any, line: str, fields: Any) -> None:
    assert tools.recognise(make_request(line, fields)).refusal is not None


def test_a_header_input_may_not_stand_twice(tools: Toolset, make_request: Any) -> None:
    request = make_request("POST https://api.example.com/mark", (("X-Mark", "a"),))
    assert tools.recognise(request).calls[0].inputs == {"mark": "a"}
    for name, line in (("Stripe-Account", "act"), ("X-Mark", "mark")):
        fields = ((name, "a"), (name.lower(), "b"))
        assert (
            tools.recognise(make_request(f"POST https://api.example.com/{line}", fields)).refusal is not None
        )


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("PUT https://api.example.com/blob/x", True),
        ("PUT https://api.example.com/upload/x", True),
        ("POST https://api.example.com/note", False),
        ("GET https://api.example.com/items", False),
        ("PUT https://elsewhere.example/x", False),
    ],
)
def test_a_compressed_body_passes_only_where_it_is_not_read(
    tools: Toolset, make_request: Any, line: str, passes: bool
) -> None:
    fields = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    read = tools.recognise(make_request(line, fields, b"x"))
    assert (read.refusal is None) is passes
    if passes:
        assert read.winner is not None
        assert "content-encoding" in read.winner.passed


def test_reason(tools: Toolset, make_request: Any) -> None:
    body = b'{"title":"a","body":"because","of":{"kind":"item"}}'
    assert tools.recognise(make_request(EXTRA_URL, JSON, body)).calls[0].reason == "because"
    fields = {**JSON, "Wharfinger-Reason": "told so"}
    assert tools.recognise(make_request(EXTRA_URL, fields, body)).calls[0].reason == "told so"
    for sent in ("für Ada".encode().decode("latin-1"), "für Ada"):
        fields = {**JSON, "Wharfinger-Reason": sent}
        assert tools.recognise(make_request(EXTRA_URL, fields, body)).calls[0].reason == "für Ada"
    fields = {**JSON, "Wharfinger-Reason": " "}
    assert tools.recognise(make_request(EXTRA_URL, fields, body)).calls[0].reason == "because"
    assert tools.recognise(make_request("GET https://api.example.com/items")).calls[0].reason is None


def test_streams(tools: Toolset, make_request: Any) -> None:
    """Only a tool that says so passes a body unread."""
    assert tools.streams(make_request("PUT https://api.example.com/upload/x"))
    assert not tools.streams(make_request("PUT https://api.example.com/blob/x"))
    assert not tools.streams(make_request(EXTRA_URL))
    assert not tools.streams(make_request("PUT https://api.example.com/upload/x/y"))
    read = tools.recognise(make_request("PUT https://api.example.com/upload/x", {}, None))
    assert read.refusal is None
    assert not read.body_read


def test_a_body_that_one_template_must_read_is_not_matched_elsewhere(
    compile_tools: Any, make_request: Any
) -> None:
    toolset, problems = compile_tools("""
        api: example
        base: https://api.example.com
        tools:
          - {tool: any, run: {method: POST, url: "/${x}", encoding: any}}
          - {tool: read, run: {method: POST, url: /a, body: {k: v}}}
        """)
    assert not problems.errors
    assert toolset.recognise(make_request("POST https://api.example.com/b", {}, b"\xff")).refusal is None
    assert (
        toolset.recognise(make_request("POST https://api.example.com/a", JSON, b'{"k":"v"}')).winner
        is toolset["read"]
    )
    assert (
        toolset.recognise(make_request("POST https://api.example.com/a", JSON, b'{"k":"w"}')).winner
        is toolset["any"]
    )
    for fields, body in (
        (JSON, b'{"k":"v","k":"v"}'),
        ({}, b'{"k":"v"}'),
        ({"Content-Type": "text/plain"}, b"{}"),
    ):
        assert (
            toolset.recognise(make_request("POST https://api.example.com/a", fields, body)).refusal
            is not None
        )


def test_a_body_is_read_by_the_templates_of_its_kind_only(compile_tools: Any, make_request: Any) -> None:
    toolset, problems = compile_tools("""
        api: example
        base: https://api.example.com
        tools:
          - {tool: json, run: {method: POST, url: /a, encoding: json, body: {k: "${v}"}}}
          - {tool: text, run: {method: POST, url: /a, encoding: text, body: "say ${v}"}}
        """)
    assert not problems.errors
    line = "POST https://api.example.com/a"
    read = toolset.recognise(make_request(line, {"Content-Type": "text/plain"}, b"say x"))
    assert [fit.tool.name for fit in read.fitting] == ["text"]
    read = toolset.recognise(make_request(line, JSON, b'{"k":"x"}'))
    assert [fit.tool.name for fit in read.fitting] == ["json"]
    assert toolset.recognise(make_request(line, FORM, b"k=x")).refusal is not None


METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "get", "", "\x00"])
TARGETS = st.one_of(
    st.sampled_from(
        [
            "/items",
            "/items/7",
            "/compare/a...b",
            "/files/a/b",
            "/projects/a%2Fb",
            "/git?service=push",
            "/note",
        ]
    ),
    st.text(alphabet=st.characters(max_codepoint=255), max_size=20).map(lambda t: "/" + t),
    st.text(max_size=10),
)
FIELDS = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from(["Content-Type", "Host", "Stripe-Account", "Wharfinger-Reason"]),
            st.text(max_size=5),
        ),
        st.one_of(st.sampled_from([*JSON.values(), *FORM.values(), "text/plain"]), st.text(max_size=5)),
    ),
    max_size=3,
)
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=30),
    st.sampled_from([b"{}", b"[]", b"null", b'{"title":"a","of":{"kind":"item"}}', b"title=a&of[kind]=item"]),
)


@given(METHODS, TARGETS, FIELDS, BODIES)
def test_any_bytes_are_recognised_or_refused(
    tools: Toolset, method: str, target: str, fields: list[tuple[str, str]], body: bytes | None
) -> None:
    request = Request(
        "a", method, "https", "api.example.com", 443, target, (("Host", "api.example.com"), *fields), body
    )
    read = tools.recognise(request)
    assert read.refusal is not None or read.calls
    tools.streams(request)
    for other in (replace(request, host=target), replace(request, headers=tuple(fields))):
        read = tools.recognise(other)
        assert read.refusal is not None or read.calls
