"""Bodies have one reading or are not read (THREATS P04, P05)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.requests import bodies
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Request


def request(body: bytes, *types: str) -> Request:
    fields = tuple(("Content-Type", value) for value in types)
    return Request(
        agent="a",
        method="POST",
        scheme="https",
        host="a.example",
        port=443,
        target="/",
        headers=fields,
        body=body,
    )


@pytest.mark.parametrize(
    ("value", "media"),
    [
        ("application/json", Media.JSON),
        ("Application/JSON; charset=UTF-8", Media.JSON),
        ('application/json;charset="utf-8"', Media.JSON),
        ("application/vnd.github+json", Media.JSON),
        ("application/x-www-form-urlencoded", Media.FORM),
        ("application/x-www-form-urlencoded;charset=utf-8", Media.FORM),
        ("text/plain", Media.TEXT),
        ("application/octet-stream", Media.OTHER),
        ("multipart/form-data; boundary=x", Media.MULTIPART),
    ],
)
def test_media(value: str, media: Media) -> None:
    assert bodies.kind(value) is media


@pytest.mark.parametrize(
    "value",
    [
        "",
        "json",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json;charset=utf-7",
        "text/plain; charset=ibm037",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset",
        "application/json;",
        "application/ json",
        "application/json; a=b,c",
    ],
)
def test_media_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        bodies.kind(value)


@pytest.mark.parametrize(
    ("body", "types"),
    [
        (b'{"a":1}', ()),
        (b'{"a":1}', ("application/json", "application/json")),
        (b"a=1", ("application/json",)),
        (b"\xff", ("text/plain",)),
        (b"a=%zz", ("application/x-www-form-urlencoded",)),
        (b"a=1;b=2\n", ("application/x-www-form-urlencoded",)),
        (b"x", ("image/png",)),
        (b'"' + b"a" * 100 + b'"', ("application/json",)),
    ],
)
def test_a_body_that_cannot_be_read_says_why(body: bytes, types: tuple[str, ...]) -> None:
    assert bodies.read(request(body, *types), limit=100).problem


def test_no_body() -> None:
    assert bodies.read(request(b"")) == bodies.EMPTY


def test_canonical_forms() -> None:
    one = request(b'{"b":1,"a":"\\u00e9"}', "application/json")
    two = request(b' {"a": "\xc3\xa9", "b": 1}', "application/json")
    assert bodies.canonical(bodies.read(one), one.body or b"") == bodies.canonical(
        bodies.read(two), two.body or b""
    )
    form = request(b"a%5bb%5D=1&c=%7e+", "application/x-www-form-urlencoded")
    assert bodies.canonical(bodies.read(form), form.body or b"") == b"a%5Bb%5D=1&c=~%20"
    other = request(b"\x00", "image/png")
    assert bodies.canonical(bodies.read(other), b"\x00") == b"\x00"


@given(
    st.binary(max_size=60),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", "\xa0"]),
)
def test_any_body_gives_a_reading_or_a_problem(data: bytes, media: str) -> None:
    body = bodies.read(request(data, media))
    assert body.problem or body.media is not Media.OTHER


@pytest.mark.parametrize("form", [b"a=1;b=2", b"a=1;", b"?a=1", b"?a"])
def test_a_form_that_servers_split_in_two_ways_is_refused(form: bytes) -> None:
    with pytest.raises(Refused, match="two ways"):
        bodies.form_pairs(form)
    assert bodies.form_pairs(b"a=%3B&b=1?") == (("a", ";"), ("b", "1?"))


@pytest.mark.parametrize("form", [b"a=1&_charset_=utf-7", b"_Charset_=x", b"%5fcharset_="])
def test_a_form_does_not_say_how_its_own_text_is_to_be_read(form: bytes) -> None:
    with pytest.raises(Refused, match="not UTF-8"):
        bodies.form_pairs(form)
    assert bodies.form_pairs(b"a=1&_charset_=UTF-8") == (("a", "1"), ("_charset_", "UTF-8"))
