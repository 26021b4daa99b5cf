"""The ledger against an obvious one, over stepped clocks and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wharfinger.keeping.store import Store
from wharfinger.limits import ledger as ledgers
from wharfinger.limits.ledger import Ledger
from wharfinger.rules.models.limits import Window
from wharfinger.rules.policies.limits import Reservation

HOUR, DAY, RUN = Window.HOUR, Window.DAY, Window.RUN


class Clock:
    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 14, 12, tzinfo=UTC)
        self.mono = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def step(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mono += seconds


class House:
    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, Clock()
        self.ledger = Ledger(store, self.clock)
        self.number = 0

    def take(self, most: int, amount: Any = 1, window: Window = HOUR, run: str = "", agent: str = "a") -> str:
        """Reserve under a limit of `most`; the decision id, or nothing."""
        self.number += 1
        decision = f"d_{self.number}"
        amount = Fraction(amount)
        wanted = Reservation(f"k:{window}", window, amount, Fraction(most) - amount)
        return decision if self.ledger.reserve(decision, agent, run, [wanted]) else ""

    def used(self, window: Window = HOUR, run: str = "", agent: str = "a") -> Any:
        return self.ledger.view(agent, run).used(f"k:{window}", window)

    async def restart(self) -> None:
        self.ledger = Ledger(self.store, self.clock)
        await self.ledger.open()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    with Store.open(folder) as store:
        yield House(store)


async def test_a_window_slides_to_the_moment(house: House) -> None:
    for _ in range(3):
        assert house.take(3)
        house.clock.step(600)
    assert not house.take(3)
    frees = house.ledger.view("a", "").frees("k:hour", HOUR, Fraction(2))
    assert frees == datetime(2026, 1, 14, 13, tzinfo=UTC)
    house.clock.step(1800 - 0.001)
    assert not house.take(3)
    house.clock.step(0.001)
    assert house.take(3)
    assert not house.take(3)


async def test_time_has_passed_once_both_clocks_say_so(house: House) -> None:
    assert house.take(1)
    house.clock.wall += timedelta(days=3)  # somebody sets the clock
    assert not house.take(1)
    house.clock.mono += 3600
    assert house.take(1)
    house.clock.mono += 3600
    house.clock.wall -= timedelta(days=5)
    assert not house.take(1)


async def test_it_counts_all_or_nothing(house: House) -> None:
    wanted = [
        Reservation("x", HOUR, Fraction(1), Fraction(5)),
        Reservation("y", HOUR, Fraction(3), Fraction(-1)),
    ]
    assert not house.ledger.reserve("d_1", "a", "", wanted)
    assert house.ledger.view("a", "").used("x", HOUR) == 0


async def test_agents_windows_and_runs_are_apart(house: House) -> None:
    assert house.take(1)
    assert house.take(1, agent="b")
    assert house.take(1, window=DAY)
    assert house.take(1, window=RUN, run="r1")
    assert not house.take(1, window=RUN, run="r1")
    assert house.take(1, window=RUN, run="r2")
    assert house.used(RUN, "") is None
    house.clock.step(10 * 86_400)
    assert not house.take(1, window=RUN, run="r1"), "a run does not forget"


async def test_an_hour_and_a_day_are_counted_over_all_runs(house: House) -> None:
    """A new run begins a run's counts anew, and no others."""
    for window in (HOUR, DAY):
        assert house.take(2, window=window, run="r1")
        assert house.take(2, window=window, run="r2")
        assert not house.take(2, window=window, run="r3")
        assert not house.take(2, window=window)
        assert house.used(window) == house.used(window, "r1") == 2


async def test_what_has_come_to_its_end_is_not_given_back(house: House) -> None:
    decision = house.take(1)
    house.ledger.settle(decision)
    assert not house.ledger.give_back(decision)
    assert house.used() == 1


