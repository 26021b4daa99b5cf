"""JSON has one reading or is refused (THREATS P04)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.requests import strictjson
from wharfinger.rules.requests.refusal import Refused


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
