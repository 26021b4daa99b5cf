"""What an evaluation costs is bounded before it is made: estimates grow as evaluations do."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.conditions.cel import compile_expression
from wharfinger.rules.weight import LIMIT, MAX_ELEMENTS, Weight, weigh

NAMES: dict[str, str | None] = dict.fromkeys(("s", "t", "l", "o"))


@pytest.mark.parametrize(
    ("value", "weight"),
    [
        ("abc", (0, 3)),
        ("日", (0, 4)),
        (["a", "bc"], (2, 3)),
        ({"k": "abc"}, (3, 4)),
        ({"k": [1, None, True]}, (6, 1)),
        (5, (0, 0)),
    ],
)
def test_weights(value: Any, weight: tuple[int, int]) -> None:
    assert weigh(value) == weight


@pytest.mark.parametrize("value", [[1] * 5001, [[1] * 100] * 100, {str(n): n for n in range(2000)}])
def test_too_much_is_not_counted_to_the_end(value: Any) -> None:
    assert weigh(value).countless


def largest(source: str, *, elements: bool) -> int:
    """The greatest input that an expression is evaluated on."""
    cost = compile_expression(source, NAMES).cost
    size = 1
    while size < 10**7 and not cost.exceeded(Weight(size, 100) if elements else Weight(1, size)):
        size = size * 11 // 10 + 1
    return size


@pytest.mark.parametrize(
    ("source", "least", "most"),
    [
        ("input.l.all(x, x == 1)", 1000, MAX_ELEMENTS),
        ('input.l.all(x, x.endsWith("@example.com"))', 1000, MAX_ELEMENTS),
        ("input.l.map(x, x) == []", 200, 500),
        ("input.l.filter(x, true).map(y, y) == []", 100, 400),
        ("input.l.all(x, x in input.l)", 100, 500),
        ("input.l.all(x, input.l.exists(y, y == x))", 20, 200),
        ("input.l.all(x, input.l.all(y, input.l.all(z, z == x)))", 4, 40),
        ('input.l.all(x, x.matches("^[a-z]+$"))', 100, 500),
        ("input.l.all(x, size(findings(x)) == 0)", 50, 500),
    ],
)
def test_how_many_elements(source: str, least: int, most: int) -> None:
    assert least <= largest(source, elements=True) <= most * 11 // 10 + 1


@pytest.mark.parametrize(
    ("source", "least", "most"),
    [
        ('input.s == "x"', 10**6, 10**7 * 2),
        ('input.s.contains("x")', 200_000, 600_000),
        ("input.s.contains(input.t)", 10_000, 40_000),
        ('(input.s + "x").matches("^(a|b)*a(a|b){20}c")', 3_000, 8_000),
        ('(input.s + "x").matches("^a")', 50_000, 200_000),
        ("input.l.all(x, input.s.contains(x))", 10_000, 40_000),
    ],
)
def test_how_much_text(source: str, least: int, most: int) -> None:
    assert least <= largest(source, elements=False) <= most


def test_a_loop_that_reads_beside_itself_multiplies() -> None:
    own = compile_expression('input.l.all(x, x.contains("ab"))', NAMES).cost
    other = compile_expression('input.l.all(x, input.s.contains("ab"))', NAMES).cost
    assert not own.reaches
    assert other.reaches
    weight = Weight(100, 20_000)
    assert not own.exceeded(weight)
    assert other.exceeded(weight)
    grown = compile_expression("input.l.map(x, x + x) == []", NAMES).cost
    assert grown.reaches


def test_what_costs_more_than_the_limit_is_not_evaluated() -> None:
    cost = compile_expression("input.l.map(x, x) == []", NAMES).cost
    size = largest("input.l.map(x, x) == []", elements=True)
    assert cost.nanoseconds(Weight(size, 100)) > LIMIT >= cost.nanoseconds(Weight(size * 10 // 11 - 2, 100))
