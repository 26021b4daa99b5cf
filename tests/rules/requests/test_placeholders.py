"""Placeholders are found wherever an API would still read them, and nothing else is."""

import base64
import json
import os
import time
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wharfinger.rules.requests.placeholders import Owner, Placeholders, StreamScan, percent_decoded

STRIPE = "sk_test_Qm9vdHMgYW5kIGNhdHM_-0"
GITHUB = "ghp_7hJkLmNpQrStUvWxYz0123456789"
TABLE = {
    STRIPE: Owner("support", "STRIPE_API_KEY"),
    GITHUB: Owner("support", "GITHUB_TOKEN"),
    "plain-AAAAbbbbCCCCddddEEEE": Owner("other", "CI_TOKEN"),
}
PLACEHOLDERS = Placeholders(TABLE)


def percent(text: str) -> str:
    return "".join(f"%{ord(c):02X}" for c in text)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


def wrapped(text: str) -> bytes:
    return base64.encodebytes(b"q" * 50 + text.encode())


SPELLINGS = {
    "raw": lambda t: t,
    "glued": lambda t: f"x{t}y",
    "upper case": lambda t: t.upper(),
    "lower case": lambda t: t.lower(),
    "percent-encoded": percent,
    "one character percent-encoded": lambda t: percent(t[0]) + t[1:],
    "the last character percent-encoded": lambda t: t[:-1] + percent(t[-1]),
    "percent-encoded twice": lambda t: quote(percent(t)),
    "percent-encoded thrice": lambda t: quote(quote(percent(t))),
    "JSON escapes": escaped,
    "JSON escapes in a string of JSON": lambda t: json.dumps({"x": escaped(t)}),
    "JSON escapes, percent-encoded": lambda t: quote(escaped(t), safe=""),
    "percent-encoding, JSON-escaped": lambda t: percent(t).replace("%", "\\u0025"),
    "base64 of user:": lambda t: base64.b64encode(f"{t}:".encode()),
    "base64 of :password": lambda t: base64.b64encode(f"git:{t}".encode()),
    "base64 without padding": lambda t: base64.b64encode(f"ab{t}xyz".encode()).rstrip(b"="),
    "base64url": lambda t: base64.urlsafe_b64encode(f"ab{t}xy".encode()),
    "base64 with line breaks": wrapped,
    "base64 with line breaks in JSON": lambda t: json.dumps({"file": wrapped(t).decode()}),
    "base64 in a query": lambda t: "x=" + quote(base64.b64encode(b">>>" + t.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("text", TABLE)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_finds_every_spelling(text: str, spelling: str) -> None:
    data = SPELLINGS[spelling](text)
    around = b"GET /a?b=\xff&c=" + (data.encode() if isinstance(data, str) else data) + b" \x00 tail"
    assert PLACEHOLDERS.scan(data) == (TABLE[text],)
    assert PLACEHOLDERS.scan(around) == (TABLE[text],)


NESTED = {
    "base64 in base64": lambda t, n: base64.b64encode(b"x" * n + base64.b64encode(f"user:{t}".encode())),
    "base64url in base64url": lambda t, n: base64.urlsafe_b64encode(
        b"x" * n + base64.urlsafe_b64encode(f"{t}:".encode())
    ),
    "base64url in base64": lambda t, n: base64.b64encode(
        b"x" * n + base64.urlsafe_b64encode(f"a?{t}>>".encode())
    ),
    "base64 in base64, percent-encoded": lambda t, n: quote(
        base64.b64encode(b"x" * n + base64.b64encode(f"{t}".encode())), safe=""
    ).encode(),
    "base64 in base64 in JSON": lambda t, n: json.dumps(
        {"x": base64.encodebytes(b"x" * n + base64.b64encode(f"{t}".encode())).decode()}
    ).encode(),
}


@pytest.mark.parametrize("text", TABLE)
@pytest.mark.parametrize("spelling", NESTED)
def test_finds_what_is_encoded_twice(text: str, spelling: str) -> None:
    for before in range(6):
        assert PLACEHOLDERS.scan(NESTED[spelling](text, before)) == (TABLE[text],), before


@pytest.mark.parametrize("text", TABLE)
def test_part_of_a_placeholder_is_nothing(text: str) -> None:
    assert PLACEHOLDERS.scan(text[:-1]) == ()
    assert PLACEHOLDERS.scan(text[1:]) == ()


def test_finds_all_owners_once() -> None:
    assert set(PLACEHOLDERS.scan(" ".join([*TABLE, *TABLE]))) == set(TABLE.values())


def test_of_and_exact() -> None:
    assert PLACEHOLDERS.of("support", "STRIPE_API_KEY") == STRIPE
    assert PLACEHOLDERS.of("other", "STRIPE_API_KEY") is None
    assert PLACEHOLDERS.exact(STRIPE) == Owner("support", "STRIPE_API_KEY")
    assert PLACEHOLDERS.exact(STRIPE.upper()) is None


def test_others_beside_them() -> None:
    more, owner = "sk_test_Zm9yIHRoZSBvdGhlcnMgb25seQ", Owner("support", "STRIPE_API_KEY", "STRIPE_API_KEY~1")
    both = PLACEHOLDERS.with_others({more: owner})
    assert both.exact(more) == owner
    assert both.of("support", "STRIPE_API_KEY") == PLACEHOLDERS.of("support", "STRIPE_API_KEY")
    for text, whose in (*TABLE.items(), (more, owner)):
        assert both.exact(text) == whose
        assert both.scan(f"x={text}") == (whose,)
        scan = StreamScan(both)
        assert [scan.feed(part.encode())[1] for part in (text[:9], text[9:])] == [None, whose]
    assert PLACEHOLDERS.scan(more) == () == both.with_others({}).scan(more)


def test_none_issued() -> None:
    assert Placeholders({}).scan(STRIPE) == ()
    assert StreamScan(Placeholders({})).feed(b"abc") == (b"abc", None)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_can_be_scanned(data: bytes) -> None:
    assert PLACEHOLDERS.scan(data) == ()
    assert PLACEHOLDERS.scan(data.decode("latin-1")) == ()


@settings(max_examples=200)
@given(
    st.binary(max_size=40),
    st.binary(max_size=40),
    st.sampled_from(sorted(TABLE)),
    st.sampled_from(sorted(SPELLINGS)),
)
def test_found_between_any_bytes(before: bytes, after: bytes, text: str, spelling: str) -> None:
    data = SPELLINGS[spelling](text)
    before += b" "  # a percent sign or a backslash just before would be a spelling of its own
    assert TABLE[text] in PLACEHOLDERS.scan(
        before + (data.encode() if isinstance(data, str) else data) + b" " + after
    )


STREAMED = sorted(set(SPELLINGS) - {"JSON escapes, percent-encoded", "percent-encoding, JSON-escaped"})


@settings(max_examples=200)
@given(st.sampled_from(sorted(TABLE)), st.sampled_from(STREAMED), st.lists(st.integers(0, 300), max_size=6))
def test_a_stream_never_lets_a_placeholder_out_under_any_split(
    text: str, spelling: str, cuts: list[int]
) -> None:
    encoded = SPELLINGS[spelling](text)
    data = b'{"a": "some text", "b": "' + (encoded.encode() if isinstance(encoded, str) else encoded) + b'"}'
    scan, sent, found = StreamScan(PLACEHOLDERS), b"", None
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        safe, found = scan.feed(data[start:end])
        sent += safe
        if found:
            break
    assert found == TABLE[text]
    assert data.startswith(sent)
    assert PLACEHOLDERS.scan(sent) == ()


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [b"sk_", b"test", b"_Qm9", b"%7", b"3k", b"\\u0", b"%", b"ghp_", b"\r\n", b"x", b"\\", b"25"]
        )
    )
)
def test_a_stream_without_a_placeholder_passes_unchanged(chunks: list[bytes]) -> None:
    scan = StreamScan(PLACEHOLDERS)
    sent = b"".join(scan.feed(chunk)[0] for chunk in chunks) + scan.finish()[0]
    assert sent == b"".join(chunks)


