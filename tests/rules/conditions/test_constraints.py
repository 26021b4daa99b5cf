"""Values of different types are never equal."""

import pytest
from wharfinger.rules.conditions.constraint import same
from wharfinger.rules.conditions.constraints import compile_constraint


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (True, True, True),
        ("1", 1, False),
        ("a", "a", True),
        (None, False, False),
        (2**63 - 1, float(2**63), False),
        ([1], [1], True),
        ([1], {"0": 1}, False),
    ],
)
def test_same(left: object, right: object, equal: bool) -> None:
    assert same(left, right) is equal


@pytest.mark.parametrize(
    ("value", "among"),
    [(1, True), (1.0, True), (True, False), ("1", False), (2, False), ([1], False), (None, False)],
)
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_among_values_is_the_same_as_one_of_them(value: object, among: bool, nested: bool) -> None:
    """A boolean is no number, in a list either."""
    for operator, holds in (("in", among), ("not_in", not among)):
        written: object = {operator: [1, "a"]}
        given = [value] if nested else value
        assert compile_constraint({"all": written} if nested else written).holds(given) is holds
