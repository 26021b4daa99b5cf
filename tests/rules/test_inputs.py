"""Typed inputs: text numbers by JSON's grammar, null of no type, messages without values."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules import inputs
from wharfinger.rules.inputs import BadInput, Input, Kind
from wharfinger.rules.requests.bracketed import Repeated


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("string", "2500", "2500"),
        ("string", "", ""),
        ("integer", "2500", 2500),
        ("integer", "-1", -1),
        ("number", "2500", 2500),
        ("number", "2.5", 2.5),
        ("number", "1e3", 1000.0),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("array", "a", ["a"]),
        ("array", ["a", "b"], ["a", "b"]),
        ("array", Repeated(("a", "b")), ["a", "b"]),
        ("object", {"a": "1"}, {"a": "1"}),
    ],
)
def test_text_is_typed(kind: Kind, value: Any, typed: Any) -> None:
    read = Input("x", kind).read(value, textual=True)
    assert read == typed
    assert type(read) is type(typed)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", Repeated(("a", "b"))),
        ("string", ["a"]),
        ("string", {"a": "b"}),
        ("integer", "2500.0"),
        ("integer", "1e3"),
        ("integer", "02500"),
        ("integer", "+1"),
        ("integer", ""),
        ("integer", "٤"),
        ("integer", " 1"),
        ("number", "0x10"),
        ("number", "NaN"),
        ("number", "1e999"),
        ("boolean", "True"),
        ("boolean", "1"),
        ("boolean", "yes"),
        ("object", "a"),
    ],
)
def test_text_of_another_type_is_bad(kind: Kind, value: Any) -> None:
    with pytest.raises(BadInput):
        Input("x", kind).read(value, textual=True)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", 1),
        ("string", None),
        ("integer", True),
        ("integer", 1.0),
        ("integer", "1"),
        ("integer", 2**63),
        ("number", True),
        ("number", "1"),
        ("number", float("nan")),
        ("number", float("inf")),
        ("number", None),
        ("boolean", 1),
        ("boolean", "true"),
        ("boolean", None),
        ("array", {}),
        ("array", "a"),
        ("object", []),
        ("object", None),
    ],
)
def test_json_of_another_type_is_bad(kind: Kind, value: Any) -> None:
    with pytest.raises(BadInput):
        Input("x", kind).read(value, textual=False)


@pytest.mark.parametrize(
    ("spec", "good", "bad"),
    [
        (Input("x", "number", minimum=1, maximum=5), [1, 5, 2.5], [0, 5.01, -1]),
        (Input("x", "string", minimum=1, maximum=3), ["a", "abc"], ["", "abcd"]),
        (Input("x", "array", maximum=2), [[], [1, 2]], [[1, 2, 3]]),
        (Input("x", enum=inputs.enumeration("string", ("a", "b"))), ["a"], ["c", "A", ""]),
        (Input("x", "number", enum=inputs.enumeration("number", (1,))), [1, 1.0], [2, 1.5]),
        (Input("x", "boolean", enum=inputs.enumeration("boolean", (True,))), [True], [False]),
        (Input("x", pattern=inputs.pattern("pi_[a-z]+")), ["pi_a"], ["pi_", "xpi_a", "pi_a\n", "pi_a/../b"]),
    ],
)
def test_bounds(spec: Input, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert spec.read(value, textual=False) == value
    for value in bad:
        with pytest.raises(BadInput) as caught:
            spec.read(value, textual=False)
        assert '"x"' in str(caught.value)


def test_messages_never_hold_the_value() -> None:
    with pytest.raises(BadInput) as caught:
        Input("x", "integer").read("hunter2", textual=True)
    assert "hunter2" not in str(caught.value)


def test_bad_patterns() -> None:
    for text in ("(", "(?=a)", r"(a)\1"):
        with pytest.raises(ValueError, match=r"."):
            inputs.pattern(text)


def test_check_names_every_problem() -> None:
    specs = {"a": Input("a"), "b": Input("b", "integer"), "c": Input("c", required=False)}
    good, problems = inputs.check(specs, {"b": "x", "d": 1})
    assert good == {}
    assert len(problems) == 3
    assert inputs.check(specs, {"a": "x", "b": 1}) == ({"a": "x", "b": 1}, [])


def test_an_input_that_stands_twice_must_be_the_same() -> None:
    specs = {"a": Input("a", "number")}
    assert inputs.bind(specs, [("a", "1", True), ("a", 1, False)]) == ({"a": 1}, [])
    assert inputs.bind(specs, [("a", "1", True), ("a", 2, False)])[1] == ['the input "a" has two values']


@pytest.mark.parametrize(
    ("value", "textual", "read"),
    [
        ("a", False, "a"),
        (["a"], False, ["a"]),
        ("a", True, "a"),
        (Repeated(["a", "b"]), True, ["a", "b"]),
    ],
)
def test_an_input_of_several_types_takes_each_of_them(value: object, textual: bool, read: object) -> None:
    assert Input("x", "string", others=("array",)).read(value, textual=textual) == read


@pytest.mark.parametrize("value", [1, True, None, {}])
def test_an_input_of_several_types_takes_no_other(value: object) -> None:
    with pytest.raises(BadInput, match="not text or an array"):
        Input("x", "string", others=("array",)).read(value, textual=False)


@pytest.mark.parametrize(("text", "read"), [("1", 1), ("true", True)])
def test_text_is_read_as_the_first_of_several_types_that_it_stands_for(text: str, read: object) -> None:
    assert Input("x", "boolean", others=("integer",)).read(text, textual=True) is read
