"""The collector: whole rounds when one is due and nobody waits, and not otherwise."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest
from wharfinger.running import collecting


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.parametrize(
    ("due", "idle", "rounds"),
    [(0, 60.0, True), (0, 0.0, False), (10**6, 60.0, False)],
    ids=["due, and quiet", "somebody waits", "not due"],
)
async def test_a_whole_round_is_made(
    due: int, idle: float, rounds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "DUE", due)
    monkeypatch.setattr(collecting, "EVERY", 0.001)
    gc.set_threshold(10**6, 10**6, 10**6)
    looked, whole = [0], [0]

    def counted(phase: str, info: dict[str, int]) -> None:
        whole[0] += phase == "stop" and info["generation"] == 2

    def since() -> float:
        looked[0] += 1
        return idle

    gc.callbacks.append(counted)
    working = asyncio.get_running_loop().create_task(collecting.when_quiet(since))
    await asyncio.sleep(0.05)
    gc.callbacks.remove(counted)
    working.cancel()
    assert (whole[0] > 0) is rounds
    assert (looked[0] > 0) is (due == 0)


async def test_a_round_that_made_itself_makes_a_whole_one_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "EVERY", 0.001)
    gc.set_threshold(10**6, 10**6, 10**6)
    gc.collect()
    gc.collect(0)
    assert gc.get_count()[1] == 1
    working = asyncio.get_running_loop().create_task(collecting.when_quiet(lambda: 60.0))
    async with asyncio.timeout(10):
        while gc.get_count()[1]:
            await asyncio.sleep(0.001)
    working.cancel()


def test_what_is_there_at_start_is_not_looked_at_again() -> None:
    kept = [[number] for number in range(1000)]
    collecting.set_aside()
    assert gc.get_freeze_count() > len(kept)
    assert gc.get_threshold() == collecting.THRESHOLDS
