"""Invariant 5 in the places beyond the head: path, cookie, body, and several places of one tool."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.types import Code, Origin, Place, Verdict

KEY = "ghp_7hJkLmNpQrStUvWxYz0123456789"
OTHER = "search-aBcDeFgHiJkLmNoPqRsT01"
STRANGER = "sk_test_b3RoZXIgYWdlbnQncyBrZXk1"
SITE = "https://api.github.com"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

TOOLS = {
    "credentials.yaml": """
        credentials:
          STRIPE_API_KEY: {from: "env:STRIPE_API_KEY", hosts: [api.stripe.com]}
          GITHUB_TOKEN: {from: "env:GITHUB_TOKEN", hosts: [api.github.com]}
          SEARCH_KEY: {from: "env:SEARCH_KEY", hosts: [api.github.com]}
        """,
    "tools/stripe.yaml": None,
    "tools/own.yaml": None,
    "tools/github.yaml": """
        api: placed
        base: https://api.github.com
        tools:
          - tool: by_path
            effect: write
            run:
              method: POST
              url: "/bot${token}/send"
              body: {text: "${text}"}
              auth: {secret: GITHUB_TOKEN, in: path, name: token}
          - tool: by_path_read
            effect: read
            run:
              method: GET
              url: "/bot${token}/me"
              extra: allow
              auth: {secret: GITHUB_TOKEN, in: path, name: token}
          - tool: by_cookie
            run: {method: GET, url: "/cookie/${id}", auth: {secret: GITHUB_TOKEN, in: cookie, name: session}}
          - tool: by_body
            run:
              method: POST
              url: /body
              body: {text: "${text}"}
              auth: {secret: GITHUB_TOKEN, in: body, name: key}
          - tool: by_two
            run:
              method: GET
              url: /two
              auth: [{secret: GITHUB_TOKEN, name: X-Key}, {secret: SEARCH_KEY, name: X-App}]
          - tool: by_either
            run:
              method: POST
              url: /either
              body: {text: "${text}"}
              auth: [{secret: GITHUB_TOKEN, name: X-Key}, {secret: GITHUB_TOKEN, in: body, name: secret}]
          - tool: by_bodies
            run:
              method: POST
              url: /bodies
              body: {text: "${text}"}
              auth: [{secret: GITHUB_TOKEN, in: body, name: a}, {secret: SEARCH_KEY, in: body, name: b}]
        """,
}


@pytest.fixture
def placed(make: Any) -> Any:
    return make(TOOLS)


def body(**fields: Any) -> bytes:
    return json.dumps({"text": "hello", **fields}).encode()


HELLO = body()


@pytest.mark.parametrize(
    ("line", "headers", "content", "places"),
    [
        (f"POST {SITE}/bot{KEY}/send", JSON, HELLO, [Place.PATH]),
        (f"POST {SITE}/bot%67{KEY[1:]}/send", JSON, HELLO, [Place.PATH]),
        (f"GET {SITE}/cookie/1", {"Cookie": f"session={KEY}"}, b"", [Place.COOKIE]),
        (f"POST {SITE}/body", JSON, body(key=KEY), [Place.BODY]),
        (f"POST {SITE}/body", FORM, f"text=a&key={KEY}".encode(), [Place.BODY]),
        (f"GET {SITE}/two", {"X-Key": KEY, "X-App": OTHER}, b"", [Place.HEADER, Place.HEADER]),
        (f"POST {SITE}/either", JSON | {"X-Key": KEY}, HELLO, [Place.HEADER]),
        (f"POST {SITE}/either", JSON, body(secret=KEY), [Place.BODY]),
        (f"POST {SITE}/either", JSON | {"X-Key": KEY}, body(secret=KEY), [Place.HEADER, Place.BODY]),
        (f"POST {SITE}/bodies", JSON, body(a=KEY, b=OTHER), [Place.BODY, Place.BODY]),
        (f"POST {SITE}/bodies", FORM, f"b={OTHER}&text=a&a={KEY}".encode(), [Place.BODY, Place.BODY]),
    ],
)
def test_exchanged_at_its_place(placed: Any, line: str, headers: Any, content: bytes, places: Any) -> None:
    decision = placed.decide(line, headers, content)
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert [each.place for each in decision.placements] == places
    assert "token" not in decision.calls[0].inputs
    assert not {name.lower() for name, _ in decision.forward} & {"cookie", "x-key", "x-app"}


@pytest.mark.parametrize(
    ("line", "headers", "content"),
    [
        # Another's, another credential's, one of its own making, one with something to it.
        (f"POST {SITE}/bot{STRANGER}/send", JSON, HELLO),
        (f"POST {SITE}/bot{OTHER}/send", JSON, HELLO),
        (f"POST {SITE}/bot123:mine/send", JSON, HELLO),
        (f"POST {SITE}/bot{KEY}x/send", JSON, HELLO),
        (f"POST {SITE}/botx{KEY}/send", JSON, HELLO),
        (f"GET {SITE}/cookie/1", {"Cookie": f"session={OTHER}"}, b""),
        (f"GET {SITE}/cookie/1", {"Cookie": "session=mine"}, b""),
        (f"GET {SITE}/cookie/1", {"Cookie": f"session={KEY}x"}, b""),
        (f"POST {SITE}/body", JSON, body(key=OTHER)),
        (f"POST {SITE}/body", JSON, body(key="mine")),
        (f"POST {SITE}/body", JSON, body(key=f"{KEY}x")),
        (f"POST {SITE}/body", JSON, body(key=7)),
        (f"POST {SITE}/body", JSON, body(key=[KEY])),
        (f"POST {SITE}/body", FORM, b"text=a&key=mine"),
        (f"GET {SITE}/two", {"X-Key": OTHER, "X-App": KEY}, b""),
        # In its place, and somewhere else, too.
        (f"POST {SITE}/bot{KEY}/send?x={KEY}", JSON, HELLO),
        (f"GET {SITE}/bot{KEY}/me?x={KEY}", {}, b""),
        (f"POST {SITE}/bot{KEY}/send", JSON, body(note=KEY)),
        (f"POST {SITE}/bot{KEY}/send", JSON | {"X-A": KEY}, HELLO),
        (f"GET {SITE}/cookie/{KEY}", {"Cookie": f"session={KEY}"}, b""),
        (f"GET {SITE}/cookie/1", {"Cookie": f"session={KEY}; other={KEY}"}, b""),
        (f"GET {SITE}/cookie/1", {"Cookie": f"session={KEY}; {KEY}=1"}, b""),
        (f"GET {SITE}/cookie/1", {"Cookie": f"session={KEY}; mine=1"}, b""),
        (f"GET {SITE}/cookie/1", {"Cookie": f"session={KEY}; session={KEY}"}, b""),
        (f"POST {SITE}/body", JSON, body(key=KEY, note=KEY)),
        (f"POST {SITE}/body", JSON, body(key=KEY, note=f"x{KEY}")),
        (f"POST {SITE}/body", JSON, body(**{"key": KEY, KEY: 1})),
        (f"POST {SITE}/body", FORM, f"text={KEY}&key={KEY}".encode()),
        (f"POST {SITE}/body", JSON | {"Authorization": f"Bearer {KEY}"}, body(key=KEY)),
        (f"POST {SITE}/body?key={KEY}", JSON, HELLO),
        # Spelled so that what is put in could land elsewhere.
        (f"POST {SITE}/body", JSON, f'{{"text":"\\"{KEY}","key":"\\u0067{KEY[1:]}"}}'.encode()),
        (f"POST {SITE}/body", JSON, f'{{"text":"a","key":"\\u0067{KEY[1:]}"}}'.encode()),
        # In a place of another tool.
        (f"GET {SITE}/cookie/1?session={KEY}", {}, b""),
        (f"POST {SITE}/either", JSON | {"X-Key": KEY}, body(secret=OTHER)),
    ],
)
def test_misuse(placed: Any, line: str, headers: Any, content: bytes) -> None:
    decision = placed.decide(line, headers, content)
    assert decision.verdict is Verdict.DENY
    assert decision.code in {Code.MISUSE, Code.DENIED}, decision.reason
    assert decision.code is Code.MISUSE or "extra" in decision.reason or "names" in decision.reason
    assert not decision.placements
    assert "mine" not in decision.reason + decision.help
    assert KEY not in decision.reason + decision.help


@pytest.mark.parametrize(
    ("line", "headers", "content"),
    [
        (f"POST {SITE}/bot{{token}}/send", JSON, HELLO),
        (f"GET {SITE}/cookie/1", {}, b""),
        (f"POST {SITE}/body", JSON, HELLO),
        (f"POST {SITE}/body", JSON, body(key="")),
        (f"GET {SITE}/two", {"X-Key": KEY}, b""),
        (f"POST {SITE}/either", JSON, HELLO),
        (f"POST {SITE}/bodies", JSON, body(a=KEY)),
    ],
)
def test_without_one_the_call_is_denied_and_the_check_assumes_it(
    placed: Any, line: str, headers: Any, content: bytes
) -> None:
    decision = placed.decide(line, headers, content)
    assert decision.code is Code.DENIED
    assert "has no credential" in decision.reason
    assumed = placed.with_facts(origin=Origin.EXPLAIN).decide(line, headers, content)
    assert assumed.verdict is Verdict.ALLOW, assumed.reason
    names = [each.credential for each in assumed.placements]
    assert len(names) == len(set(names)) == (2 if "two" in line or "bodies" in line else 1)


def test_a_tool_is_filled_in_and_read_back_without_its_credential(placed: Any) -> None:
    filled = placed.configuration.tools["by_path"].fill({"text": "a"})
    assert filled.target == "/bot%7Btoken%7D/send"
    with_it = placed.with_facts(origin=Origin.TEST)
    assert with_it.decide(f"POST {filled.url}", JSON, filled.body).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("auth", "run", "said"),
    [
        ("{secret: K, in: path, name: t}", 'method: GET, url: "/a/${x}"', 'no place "t"'),
        ("{secret: K, in: path, name: t}", 'method: GET, url: "/a/${t...}"', 'no place "t"'),
        ("{secret: K, in: path, name: t}", 'method: GET, url: "/a/${t}.${x}"', 'no place "t"'),
        ("{secret: K, in: path, name: t}", 'method: GET, url: "/${t}/${t}"', 'no place "t"'),
        ("{secret: K, in: path, name: t}", 'method: GET, url: "/${t}", query: {q: "${t}"}', "stands in the"),
        ("{secret: K, in: path, name: t, format: 'x${secret}'}", 'method: GET, url: "/${t}"', "alone"),
        ("{secret: K, in: cookie, name: 'a b'}", "method: GET, url: /a", "cannot be that of"),
        ("{secret: K, in: body, name: k}", "method: GET, url: /a", "without a body"),
        ("{secret: K, in: body, name: k}", 'method: POST, url: /a, body: {k: "${k}"}', "stands in the"),
        (
            "{secret: K, in: body, name: k}",
            "method: POST, url: /a, encoding: multipart, body: {a: b}",
            "JSON or a form",
        ),
        ("{secret: K, in: body, name: k}", "method: POST, url: /a, body: stream", "JSON or a form"),
        ("{secret: K, in: query, name: k}", 'method: GET, url: /a, query: {k: "${k}"}', "stands in the"),
        ("[{secret: K}, {secret: L}]", "method: GET, url: /a", "two credentials go to"),
        ("[]", "method: GET, url: /a", "one to 4 places"),
        ("[own]", "method: GET, url: /a", "one to 4 places"),
        ("[{secret: K, more: [{secret: L}]}]", "method: GET, url: /a", "more"),
        ("[{secret: K}, {secret: L, name: X-L, more: []}]", "method: GET, url: /a", "more"),
        ("{secret: K, more: [{secret: L, name: X-L}]}", "method: GET, url: /a", 'unknown key "more"'),
        ("{secret: K, in: query, name: k, also: [X-K]}", "method: GET, url: /a", "for header fields"),
    ],
)
def test_a_place_that_the_template_does_not_have_is_an_error(auth: str, run: str, said: str) -> None:
    problems = Problems()
    text = f"base: https://a.example.com\nauth: {auth}\ntools: [{{tool: t, run: {{{run}}}}}]\n"
    file = read_model(ToolFile, Source("tools/t.yaml", text.encode(), False), problems)
    if file is not None:
        Toolset.compile([file], problems)
    assert any(said in str(problem) for problem in problems), "\n".join(map(str, problems))
