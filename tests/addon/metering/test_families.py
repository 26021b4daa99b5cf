"""What is counted adds up, whatever labels it comes under, and has an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.metering.families import OTHER, Counter, Histogram


def test_a_family_has_an_end_and_its_sum_stays_true() -> None:
    counter = Counter("x", "", ("agent", "tool"), most=10)
    for number in range(1000):
        counter.add((f"a{number}", "t"))
    assert len(counter.rows) == 11
    assert counter.rows[OTHER, OTHER] == 990
    assert sum(counter.rows.values()) == 1000


def test_rows_that_are_there_are_found_when_there_is_no_room_for_more() -> None:
    counter = Counter("x", "", ("agent",), most=1)
    for name in ("a", "b", "a"):
        counter.add((name,))
    assert counter.rows == {("a",): 2, (OTHER,): 1}


@given(st.lists(st.floats(0, 1000)))
def test_every_duration_is_in_one_class_and_in_the_sum(seconds: list[float]) -> None:
    histogram = Histogram("x", "", bounds=(0.1, 1.0, 10.0))
    for each in seconds:
        histogram.add(each)
    if not seconds:
        assert histogram.rows == {}
        return
    row = histogram.rows[()]
    ends = (0.1, 1.0, 10.0, float("inf"))
    begins = (float("-inf"), *ends)
    expected = [sum(low < one <= high for one in seconds) for low, high in zip(begins, ends, strict=False)]
    assert row.counts == expected
    assert row.total == pytest.approx(sum(seconds))
