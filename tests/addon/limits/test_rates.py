"""How often something may happen: in total, and half as often for one agent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wharfinger.limits.rates import Rate


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_agent_has_half_and_all_have_the_whole() -> None:
    time = Time()
    rate = Rate(10, now=time)
    assert sum(rate.take("a") for _ in range(100)) == 5
    assert sum(rate.take("b") for _ in range(3)) == 3
    assert sum(rate.take("c") for _ in range(100)) == 2, "what the others left"
    assert (rate.taken, rate.refused) == (10, {"a": 95, "c": 98})
    time.now += 0.2
    assert [rate.take("a"), rate.take("a"), rate.take("b")] == [True, False, True]


def test_what_was_not_used_may_be_used_up_to_a_burst() -> None:
    time = Time()
    rate = Rate(10, 3.0, now=time)
    assert sum(rate.take("a") for _ in range(100)) == 15
    time.now += 1000
    assert sum(rate.take("a") for _ in range(100)) == 15


def test_several_at_once_are_taken_whole_or_not_at_all() -> None:
    rate = Rate(10, now=Time())
    assert [rate.take("a", 4), rate.take("a", 2), rate.take("a", 1)] == [True, False, True]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.floats(0, 0.5)), max_size=80))
def test_nobody_ever_has_more_than_their_share(asked: list[tuple[str, int, float]]) -> None:
    time = Time()
    rate, began = Rate(10, now=time), time.now
    got = dict.fromkeys("abc", 0)
    for agent, times, later in asked:
        time.now += later
        got[agent] += times * rate.take(agent, times)
        assert max(got.values()) <= 5 + (time.now - began) * 5 + 1e-6
        assert sum(got.values()) <= 10 + (time.now - began) * 10 + 1e-6
