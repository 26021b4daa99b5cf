"""A connection that has ended is freed at once: a flood of them leaves the collector nothing to stop for."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from wharfinger.flow import handler

JSON = (("Content-Type", "application/json"),)
SERVED = (
    "Stream",
    "HTTPFlow",
    "Exchange",
    "Passage",
    "Decision",
    "Permit",
    "AnswerRedactor",
    "Request",
    "Task",
)


@pytest.fixture
def garbage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What only the collector can free, by the names of its types."""
    monkeypatch.setattr(handler, "LINGER", 0.02)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)

    def found() -> Counter[str]:
        gc.collect()
        return Counter(type(each).__qualname__ for each in gc.garbage)

    try:
        yield found
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.collect()


async def come_apart() -> None:
    async with asyncio.timeout(20):
        while any(isinstance(each, handler.ClientHandler) for each in gc.get_objects()):
            await asyncio.sleep(0.05)


async def test_connections_that_say_nothing(proxy: Any, garbage: Any) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection(*proxy.address)
        writer.close()
    del writer
    await asyncio.sleep(0.1)
    await come_apart()
    found = garbage()
    assert found["HttpProxy"] == found["SealedHttpLayer"] == 0


async def test_connections_with_requests(proxy: Any, garbage: Any) -> None:
    for _ in range(5):
        tunnel = await proxy.connect()
        assert (await tunnel.send(proxy.raw("GET", "/items/1"))).status == 200
        tunnel.writer.close()
    await come_apart()
    found = garbage()
    assert found["ClientHandler"] == found["UpstreamSide"] == found["UpstreamTls"] == 0


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (("GET", "/items/1"), 200),
        (("GET", "/nowhere"), 403),
        (("POST", "/pay", JSON, b'{"amount": 1}'), 403),
    ],
    ids=["answered", "refused", "held"],
)
async def test_requests_that_have_been_answered(
    unattended: Any, garbage: Any, request_of: tuple[Any, ...], status: int
) -> None:
    """On a connection that stays: what served each of them is gone with its answer."""
    tunnel = await unattended.connect()
    for _ in range(5):
        assert (await tunnel.send(unattended.raw(*request_of))).status == status
    await asyncio.sleep(0.1)
    found = garbage()
    assert [name for name in SERVED if found[name]] == []
    tunnel.writer.close()
    await come_apart()
