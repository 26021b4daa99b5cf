"""The queue before a channel: bounded, in order, tried again, and its troubles told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from wharfinger.channels.notices import Health
from wharfinger.channels.outbox import Job, Outbox, Rejected, Unreachable

SOON = timedelta(minutes=5)


def job(work: Callable[[], Awaitable[None]], within: timedelta = SOON) -> Job:
    return Job(datetime.now(UTC) + within, work)


class Bench:
    def __init__(self, depth: int = 200) -> None:
        self.told: list[Health] = []
        self.done: list[str] = []
        self.outbox = Outbox("slack", self.told.append, depth=depth, pause=0.005)

    def put(self, name: str, *failures: Exception, within: timedelta = SOON) -> None:
        left = list(failures)

        async def work() -> None:
            if left:
                raise left.pop(0)
            self.done.append(name)

        self.outbox.put(job(work, within))

    async def run(self, count: int = 0, told: int = 0) -> None:
        running = asyncio.get_running_loop().create_task(self.outbox.run())
        async with asyncio.timeout(10):
            while len(self.done) < count or len(self.told) < told:
                await asyncio.sleep(0.002)
        running.cancel()


async def test_jobs_are_done_in_order_and_tried_again():
    bench = Bench()
    bench.put("one", Unreachable("away"), Unreachable("away"), Unreachable("away"))
    bench.put("two")
    await bench.run(2)
    assert bench.done == ["one", "two"]
    assert [(health.up, health.why) for health in bench.told] == [(False, "away"), (True, "")]


@pytest.mark.parametrize("failure", [Rejected("no such channel"), ValueError("xoxb-secret"), KeyError("x")])
async def test_what_can_never_work_is_given_up_at_once_and_told(failure: Exception):
    bench = Bench()
    bench.put("one", failure)
    bench.put("two")
    await bench.run(1)
    assert bench.done == ["two"]
    assert bench.told[0].dropped == 1
    assert not bench.told[0].up
    assert "xoxb" not in bench.told[0].why
    assert bench.told[-1].up


async def test_what_is_of_no_use_any_more_is_given_up():
    bench = Bench()
    bench.put("late", within=timedelta(seconds=-1))
    bench.put("away", *[Unreachable("away")] * 999, within=timedelta(seconds=0.05))
    bench.put("two")
    await bench.run(1)
    assert bench.done == ["two"]
    assert bench.outbox.dropped == 2


async def test_a_full_queue_drops_the_oldest():
    bench = Bench(depth=3)
    for number in range(10):
        bench.put(str(number))
    await bench.run(3)
    assert bench.done == ["7", "8", "9"]
    assert bench.outbox.dropped == 7


async def test_one_queue_holds_up_no_other():
    stuck, free = Bench(), Bench()

    async def forever() -> None:
        await asyncio.Event().wait()

    stuck.outbox.put(job(forever))
    for number in range(50):
        free.put(str(number))
    both = [asyncio.get_running_loop().create_task(each.outbox.run()) for each in (stuck, free)]
    async with asyncio.timeout(10):
        while len(free.done) < 50:
            await asyncio.sleep(0.002)
    assert stuck.done == []
    for task in both:
        task.cancel()
