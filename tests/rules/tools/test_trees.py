"""Tree templates: constants choose, values are bound, the rest is extra."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.tools import trees
from wharfinger.rules.tools.template import TemplateError
from wharfinger.rules.tools.trees import ABSENT, Found


def read(source: Any, value: Any, *, textual: bool = False) -> Found | None:
    found = Found()
    return found if trees.read(trees.tree(source), value, found, textual=textual) else None


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("a", "a"),
        (1, 1),
        (1, 1.0),
        (1.5, 1.5),
        (True, True),
        (None, None),
        ([1, "a"], [1, "a"]),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_constants_that_are_equal(constant: Any, value: Any) -> None:
    found = read({"k": constant}, {"k": value})
    assert found is not None
    assert not found.problems


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("a", "A"),
        ("a", 1),
        ("1", 1),
        (1, "1"),
        (1, True),
        (True, 1),
        (0, False),
        (None, False),
        (None, ""),
        (1, 2),
        ([1], [1, 2]),
        ([1], 1),
        ([1], {"0": 1}),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {}),
        ({"a": 1}, None),
        ({"a": 1}, ABSENT),
    ],
)
def test_constants_that_are_not(constant: Any, value: Any) -> None:
    assert read({"k": constant}, {} if value is ABSENT else {"k": value}) is None


@pytest.mark.parametrize(
    ("constant", "text", "equal"),
    [
        (1, "1", True),
        (1, "1.0", True),
        (1, "01", False),
        (1, "+1", False),
        (True, "true", True),
        (True, "True", False),
        (True, "1", False),
        ("1", "1", True),
        ("a b", "a b", True),
        (None, "null", False),
        (1, ["1"], False),
        (2.5, "2.5", True),
    ],
)
def test_constants_in_text(constant: Any, text: Any, *, equal: bool) -> None:
    assert (read({"k": constant}, {"k": text}, textual=True) is not None) is equal


def test_values_are_bound_with_their_types() -> None:
    found = read(
        {"a": "${a}", "b": {"c": "x-${c}"}, "d": ["${d}"]}, {"a": None, "b": {"c": "x-1"}, "d": [{"e": 1}]}
    )
    assert found is not None
    assert found.bound == [("a", None, False), ("c", "1", True), ("d", {"e": 1}, False)]


def test_absent_values_are_not_bound() -> None:
    found = read({"a": "${a}", "b": {"c": "${c}"}, "d": ["${d}"]}, {})
    assert found == Found()
    assert read({"a": "${a}"}, ABSENT) == Found()


def test_what_is_beyond_is_extra() -> None:
    found = read({"a": "${a}", "b": {"c": "${c}"}}, {"a": 1, "z": 2, "b": {"y": [3]}})
    assert found is not None
    assert found.extras == {"z": 2, "b.y": [3]}


@pytest.mark.parametrize("value", [{"b": 1}, {"b": [1]}, {"b": "x"}, {"b": None}, [], "x", None, 1])
def test_another_shape_is_a_bad_call(value: Any) -> None:
    """Without a constant to tell it apart, the request is this tool's, and wrong."""
    found = read({"b": {"c": "${c}"}}, value)
    assert found is not None
    assert found.problems


def test_brackets_in_keys_are_nested() -> None:
    assert trees.nested({"a[b]": "${x}", "c[]": "${y}", "d": {"e[f]": 1}}) == {
        "a": {"b": "${x}"},
        "c": "${y}",
        "d": {"e": {"f": 1}},
    }
    for bad in ({"a": 1, "a[b]": 2}, {"a[": 1}, {"[a]": 1}, {"a[b]": 1, "a": 2}):
        with pytest.raises(TemplateError):
            trees.nested(bad)


@pytest.mark.parametrize("source", [{"${x}": 1}, {1: 2}, {"a": object()}, {"a": "${"}])
def test_trees_that_cannot_be(source: Any) -> None:
    with pytest.raises(TemplateError):
        trees.tree(source)


def test_write_drops_what_is_absent() -> None:
    node = trees.tree(
        {"a": "${a}", "b": {"c": "${c}"}, "d": {"e": "${c}", "k": 1}, "f": ["${c}"], "g": {}, "h": "x${c}"}
    )
    assert trees.write(node, {"a": 1}) == {"a": 1, "d": {"k": 1}, "g": {}}
    assert trees.write(node, {"a": 1, "c": "y"}) == {
        "a": 1,
        "b": {"c": "y"},
        "d": {"e": "y", "k": 1},
        "f": ["y"],
        "g": {},
        "h": "xy",
    }
