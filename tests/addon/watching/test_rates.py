"""Counts of the last seconds, and the line that shows them."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import pytest
from wharfinger.watching.rates import SECONDS, Rates, sparkline


def test_each_second_has_its_count_by_name_and_in_all():
    rates = Rates()
    rates.add("allow", 100, 3)
    rates.add("deny", 100, 1)
    rates.add("deny", 102, 2)
    assert rates.of(102)[-3:] == [4, 0, 2]
    assert rates.of(102, "deny")[-3:] == [1, 0, 2]
    assert len(rates.of(102)) == SECONDS
    assert sum(rates.of(100 + SECONDS)) == 2


def test_what_is_long_past_is_not_kept():
    rates = Rates()
    for second in range(10_000):
        rates.add("allow", second, 1)
    assert len(rates._counts) <= 2 * SECONDS
    assert rates.of(9_999) == [1] * SECONDS


@pytest.mark.parametrize(
    ("counts", "width", "line"),
    [([0, 1, 8], 3, " ▂█"), ([5, 5], 2, "██"), ([0, 0], 2, "  "), ([1, 2, 3], 1, "█"), ([], 4, ""), ([1], 0, "")],
)  # fmt: skip
def test_the_line_has_a_bar_for_each_count(counts: list[int], width: int, line: str):
    assert sparkline(counts, width) == line
