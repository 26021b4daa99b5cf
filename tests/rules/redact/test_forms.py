"""Every form is what the world's own encoders produce."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact.forms import ENCODED_MIN, forms

SECRET = "sk_live_4eC39/Hq+Lyjw&Wnp'Y\"7dc<>=="

ENCODERS = {
    "raw": lambda s: s,
    "json": lambda s: json.dumps(s)[1:-1],
    "json utf-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json, php": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json, go": lambda s: (
        json.dumps(s)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    ),
    "json, all escaped": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "json, all escaped upper": lambda s: "".join(f"\\u{ord(c):04X}" for c in s),
    "percent": lambda s: quote(s, safe=""),
    "percent, path": quote,
    "percent, lower": lambda s: quote(s, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "form": lambda s: urlencode({"": s})[1:],
    "form, plus": quote_plus,
    "percent, all": lambda s: "".join(f"%{b:02X}" for b in s.encode()),
    "html": html.escape,
    "html, numeric": lambda s: html.escape(s, quote=False).replace('"', "&#34;").replace("'", "&#39;"),
    "hex": lambda s: s.encode().hex(),
    "hex, upper": lambda s: s.encode().hex().upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64, no padding": lambda s: base64.b64encode(s.encode()).decode().rstrip("="),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
}


def _as_json(data: bytes) -> bytes:
    return json.dumps(data.decode("ascii")).encode()[1:-1]


@pytest.mark.parametrize("how", [name for name in ENCODERS if name != "percent, lower"])
def test_a_secret_is_known_in_the_spelling_of(how: str) -> None:
    assert ENCODERS[how](SECRET).encode() in forms(SECRET)


def test_lower_case_percent_escapes_are_known() -> None:
    assert ENCODERS["percent, lower"]("aaaa/bbbb+ccc").encode() in forms("aaaa/bbbb+ccc")


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), secret=st.text(min_size=8, max_size=40))
@settings(max_examples=200, deadline=None)
def test_base64_of_other_bytes_around_a_secret_contains_a_form(
    before: bytes, after: bytes, secret: str
) -> None:
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + raw + after)
        assert any(form in text for form in forms(secret) if len(form) >= ENCODED_MIN)


@given(before=st.binary(max_size=3), after=st.binary(max_size=3))
@settings(max_examples=100, deadline=None)
def test_base64_leaves_at_most_four_bits_of_the_first_and_last_byte(before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + SECRET.encode() + after)
    longest = max((form for form in forms(SECRET) if form in text), key=len)
    start = text.index(longest) * 6
    end = start + len(longest) * 6
    assert start <= len(before) * 8 + 4
    assert end >= (len(before) + len(SECRET)) * 8 - 4


def test_a_short_secret_has_no_short_encoded_form() -> None:
    assert forms("abc") >= {b"abc"}
    assert all(form == b"abc" or len(form) >= ENCODED_MIN for form in forms("abc"))


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("escape", [bytes, _as_json], ids=["as it is", "in JSON"])
def test_two_bytes_for_each_character_are_known_without_the_zero_at_an_end(
    order: str, escape: Callable[[bytes], bytes]
) -> None:
    """As where it is cut off, or is what an escape begins with that has lost its first letters."""
    both = SECRET.encode(order)
    cut = both[:-1] if order == "utf-16-le" else both[1:]
    assert any(form in escape(cut) for form in forms(SECRET))
    assert any(form in escape(both) for form in forms(SECRET)), "positive control"


def test_a_latin_1_secret_is_known_as_the_bytes_of_a_header() -> None:
    assert {"pässwörter".encode("latin-1"), "pässwörter".encode()} <= forms("pässwörter")


def test_nothing_is_a_form_of_nothing() -> None:
    assert forms("") == frozenset()


def test_surrogates_and_controls_have_forms() -> None:
    assert b"\\ud800\\u0000" in forms("\ud800\x00")
