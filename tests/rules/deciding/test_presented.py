"""Invariant 5: a placeholder is a key to one lock, and nobody brings a key of their own."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.recognition.presented import APART
from wharfinger.rules.types import Code, Place, Placement, Verdict

STRIPE = "sk_test_Qm9vdHMgYW5kIGNhdHM0"
GITHUB = "ghp_7hJkLmNpQrStUvWxYz0123456789"
SEARCH = "search-aBcDeFgHiJkLmNoPqRsT01"
OTHERS = "sk_test_b3RoZXIgYWdlbnQncyBrZXk1"
REFUND = "GET https://api.stripe.com/v1/refunds/re_1"
REPO = "GET https://api.github.com/repos/o/r"
ACCOUNT = "GET https://api.stripe.com/v1/account"
PAGE = "GET https://plain.example.com/pages/a"
STATUS = "GET https://api.github.com/status"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        f"Bearer {STRIPE}",
        f"bearer {STRIPE}",
        f"Bearer  {STRIPE} ",
        f"token {STRIPE}",
        STRIPE,
        basic(f"{STRIPE}:"),
        basic(f":{STRIPE}"),
        basic(f"x-access-token:{STRIPE}"),
        basic(STRIPE),
        basic(f"{STRIPE}:").rstrip("="),
    ],
)
def test_exchanged_at_its_place_in_every_usual_form(world: Any, value: str) -> None:
    decision = world.decide(REFUND, {"Authorization": value})
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert decision.placements == (
        Placement("STRIPE_API_KEY", Place.HEADER, "Authorization", "Bearer ${secret}"),
    )
    assert "Authorization" not in dict(decision.forward)
    assert "authorization" not in decision.dropped


def test_exchanged_in_the_format_of_the_tool(world: Any) -> None:
    assert world.decide(REPO, {"Authorization": f"Bearer {GITHUB}"}).placements[0].format == "token ${secret}"


def test_exchanged_in_a_query_of_its_own_name(make: Any) -> None:
    world = make({
        "tools/search.yaml": """
            tool: search
            run: {method: GET, url: https://search.example.com/find, query: {q: "${q}"}}
            base: https://search.example.com
            auth: {secret: SEARCH_KEY, in: query, name: key}
            """
    })  # fmt: skip
    line = "GET https://search.example.com/find?q=a"
    decision = world.decide(f"{line}&key={SEARCH}")
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert decision.placements == (Placement("SEARCH_KEY", Place.QUERY, "key", "${secret}"),)
    assert world.decide(f"{line}{SEARCH}&key={SEARCH}").code is Code.MISUSE
    assert world.decide(f"{line}&key={SEARCH}x").code is Code.MISUSE
    assert world.decide(f"{line}&key=mine").code is Code.MISUSE
    assert world.decide(f"{line}&key={SEARCH}&key={SEARCH}").verdict is Verdict.DENY
    assert world.decide(f"{line}&key={SEARCH}", {"Authorization": f"Bearer {SEARCH}"}).code is Code.MISUSE
    assert world.decide(line).code is Code.DENIED


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        (REFUND, {"Authorization": "Bearer sk_live_a_key_of_my_own"}),
        (REFUND, {"Authorization": basic("user:password")}),
        (REFUND, {"Authorization": "Basic !!!"}),
        (REFUND, {"Authorization": f"Bearer {STRIPE}", "X-Api-Key": "mine"}),
        (REFUND, {"X-Api-Key": "mine"}),
        (REFUND, {"Authorization": f"Bearer {STRIPE}x"}),
        (REFUND, {"Authorization": f"Bearer x{STRIPE}"}),
        (REFUND, {"Authorization": f"Bearer {STRIPE.upper()}"}),
        (REFUND, {"Authorization": f"Bearer {STRIPE} {STRIPE}"}),
        (REFUND, {"Authorization": f"Bearer {base64.b64encode(STRIPE.encode()).decode()}"}),
        (REFUND, {"Authorization": f"Bearer {GITHUB}"}),
        (REFUND, {"Authorization": basic(f"{STRIPE}:{GITHUB}")}),
        (STATUS, {"Authorization": "Bearer mine"}),
        (REPO, {"Authorization": f"Bearer {GITHUB}", "User-Agent": GITHUB}),
        (REPO, {"Authorization": f"Bearer {GITHUB}", "Cookie": f"s={GITHUB}"}),
        (REPO, {"Authorization": f"Bearer {GITHUB}", "X-Api-Key": GITHUB}),
        (REPO + f"?x={GITHUB}", {"Authorization": f"Bearer {GITHUB}"}),
        (f"GET https://api.github.com/repos/{GITHUB}/r", {"Authorization": f"Bearer {GITHUB}"}),
        (PAGE, {"Authorization": f"Bearer {STRIPE}"}),
        (PAGE, {"Accept": STRIPE}),
        (f"GET https://plain.example.com/pages/{STRIPE}", {}),
        (f"GET https://plain.example.com/pages/{quote(base64.b64encode(STRIPE.encode()))}", {}),
        ("GET https://other.example.org/", {"Authorization": f"Bearer {STRIPE}"}),
        ("GET http://api.stripe.com/v1/refunds/re_1", {"Authorization": f"Bearer {STRIPE}"}),
        (ACCOUNT, {"Authorization": f"Bearer {STRIPE}"}),
    ],
)
def test_misuse(world: Any, line: str, headers: dict[str, str]) -> None:
    decision = world.decide(line, headers)
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.MISUSE), decision.reason
    assert not decision.placements
    for secret in (STRIPE, GITHUB, "mine", "password", "sk_live"):
        assert secret not in decision.reason + decision.help


@pytest.mark.parametrize("size", [0, APART - len(STRIPE), APART + 1])
@pytest.mark.parametrize("before", [True, False])
def test_bodies_are_searched_whatever_their_size(world: Any, size: int, before: bool) -> None:
    around = b" " * size
    body = STRIPE.encode() + around if before else around + STRIPE.encode()
    for fields in ({"Content-Type": "text/plain"}, {"X-Bad": "\x00"}):
        assert world.decide("POST https://plain.example.com/pages/a", fields, body).code is Code.MISUSE


@pytest.mark.parametrize("size", [0, APART])
def test_heads_are_searched_whatever_the_size_of_the_body(world: Any, size: int) -> None:
    for fields in ({"X-A": STRIPE}, {f"X-{STRIPE}": "1"}, {"X-A": STRIPE, "X-Bad": "\x00"}, {"X A": STRIPE}):
        decision = world.decide("POST https://plain.example.com/pages/a", fields, b" " * size)
        assert decision.code is Code.MISUSE, fields


def test_two_authorizations_are_refused(world: Any) -> None:
    twice = [("Authorization", f"Bearer {STRIPE}"), ("authorization", f"Bearer {STRIPE}")]
    assert world.decide(REFUND, twice).verdict is Verdict.DENY


def test_another_agents_placeholder_is_named_for_the_operator(world: Any) -> None:
    decision = world.decide(REFUND, {"Authorization": f"Bearer {OTHERS}"})
    assert decision.code is Code.MISUSE
    assert "STRIPE_API_KEY of other" in decision.reason


@pytest.mark.parametrize(
    ("headers", "names"),
    [({}, True), ({"Authorization": ""}, True), ({"Authorization": "Bearer "}, True)],
)
def test_without_a_credential_the_variable_is_named(world: Any, headers: dict[str, str], names: bool) -> None:
    decision = world.decide(REFUND, headers)
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.DENIED)
    assert "get_refund needs STRIPE_API_KEY" in decision.reason
    assert "STRIPE_API_KEY or STRIPE_SECRET_KEY" in decision.help


def test_an_optional_credential_may_be_left_out(world: Any) -> None:
    without = world.decide(STATUS)
    assert (without.verdict, without.placements) == (Verdict.ALLOW, ())
    assert world.decide(STATUS, {"Authorization": f"token {GITHUB}"}).placements != ()


def test_explaining_assumes_the_placeholder_but_forgives_no_misuse(world: Any) -> None:
    explaining = world.explaining()
    decision = explaining.decide(REFUND, explain=True)
    assert (decision.verdict, len(decision.placements)) == (Verdict.ALLOW, 1)
    assert any("assumed" in step.text for step in decision.trace)
    assert explaining.decide(REFUND, {"Authorization": "Bearer mine"}).code is Code.MISUSE


def test_an_own_login_passes_where_the_tool_says_so_and_is_named_for_masking(world: Any) -> None:
    decision = world.decide(ACCOUNT, {"Authorization": "Bearer mine", "X-Api-Key": "too"})
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert decision.own == ("authorization", "x-api-key")
    assert dict(decision.forward)["Authorization"] == "Bearer mine"
    assert decision.placements == ()


def test_an_own_login_is_dropped_where_nothing_declares_it(world: Any) -> None:
    decision = world.decide(PAGE, {"Authorization": "Bearer mine"})
    assert decision.verdict is Verdict.ALLOW
    assert decision.dropped == ("authorization",)
    assert decision.own == ()


def test_what_an_sdk_always_sends_is_no_misuse_where_no_tool_fits(world: Any) -> None:
    decision = world.decide(
        "DELETE https://api.stripe.com/v1/customers/cus_1", {"Authorization": f"Bearer {STRIPE}"}
    )
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.DENIED)
    assert decision.reason == "no rule allows this"


@pytest.mark.parametrize("cookie", ["a=b", "session=mine; b=c", "; ;", "no pair", "a="])
def test_own_cookies_to_a_host_with_a_credential_are_refused_and_no_misuse(world: Any, cookie: str) -> None:
    decision = world.decide(REFUND, {"Authorization": f"Bearer {STRIPE}", "Cookie": cookie})
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.DENIED)
    assert decision.reason == "the request holds cookies of your own, and the host has a credential bound"


def test_a_field_of_no_cookies_is_dropped(world: Any) -> None:
    """As a client of Vercel's sends it."""
    decision = world.decide(REFUND, {"Authorization": f"Bearer {STRIPE}", "Cookie": ""})
    assert decision.verdict is Verdict.ALLOW
    assert decision.dropped == ("cookie",)


def test_cookies_to_a_host_without_a_credential_are_dropped(world: Any) -> None:
    decision = world.decide(PAGE, {"Cookie": "a=b"})
    assert decision.verdict is Verdict.ALLOW
    assert decision.dropped == ("cookie",)


COOKIED = {
    "the proxy keeps them": ("auth: {secret: SEARCH_KEY}", "cookies: kept", Verdict.ALLOW),
    "its login is the agent's own": ("auth: own", "", Verdict.ALLOW),
    "neither": ("auth: {secret: SEARCH_KEY}", "", Verdict.DENY),
}


@pytest.mark.parametrize("case", COOKIED)
def test_own_cookies_are_dropped_where_the_tool_says_how_it_signs_in(make: Any, case: str) -> None:
    auth, cookies, verdict = COOKIED[case]
    world = make({
        "tools/keyed.yaml": f"""
            tool: keyed
            base: https://search.example.com
            run: {{method: GET, url: /keyed, {auth}}}
            {cookies}
            """
    })  # fmt: skip
    login = {} if "own" in auth else {"Authorization": f"Bearer {SEARCH}"}
    decision = world.decide("GET https://search.example.com/keyed", login | {"Cookie": "a=b"})
    assert decision.verdict is verdict, decision.reason
    assert not any(name.lower() == "cookie" for name, _ in decision.forward)


def test_a_credential_goes_only_to_its_hosts(world: Any) -> None:
    """The load refuses it already; this is the check that does not rely on that."""
    key = world.configuration.credentials["STRIPE_API_KEY"].model_copy(
        update={"hosts": ("files.stripe.com",)}
    )
    moved = replace(world, configuration=replace(world.configuration, credentials={"STRIPE_API_KEY": key}))
    decision = moved.explaining().decide(REFUND)
    assert (decision.verdict, decision.reason) == (Verdict.DENY, "STRIPE_API_KEY may not go to this host")


def test_a_credential_goes_out_over_https_only(world: Any, compile_tools: Any) -> None:
    """The load refuses it already; this is the check that does not rely on that."""
    text = """
        tool: get_refund
        run: {method: GET, url: "http://api.stripe.com/v1/refunds/${id}", auth: {secret: STRIPE_API_KEY}}
        """
    tools, _ = compile_tools(text)
    plain = replace(world, configuration=replace(world.configuration, tools=tools))
    decision = plain.decide(REFUND.replace("https", "http"), {"Authorization": f"Bearer {STRIPE}"})
    assert (decision.verdict, decision.reason) == (Verdict.DENY, "STRIPE_API_KEY goes out over https only")


def test_a_header_of_its_own_holds_the_placeholder_once_and_is_replaced(make: Any) -> None:
    world = make({
        "tools/keyed.yaml": """
            tool: keyed
            base: https://search.example.com
            headers: {pass: [X-Search-Key, X-Api-Key]}
            run: {method: GET, url: /keyed, auth: {secret: SEARCH_KEY, name: X-Search-Key}}
            """
    })  # fmt: skip
    line = "GET https://search.example.com/keyed"
    decision = world.decide(line, {"X-Search-Key": SEARCH})
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert decision.placements == (Placement("SEARCH_KEY", Place.HEADER, "X-Search-Key", "${secret}"),)
    assert "X-Search-Key" not in dict(decision.forward)
    assert world.decide(line, [("X-Search-Key", SEARCH), ("x-search-key", SEARCH)]).code is Code.MISUSE
    assert world.decide(line, [("X-Search-Key", SEARCH), ("x-search-key", "mine")]).code is Code.MISUSE
    assert world.decide(line, {"X-Search-Key": SEARCH, "X-Api-Key": "mine"}).code is Code.MISUSE


def test_ranges_are_dropped_where_a_secret_could_come_back(world: Any) -> None:
    fields = {"Authorization": f"Bearer {STRIPE}", "Range": "bytes=0-9"}
    assert world.decide(REFUND, fields).dropped == ("range",)
    assert world.decide(PAGE, {"Range": "bytes=0-9"}).dropped == ()


PARTS = """
    api: search
    base: https://search.example.com
    auth: {secret: SEARCH_KEY}
    tools:
      - tool: download
        run: {method: [GET, HEAD], url: "/files/${name}", headers: {Range: "${range}"}}
        input: {name: string, range: {type: string, required: false}}
      - tool: read
        run: {method: GET, url: "/documents/${name}", headers: {Range: "${range}"}}
        input: {name: string, range: {type: string, required: false}}
        redact: ["$.note"]
    """


def test_a_tool_that_declares_ranges_gets_one_that_can_be_cut(make: Any) -> None:
    """With `If-Range`, without which a part of another version would come; and nothing of it is dropped."""
    world = make({"tools/keyed.yaml": PARTS})
    key = {"Authorization": f"Bearer {SEARCH}"}
    file, document = "https://search.example.com/files/f", "https://search.example.com/documents/d"
    one = {**key, "Range": "bytes=0-9", "If-Range": '"x"'}
    decision = world.decide(f"GET {file}", one)
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert decision.forward[-2:] == (("Range", "bytes=0-9"), ("If-Range", '"x"'))
    assert decision.dropped == ()
    assert decision.digest != world.decide(f"GET {file}", {**one, "Range": "bytes=0-8"}).digest
    for several in ("bytes=0-0,2-2", "items=0-9", "bytes=9-0"):
        refused = world.decide(f"GET {file}", {**key, "Range": several})
        assert (refused.verdict, refused.code) == (Verdict.DENY, Code.BAD_REQUEST)
        assert world.decide(f"HEAD {file}", {**key, "Range": several}).verdict is Verdict.ALLOW
    refused = world.decide(f"GET {document}", one)
    assert (refused.verdict, refused.code) == (Verdict.DENY, Code.DENIED)
    assert "cannot be done in a part" in refused.reason
    assert world.decide(f"GET {document}", key).verdict is Verdict.ALLOW


ENCODINGS = {
    "raw": lambda t: t.encode(),
    "percent": lambda t: "".join(f"%{ord(c):02x}" for c in t).encode(),
    "base64": lambda t: base64.b64encode(b"xy" + t.encode()),
    "escaped": lambda t: "".join(f"\\u{ord(c):04x}" for c in t).encode(),
    "upper": lambda t: t.upper().encode(),
}


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([STRIPE, GITHUB, OTHERS]),
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from(["body", "json", "header", "path", "query"]),
    st.text(st.sampled_from("abc 123"), max_size=10),
)
def test_never_let_out_of_its_place_in_any_spelling(
    world: Any, text: str, how: str, where: str, pad: str
) -> None:
    encoded = ENCODINGS[how](text).decode()
    line, headers, body = "POST https://plain.example.com/login", {"Authorization": "Bearer own"}, b""
    if where == "body":
        headers["Content-Type"], body = "application/octet-stream", f"{pad} {encoded} {pad}".encode()
    elif where == "json":
        headers["Content-Type"], body = "application/json", json.dumps({"name": f"{pad} {encoded}"}).encode()
    elif where == "header":
        headers["User-Agent"] = f"{pad} {encoded}"
    elif where == "path":
        line += f"/{quote(encoded)}"
    else:
        line += f"?x={quote(encoded)}"
    decision = world.decide(line, headers, body)
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.MISUSE)


def test_a_placeholder_in_another_of_its_fields_goes_out_in_its_own(make: Any) -> None:
    tools = """
        api: keyed
        base: https://api.stripe.com
        auth: {secret: STRIPE_API_KEY, name: x-api-key, format: "${secret}", also: [Authorization]}
        tools:
          - tool: keyed_get
            run: {method: GET, url: "/keyed/${id}"}
        """
    at = make({"tools/keyed.yaml": tools})
    for headers in ({"X-Api-Key": STRIPE}, {"Authorization": f"Bearer {STRIPE}"}):
        decision = at.decide("GET https://api.stripe.com/keyed/1", headers)
        assert decision.verdict == "allow", decision.reason
        assert [(p.name, p.format) for p in decision.placements] == [("x-api-key", "${secret}")]
        assert {"authorization", "x-api-key"}.isdisjoint(name.lower() for name, _ in decision.forward)
    both = at.decide(
        "GET https://api.stripe.com/keyed/1", {"X-Api-Key": STRIPE, "Authorization": "Bearer own_one"}
    )
    assert (both.verdict, both.code) == ("deny", "misuse")
