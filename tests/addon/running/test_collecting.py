"""The collector: it looks at everything when nobody waits, and at nothing otherwise."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from wharfinger.running import collecting
from wharfinger.running.collecting import LONGEST, MANY, QUIET


class Round:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


class Looks:
    """What the collector has done, and the times that it is told."""

    def __init__(self) -> None:
        self.idle, self.now = 0.0, 1000.0
        self.rounds = 0
        self.asked = 0

    def counted(self, phase: str, _info: dict[str, int]) -> None:
        self.rounds += phase == "stop"

    def since(self) -> float:
        self.asked += 1
        return self.idle

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not met():
                await asyncio.sleep(0.001)


@pytest.fixture
async def looks(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Looks]:
    made = Looks()
    monkeypatch.setattr(collecting, "EVERY", 0.001)
    collecting.set_aside()
    gc.callbacks.append(made.counted)
    working = asyncio.get_running_loop().create_task(collecting.when_quiet(made.since, lambda: made.now))
    yield made
    working.cancel()
    gc.callbacks.remove(made.counted)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def many() -> list[list[int]]:
    return [[number] for number in range(MANY * 2)]


async def test_while_somebody_waits_what_is_new_is_set_aside_unseen(looks: Looks) -> None:
    lost = weakref.ref(Round())
    kept = many()
    await looks.until(lambda: gc.get_count()[0] < MANY)
    await asyncio.sleep(0.02)
    assert (looks.rounds, lost() is None, len(kept)) == (0, False, MANY * 2)
    looks.idle = QUIET
    await looks.until(lambda: lost() is None)
    assert looks.rounds == 1, "nobody waits any more: what was set aside is looked at, too"
    await asyncio.sleep(0.02)
    assert looks.rounds == 1, "once"


async def test_what_is_set_aside_is_freed_once_nothing_refers_to_it(looks: Looks) -> None:
    kept = [{number} for number in range(MANY * 2)]
    there = weakref.WeakSet(made := [Round() for _ in range(10)])
    for each in made:
        del each.itself
    await looks.until(lambda: gc.get_count()[0] < MANY)
    del each
    made.clear()
    assert (len(there), len(kept)) == (0, MANY * 2)


async def test_few_new_objects_are_left_to_the_next_time(looks: Looks) -> None:
    looks.idle = 60.0
    await asyncio.sleep(0.05)
    assert (looks.rounds, looks.asked) == (0, 0)


async def test_where_somebody_waits_all_the_time_all_is_looked_at_even_so(looks: Looks) -> None:
    lost, kept = weakref.ref(Round()), many()
    await looks.until(lambda: gc.get_count()[0] < MANY)
    looks.now += LONGEST
    await looks.until(lambda: lost() is None)
    assert (looks.rounds, len(kept)) == (1, MANY * 2)


def test_what_is_there_at_start_is_not_looked_at_again() -> None:
    kept = [[number] for number in range(1000)]
    collecting.set_aside()
    assert gc.get_freeze_count() > len(kept)
    assert gc.get_threshold() == collecting.THRESHOLDS
