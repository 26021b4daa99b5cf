"""Only the published base set and what a tool declares goes upstream; what changes the call is refused."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.requests import extras, fieldnames, headers
from wharfinger.rules.requests.headers import Passes
from wharfinger.rules.requests.refusal import Refusal
from wharfinger.rules.types import Request

PLAIN = Request(
    agent="a",
    method="GET",
    scheme="https",
    host="api.example",
    port=443,
    target="/",
    headers=(("Host", "api.example"),),
)


def with_fields(*fields: tuple[str, str], host: str | None = "api.example") -> Request:
    own = () if host is None else (("Host", host),)
    return replace(PLAIN, headers=(*own, *fields))


def forward(
    request: Request, passed: frozenset[str] = frozenset(), *, ranges: bool = True
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What goes upstream where just `passed` may pass, and the names of what does not."""
    planned = headers.plan(request, headers.read(request).names, Passes(passed, passed, ranges=ranges))
    return planned.outgoing(request), planned.dropped


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("Content-Encoding", "identity"),),
        (("Accept", "a"), ("accept", "b")),
        (("User-Agent", "naïve".encode().decode("latin-1")),),
        (("Connection", "keep-alive, TE"), ("TE", "trailers")),
        (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMA")),
    ],
)
def test_ordinary_fields_pass(fields: tuple[tuple[str, str], ...]) -> None:
    assert headers.check(with_fields(*fields)) is None


@pytest.mark.parametrize(
    "host", ["api.example", "API.example", "api.example.", "api.example:443", " api.example\t"]
)
def test_host_agrees(host: str) -> None:
    request = with_fields(host=host)
    assert headers.check(request) is None
    assert forward(request)[0] == (("Host", "api.example"),)


def test_host_keeps_a_port_that_is_not_the_schemes_own() -> None:
    request = replace(with_fields(host="api.example:8443"), port=8443)
    assert headers.check(request) is None
    assert forward(request)[0] == (("Host", "api.example:8443"),)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "api.example:80",
        "api.example, evil.example",
        "u@api.example",
        "api.example:0443",
    ],
)
def test_host_disagrees(host: str | None) -> None:
    assert headers.check(with_fields(host=host)) is not None


@pytest.mark.parametrize(
    "fields",
    [
        (("Host", "api.example"),),
        (("X-A", "a\r\nX-B: b"),),
        (("X-A", "a\x00"),),
        (("X-A", "a\r\n b"),),
        (("X A", "a"),),
        (("", "a"),),
        (("X-A:", "a"),),
        (("Content-Type", "application/json\xa0"),),
        (("Content-Encoding", "rot13"),),
        (("Content-Encoding", "identity, gzip"),),
        (("Content-Encoding", ""),),
        (("Content-Type", "a/b"), ("content-type", "c/d")),
        (("Authorization", "Bearer a"), ("authorization", "Bearer b")),
        (("Content-Length", "1"), ("Transfer-Encoding", "chunked")),
        (("Trailer", "X-A"),),
        (("Upgrade", "websocket"),),
        (("Connection", "authorization"), ("Authorization", "Bearer a")),
        (("Connection", "Content-Type"), ("Content-Type", "application/json")),
    ],
)
def test_fields_are_refused(fields: tuple[tuple[str, str], ...]) -> None:
    assert isinstance(headers.check(with_fields(*fields)), Refusal)


@pytest.mark.parametrize("name", sorted(headers.ACTING))
def test_a_field_that_changes_the_call_is_refused_unless_declared(name: str) -> None:
    for spelled in (name, name.title(), name.replace("-", "_")):
        refusal = headers.acting(headers.read(with_fields((spelled, "secret-value"))))
        assert refusal is not None
        assert "secret-value" not in str(refusal)
    assert headers.acting(headers.read(with_fields((name.upper(), "x"))), frozenset({name})) is None


@pytest.mark.parametrize("prefix", sorted(fieldnames.ACTING_PREFIXES))
def test_so_is_a_whole_family_of_them(prefix: str) -> None:
    for spelled in (f"{prefix}one", f"{prefix}Two".title(), f"{prefix}one".replace("-", "_")):
        assert headers.acting(headers.read(with_fields((spelled, "x")))) is not None
    assert headers.acting(headers.read(with_fields((f"{prefix}a", "x"))), frozenset({f"{prefix}a"})) is None
    beside = prefix[:-2] + "zz"
    assert headers.acting(headers.read(with_fields((beside, "x")))) is None