async def test_a_run_that_has_ended_is_forgotten_and_no_other(house: House) -> None:
    for run in ("r1", "r2"):
        assert house.take(1, window=RUN, run=run)
    house.ledger.end_run("r1")
    assert (house.used(RUN, "r1"), house.used(RUN, "r2")) == (0, 1)


async def test_what_is_given_back_is_gone_here_and_in_the_store(house: House) -> None:
    decision = house.take(1)
    await house.ledger.keep(decision)
    assert house.ledger.give_back(decision)
    await house.ledger.forget(decision)
    assert house.used() == 0
    assert not house.ledger.give_back(decision), "once"
    await house.restart()
    assert house.used() == 0


async def test_a_restart_keeps_what_was_kept(house: House) -> None:
    kept = house.take(5, Fraction("0.1"))
    await house.ledger.keep(kept)
    house.ledger.settle(kept)
    house.clock.step(1800)
    again = house.take(5, 2)
    await house.ledger.keep(again)
    await house.restart()
    assert house.used() == Fraction(21, 10)
    house.clock.step(1800)
    assert house.used() == 2
    house.clock.step(1800)
    assert house.used() == 0


async def test_the_store_forgets_what_no_window_holds(house: House) -> None:
    await house.ledger.keep(house.take(5))
    await house.ledger.keep(house.take(5, window=RUN, run="gone"))
    house.clock.step(86_401)
    await house.ledger.sweep()
    assert await house.store.run(lambda c: c.execute("SELECT count(*) FROM limit_counts").fetchone()[0]) == 0


async def test_with_too_many_counts_the_oldest_are_put_together_on_the_strict_side(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "MOST", 10)
    for _ in range(100):
        assert house.take(1000)
        house.clock.step(1)
    assert house.used() == 100
    (counter,) = house.ledger._counters.values()
    assert len(counter.entries) == 10
    house.clock.step(3600)
    assert house.used() == 0


async def test_giving_back_leaves_what_was_put_together_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "MOST", 2)
    decisions = [house.take(1000, amount) for amount in (5, 7, 11)]
    assert house.used() == 23
    assert house.ledger.give_back(decisions[1])  # the 5 of the first was put to its 7
    assert house.used() == 16
    house.ledger.give_back(decisions[0])
    assert house.used() == 16, "what has been put together stays counted"
    house.ledger.give_back(decisions[2])
    assert house.used() == 5


async def test_reserving_from_many_tasks_and_asking_from_threads(house: House) -> None:
    async def one() -> bool:
        await asyncio.to_thread(house.used)
        return bool(house.take(20))

    assert sum(await asyncio.gather(*(one() for _ in range(300)))) == 20


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 5)),
        st.tuples(st.just("step"), st.integers(0, 2000)),
        st.tuples(st.just("back"), st.integers(0, 9)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_it_is_an_obvious_ledger(house: House, steps: list[tuple[str, int]]) -> None:
    """The obvious one keeps every count, and adds up those of the last hour."""

    async def play() -> None:
        await house.store.run(lambda c: c.execute("DELETE FROM limit_counts"))
        await house.restart()
        model: dict[str, tuple[datetime, int]] = {}
        held: list[str] = []
        for what, number in steps:
            if what == "step":
                house.clock.step(number)
            elif what == "restart":
                held.clear()
                await house.restart()
            elif what == "back" and held:
                decision = held.pop(number % len(held))
                if house.ledger.give_back(decision):
                    await house.ledger.forget(decision)
                model.pop(decision, None)
            elif what == "take":
                since = house.clock.wall - timedelta(hours=1)
                free = 10 - sum(amount for at, amount in model.values() if at > since)
                decision = house.take(10, number)
                assert bool(decision) is (number <= free)
                if decision:
                    await house.ledger.keep(decision)
                    held.append(decision)
                    model[decision] = (house.clock.wall, number)
            since = house.clock.wall - timedelta(hours=1)
            assert house.used() == sum(amount for at, amount in model.values() if at > since)

    asyncio.run(play())
