"""Background tasks are kept, and their failures heard."""

import asyncio
import gc

import pytest
from wharfinger.running.tasks import Tasks


async def test_a_task_is_kept_until_it_ends():
    tasks, gate, done = Tasks(), asyncio.Event(), []

    async def work():
        await gate.wait()
        done.append(True)

    tasks.start(work(), name="work")
    gc.collect()
    assert len(tasks) == 1
    gate.set()
    await asyncio.sleep(0.01)
    assert done == [True]
    assert len(tasks) == 0


async def test_a_failure_is_logged_and_told(caplog):
    told = []
    tasks = Tasks(failed=lambda name, error: told.append((name, str(error))))

    async def work():
        raise ValueError("secret-in-message")

    with pytest.raises(ValueError, match="secret"):
        await tasks.start(work(), name="sweeper")
    await asyncio.sleep(0)
    assert told == [("sweeper", "secret-in-message")]
    assert "background task sweeper failed: ValueError" in caplog.text
    assert "secret-in-message" not in caplog.text


async def test_cancel_all_waits_for_every_task_to_end():
    tasks, ended = Tasks(), []

    async def slow_to_leave():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    for _ in range(3):
        tasks.start(slow_to_leave(), name="slow")
    await asyncio.sleep(0)
    await tasks.cancel_all()
    await tasks.cancel_all()
    assert ended == [True] * 3
    assert len(tasks) == 0


async def test_a_task_may_cancel_the_others_without_waiting_for_itself():
    tasks = Tasks()
    tasks.start(asyncio.sleep(60), name="other")
    await asyncio.wait_for(tasks.start(tasks.cancel_all(), name="closer"), 1)