@pytest.mark.parametrize("name", sorted(fieldnames.ACTING) + [f"{p}x" for p in fieldnames.ACTING_PREFIXES])
def test_p07_each_field_is_an_input_of_a_tool_that_declares_it_and_else_a_refusal(
    name: str, compile_tools: Any, make_request: Any
) -> None:
    """THREATS P07, by the published table."""
    tools, problems = compile_tools(f"""
        base: https://api.example.com
        tools:
          - {{tool: plain, run: {{method: POST, url: /plain}}}}
          - tool: declares
            input: {{acted: {{type: string, required: false}}}}
            run: {{method: POST, url: /declares, headers: {{{name}: "${{acted}}"}}}}
    """)
    assert not problems.errors
    read = tools.recognise(make_request("POST https://api.example.com/declares", {name: "value"}))
    assert (read.refusal, read.calls[0].inputs) == (None, {"acted": "value"})
    assert tools.recognise(make_request("POST https://api.example.com/plain")).refusal is None
    for spelled in (name, name.upper(), name.replace("-", "_")):
        for path in ("plain", "nothing"):
            refused = tools.recognise(
                make_request(f"POST https://api.example.com/{path}", {spelled: "value"})
            )
            assert refused.refusal is not None, (spelled, path)
            assert "value" not in str(refused.refusal)


def test_no_file_passes_such_a_field_unseen(compile_tools: Any) -> None:
    for name in (*fieldnames.ACTING, *(f"{prefix}x" for prefix in fieldnames.ACTING_PREFIXES)):
        _, problems = compile_tools(f"""
            base: https://api.example.com
            headers: {{pass: [{name}]}}
            tools: [{{tool: plain, run: {{method: POST, url: /plain}}}}]
        """)
        assert any("unseen" in str(problem) for problem in problems.errors), name


