"""Bodies have one reading or are not read (THREATS P04, P05)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.requests import bodies, bracketed, spelling, strictjson
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.requests.bracketed import Repeated
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
    ("text", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b' [1, 2.5, true, null, "x"]\n', [1, 2.5, True, None, "x"]),
        (b'{"\\u0061": 1}', {"a": 1}),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"1e2", 100.0),
        (b"1E-300", 1e-300),
        (b"0e999", 0.0),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"[" * 64 + b"]" * 64, None),
    ],
)
def test_json_is_read(text: bytes, value: Any) -> None:
    read = strictjson.parse_json(text)
    if value is not None:
        assert read == value
        assert type(read) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"a":1,"a":1}}]',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"0.0000001e-999",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"1" * 10_000,
        b"1" * 400 + b".0",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'["\xc3\xa9\\ud800"]',
        b"\xef\xbb\xbf{}",
        b"{}//x",
        b"[1,]",
        b"{'a':1}",
        b"{}{}",
        b"{}\x00",
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
        b'"\xff"',
        b'"\x01"',
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xc0\x80",
        b"[1]x",
    ],
)
def test_json_is_refused(text: bytes) -> None:
    for padding in (b"", b" " * strictjson.MAX_SHORT):  # short ones are checked in another way
        with pytest.raises(Refused):
            strictjson.parse_json(text + padding)


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[0]=1&a[1]=2", {"a": ["1", "2"]}),
        ("a[0][b]=1&a[1][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("a[7]=1", {"a": {"7": "1"}}),
        ("a=1&a=2", {"a": ("1", "2")}),
        ("a.b=1", {"a.b": "1"}),
    ],
)
def test_names_are_nested(text: str, value: Any) -> None:
    assert bracketed.structure(spelling.pairs(text, "form"), "form") == value


def test_repeated_names_are_marked() -> None:
    read = bracketed.structure((("a", "1"), ("a", "2"), ("a", "3"), ("b[]", "1")), "form")
    assert isinstance(read["a"], Repeated)
    assert tuple(read["a"]) == ("1", "2", "3")
    assert not isinstance(read["b"], Repeated)


@pytest.mark.parametrize(
    "text",
    [
        "a=1&a[b]=2",
        "a[b]=2&a=1",
        "a[]=1&a=2",
        "a[b]=1&a[b]=2",
        "a[b=1",
        "a]b=1",
        "a[b]c=1",
        "[a]=1",
        "[]=1",
        "a[][b]=1",
        "a[[b]]=1",
        "a[]=1&a[b]=2",
        "a[b][c]=1&a[b]=2",
        "a" + "[b]" * 70 + "=1",
    ],
)
def test_names_that_nest_in_two_ways_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        bracketed.structure(spelling.pairs(text, "form"), "form")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-1", -1), ("2500", 2500), ("2.5", 2.5), ("1e3", 1000.0), ("-0.5E-1", -0.05)],
)
def test_text_numbers(text: str, value: float) -> None:
    assert strictjson.number(text) == value
    assert type(strictjson.number(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+1",
        "01",
        "1.",
        ".5",
        "0x10",
        "1_000",
        " 1",
        "1 ",
        "1\n",
        "٤",
        "NaN",
        "inf",
        "1e999",
        "9223372036854775808",
        "1,0",
        "-",
    ],
)
def test_text_that_is_no_number(text: str) -> None:
    assert strictjson.number(text) is None


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


NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_canonical_json_is_read_as_itself(value: Any) -> None:
    text = strictjson.canonical_json(value)
    assert strictjson.parse_json(text) == value
    assert strictjson.canonical_json(strictjson.parse_json(text)) == text


@given(
    st.one_of(st.binary(max_size=40), st.text(alphabet='{}[]",:01eE.-\\ud8 a', max_size=40).map(str.encode))
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """What is read is what the standard library reads, if it is strict about nothing."""
    try:
        read = strictjson.parse_json(data)
    except Refused:
        return
    assert read == json.loads(data)


@given(
    st.binary(max_size=60),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", "\xa0"]),
)
def test_any_body_gives_a_reading_or_a_problem(data: bytes, media: str) -> None:
    body = bodies.read(request(data, media))
    assert body.problem or body.media is not Media.OTHER


def nested(depth: int, kind: str, string: str = "") -> bytes:
    """`depth` levels of lists or objects, each beside a string, and many shallow ones after them."""
    opened = {"list": f"[{string}" + (", " if string else ""), "object": '{"a": '}[kind]
    closed = {"list": "]", "object": "}"}[kind]
    inner = opened * (depth - 1) + "1" + closed * (depth - 1)
    return f"[{inner}{', []' * 100}]".encode()


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize(
    "string", ["", '"]"', '"]]]["', r'"\"]"', r'"\\"', r'"\\\"]]"', '"", ""', r'"]", "\\", "]"', '"}{"']
)
def test_depth_is_what_brackets_outside_strings_say(kind: str, string: str) -> None:
    assert strictjson.parse_json(nested(64, kind, string)) is not None
    with pytest.raises(Refused, match="nested"):
        strictjson.parse_json(nested(65, kind, string))


@given(
    st.recursive(
        st.none() | st.text('[]{}"\\a', max_size=6),
        lambda below: st.lists(below) | st.dictionaries(st.text('[]{}"\\', max_size=3), below),
    )
)
def test_a_document_whose_brackets_look_shallow_is(value: object) -> None:
    data = json.dumps(value).encode()
    if strictjson._shallow(data):
        strictjson._refuse_depth(json.loads(data))


@given(st.integers(-(2**65), 2**65))
def test_no_integer_beyond_64_bits_goes_unseen_in_a_long_document(number: int) -> None:
    data = b"[%d, %b]" % (number, b", ".join([b"1234567"] * 200))
    assert strictjson._suspect(data) or number in strictjson.INT64


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
