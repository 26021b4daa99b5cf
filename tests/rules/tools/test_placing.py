"""A credential is put in its place, and nothing around it changes."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.requests import bodies
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools import placing

JSON = ("application/json",)
FORM = ("application/x-www-form-urlencoded",)
SECRETS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)
HARD = 'a"b\\c&d=e%f+g/h#i;j?k l'


@pytest.mark.parametrize(
    ("types", "raw", "made"),
    [
        (JSON, b'{"key":"PH"}', b'{"key":"%b"}'),
        (JSON, b' { "a" : 1.50, "key" : "PH" ,"b":[1e2]} ', b' { "a" : 1.50, "key" : "%b" ,"b":[1e2]} '),
        (JSON, b'{"key":"PH","deep":{"key":"other"}}', b'{"key":"%b","deep":{"key":"other"}}'),
    ],
)
def test_json_keeps_its_bytes(types: tuple[str, ...], raw: bytes, made: bytes) -> None:
    written = json.dumps(HARD)[1:-1].encode()
    assert placing.with_value(types, raw, "key", HARD) == made.replace(b"%b", written)


def test_forms_keep_their_bytes() -> None:
    made = placing.with_value(FORM, b"a=%20x&key=PH&b=1+2", "key", HARD)
    assert made is not None
    assert made.startswith(b"a=%20x&key=")
    assert made.endswith(b"&b=1+2")
    assert dict(parse_qsl(made.decode()))["key"] == HARD


@pytest.mark.parametrize(
    ("types", "raw"),
    [
        (JSON, b'{"a":"PH"}'),
        (JSON, b'{"key":7}'),
        (JSON, b'{"key":["PH"]}'),
        (JSON, b'["PH"]'),
        (JSON, b'{"key":"\\u0050H"}'),
        (JSON, b'{"key":"PH","a":"PH"}'),
        (JSON, b'{"key":"PH","PH":1}'),
        (JSON, b'{"a":"\\"PH","key":"\\u0050H"}'),
        (JSON, b'{"key":"PH","key":"PH"}'),
        (JSON, b""),
        (JSON, b"{"),
        (FORM, b"a=PH"),
        (FORM, b"key=PH&key=PH"),
        (FORM, b"key[a]=PH"),
        (("text/plain",), b"key=PH"),
        ((), b'{"key":"PH"}'),
    ],
)
def test_where_the_place_is_not_plain_nothing_is_put_in(types: tuple[str, ...], raw: bytes) -> None:
    assert placing.with_value(types, raw, "key", HARD) is None


@given(SECRETS, st.dictionaries(st.text(st.characters(codec="ascii")), st.text()))
def test_what_is_read_back_differs_in_that_value_alone(secret: str, others: dict[str, str]) -> None:
    document = {**others, "key": "PLACEHOLDER"}
    raw = json.dumps(document).encode()
    made = placing.with_value(JSON, raw, "key", secret)
    if made is None:
        assert raw.count(b'"PLACEHOLDER"') > 1 or bodies.read_as(JSON, raw).problem
    else:
        assert json.loads(made) == {**document, "key": secret}


@given(SECRETS)
def test_a_segment_is_one_segment_whatever_is_put_in(secret: str) -> None:
    target = placing.with_segment("/a/PH/c?x=1", 1, f"bot{secret}")
    assert target == f"/a/bot{quote(secret, safe=placing.SEGMENT_SAFE)}/c?x=1"
    assert placing.without_segment(target, 1) == "/a/c?x=1"
    assert placing.with_segment("/a", 1, secret) is None


def test_cookies_are_pairs() -> None:
    assert placing.cookies(("a=1; b=2=3;", "c=")) == (("a", "1"), ("b", "2=3"), ("c", ""))
    assert placing.cookies(()) == ()
    with pytest.raises(Refused):
        placing.cookies(("a=1; loose",))