@pytest.mark.parametrize("data", [b"event: tick\n\n", b"?\r\n", b"sk_live?", b"% ", b"{}"])
def test_a_stream_holds_back_nothing_that_is_no_beginning(data: bytes) -> None:
    assert StreamScan(PLACEHOLDERS).feed(data) == (data, None)


@pytest.mark.parametrize(
    "end", [b"s", b"SK_TE", b"%", b"%7", b"%73k", b"%257", b"sk_%74", b"\\u00", b"gh\\", b"gh\\u"]
)
def test_a_stream_holds_back_a_beginning(end: bytes) -> None:
    assert StreamScan(PLACEHOLDERS).feed(b"0 " + end) == (b"0 ", None)


@example(b"%\r41 %\r\n41%\n=\n")
@example(b"%%%41%%%%3D%253d%=%")
@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                b"%",
                b"=",
                b"4",
                b"1",
                b"a",
                b"F",
                b"\n",
                b"\r",
                b"25",
                b"3D",
                b"3d",
                b"%41",
                b" ",
                b"_",
                b"\xff",
            ]
        )
    ).map(b"".join)
)
def test_percent_escapes_are_decoded_as_the_standard_library_does(data: bytes) -> None:
    assert percent_decoded(data) == unquote_to_bytes(data)


MEGABYTES = {
    "any bytes": os.urandom(1 << 20),
    "escapes": b"%41" * 349_000,
    "escapes and text": b"%41x" * 262_000,
    "escapes of escapes": b"%252541" * 149_000,
    "signs": b"%" * (1 << 20),
    "signs and line breaks": b"%\n" * (1 << 19),
    "JSON escapes": b"\\u0041" * 170_000,
    "backslashes": b"\\" * (1 << 20),
    "beginnings": b"sk_test_" * 131_072,
    "placeholders": STRIPE.encode() * 34_000,
}


@pytest.mark.parametrize("kind", MEGABYTES)
def test_a_megabyte_is_scanned_in_a_blink(kind: str) -> None:
    """In processor time, which other work on the machine does not count against; usual is under 0.04 s."""
    start = time.thread_time()
    PLACEHOLDERS.scan(MEGABYTES[kind])
    assert time.thread_time() - start < 0.3