@pytest.mark.parametrize("name", sorted(extras.OVERRIDES))
def test_p07_no_parameter_overrides_the_method(name: str, compile_tools: Any, make_request: Any) -> None:
    """In the query, a form or JSON; where no tool fits, in the query."""
    tools, _ = compile_tools("""
        base: https://api.example.com
        tools: [{tool: plain, run: {method: POST, url: /plain, body: {a: "${a}"}, extra: allow}}]
    """)
    form, json = {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/json"}
    url = "POST https://api.example.com/plain"
    assert tools.recognise(make_request(url + "?b=1", json, b'{"a":"1","c":"2"}')).refusal is None
    for request in (
        make_request(f"{url}?{name}=DELETE", json, b'{"a":"1"}'),
        make_request(url, form, f"a=1&{name}=DELETE".encode()),
        make_request(url, json, b'{"a":"1","%b":"DELETE"}' % name.encode()),
        make_request(f"POST https://api.example.com/nothing?{name.upper()}=DELETE"),
    ):
        assert tools.recognise(request).refusal is not None


def test_compressed_bodies_are_for_tools_that_do_not_read_them() -> None:
    assert headers.check(with_fields(("Content-Encoding", "gzip"))) is None
    assert headers.encoded(headers.read(with_fields(("Content-Encoding", "gzip")))) is not None
    assert headers.encoded(headers.read(with_fields(("Content-Encoding", "Identity")))) is None


def test_no_field_both_passes_for_all_tools_and_changes_the_call() -> None:
    assert not [name for name in headers.ACTING if headers.is_base(name)]


def test_forward_keeps_order_and_names_what_it_drops() -> None:
    request = with_fields(
        ("User-Agent", "x"),
        ("Proxy-Authorization", "Basic abc"),
        ("Proxy-Connection", "keep-alive"),
        ("Connection", "close, X-Mine"),
        ("X-Mine", "1"),
        ("Wharfinger-Reason", "because"),
        ("Authorization", "Bearer dummy"),
        ("Cookie", "a=b"),
        ("X-Stainless-Lang", "python"),
        ("Stripe-Version", "2026-01-01"),
        ("X-Unknown", "1"),
        ("Content-Length", "2"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
        ("TE", "trailers"),
        ("Content-Type", "text/plain"),
    )
    kept, dropped = forward(request, frozenset({"stripe-version", "x-mine"}))
    assert kept == (
        ("Host", "api.example"),
        ("User-Agent", "x"),
        ("X-Stainless-Lang", "python"),
        ("Stripe-Version", "2026-01-01"),
        ("Content-Type", "text/plain"),
    )
    assert dropped == ("x-mine", "authorization", "cookie", "x-unknown")


def test_ranges_are_dropped_where_a_secret_might_come_back() -> None:
    request = with_fields(("Range", "bytes=0-9"), ("If-Range", '"a"'))
    assert forward(request, ranges=True)[1] == ()
    assert forward(request, ranges=False)[1] == ("range", "if-range")


KEY = frozenset({"x-api-key"})
LOGIN = with_fields(("Authorization", "Bearer x"), ("X-Api-Key", "y"), ("Accept", "z"))


@pytest.mark.parametrize(
    ("passes", "kept", "dropped"),
    [
        (Passes(), ["Accept"], ("authorization", "x-api-key")),
        (Passes(passed=KEY), ["Accept"], ("authorization", "x-api-key")),
        (
            Passes(frozenset({"x-api-key"}), frozenset({"x-api-key"})),
            ["X-Api-Key", "Accept"],
            ("authorization",),
        ),
        (Passes(own=("x-api-key",)), ["X-Api-Key", "Accept"], ("authorization",)),
        (Passes(exchanged=("authorization",)), ["Accept"], ("x-api-key",)),
        (Passes(own=("authorization",), exchanged=("authorization",)), ["Accept"], ("x-api-key",)),
    ],
)
def test_a_login_goes_upstream_only_if_it_is_the_agents_own_or_declared(
    passes: Passes, kept: list[str], dropped: tuple[str, ...]
) -> None:
    planned = headers.plan(LOGIN, headers.read(LOGIN).names, passes)
    assert [name for name, _ in planned.outgoing(LOGIN)] == ["Host", *kept]
    assert planned.dropped == dropped


def test_what_the_request_digest_covers() -> None:
    passes = Passes(frozenset({"x-a", "x-own"}), volatile=frozenset({"x-own"}))
    one = with_fields(("X-A", "2"), ("Accept", "x"), ("x-a", "1"))
    two = with_fields(
        ("x-a", "2"),
        ("X-Own", "1"),
        ("Idempotency-Key", "k"),
        ("traceparent", "t"),
        ("X-A", "1"),
        ("ACCEPT", "x"),
    )
    for request in (one, two):
        planned = headers.plan(request, headers.read(request).names, passes)
        covered = planned.covered(planned.outgoing(request))
        assert covered == [("accept", "x"), ("host", "api.example"), ("x-a", "2"), ("x-a", "1")]


def test_what_names_say_is_kept_within_bounds() -> None:
    """Invariant 11: no agent fills the memory with names of its own making."""
    for number in range(3 * headers.KEPT_NAMES):
        headers.read(with_fields((f"X-{number}", "1")))
    assert len(headers._kept) <= headers.KEPT_NAMES
    long = with_fields(("X-" + "a" * headers.KEPT_SIZE, "1"))
    before = headers._plan.cache_info().currsize
    assert forward(long)[1] == ("x-" + "a" * headers.KEPT_SIZE,)
    assert ("Host", long.headers[1][0]) not in headers._kept
    assert headers._plan.cache_info().currsize == before


def test_a_name_that_stands_thousands_of_times_is_read_in_a_blink() -> None:
    """Invariant 11, in processor time: a tenth of this is usual, and a square of the number far more."""
    request = with_fields(*[("a", "b")] * 40_000)
    start = time.thread_time()
    assert headers.read(request)["a"] == ("b",) * 40_000
    assert time.thread_time() - start < 0.5


def test_names_that_are_refused_are_refused_again() -> None:
    for _ in range(2):
        assert headers.check(with_fields(("X A", "1"))) is not None


def test_values_are_judged_each_time_whatever_is_kept_of_the_names() -> None:
    assert headers.check(with_fields(("X-A", "1"), ("Connection", "close"))) is None
    assert headers.check(with_fields(("X-A", "\x00"), ("Connection", "close"))) is not None
    kept, dropped = forward(with_fields(("X-A", "1"), ("Connection", "close")), frozenset({"x-a"}))
    assert (kept[1:], dropped) == ((("X-A", "1"),), ())
    kept, dropped = forward(with_fields(("X-A", "1"), ("Connection", "X-A")), frozenset({"x-a"}))
    assert (kept[1:], dropped) == ((), ("x-a",))


def test_volatile() -> None:
    assert headers.is_volatile("user-agent")
    assert headers.is_volatile("x-stainless-retry-count")
    assert headers.is_volatile("amz-sdk-request")
    assert headers.is_volatile("x-mine", frozenset({"x-mine"}))
    assert not headers.is_volatile("content-type")


FIELD = st.tuples(
    st.one_of(
        st.sampled_from(["Host", "Connection", "Upgrade", "Content-Type", "X-A", "Stripe-Account"]),
        st.text(max_size=8),
    ),
    st.one_of(st.sampled_from(["api.example", "close, host", "identity", "h2c"]), st.text(max_size=8)),
)


@given(st.lists(FIELD, max_size=6))
def test_what_is_forwarded_has_one_host_and_no_line_breaks(fields: list[tuple[str, str]]) -> None:
    request = replace(PLAIN, headers=tuple(fields))
    if headers.check(request) is not None:
        return
    kept, _ = forward(request)
    assert [value for name, value in kept if name.lower() == "host"] == ["api.example"]
    assert not any(c in name + value for name, value in kept for c in "\r\n\0")
