"""The gate's own bookkeeping; what it opens and refuses is tested over sockets in `tests/addon/flow`."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from wharfinger.deciding.gate import Gate


@pytest.fixture
def gate() -> Gate:
    none = cast(Any, None)
    return Gate(none, none, none, none, none, none, none, none, none)


@pytest.mark.timeout(10)
async def test_drain_gives_way_to_what_it_waits_for(gate: Gate) -> None:
    """An outcome that is written before `drain` looks must not keep it, and the event loop, for ever."""
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    written.set_result(None)
    gate._keep(written)
    await gate.drain()
    await gate.drain()


@pytest.mark.timeout(10)
async def test_drain_waits_for_what_is_handed_in_meanwhile(gate: Gate) -> None:
    log: list[str] = []

    async def outcome(more: int) -> None:
        await asyncio.sleep(0.01)
        log.append("written")
        if more:
            gate._keep(asyncio.get_running_loop().create_task(outcome(more - 1)))

    gate._keep(asyncio.get_running_loop().create_task(outcome(2)))
    await gate.drain()
    assert log == ["written"] * 3


async def test_an_outcome_that_cannot_be_recorded_is_logged(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failed.set_exception(OSError("the disk is full"))
    gate._keep(failed)
    await gate.drain()
    assert "could not be recorded: the disk is full" in caplog.text
