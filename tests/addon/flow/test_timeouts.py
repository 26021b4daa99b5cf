"""`timeout:` on tools and rules: the exchange is cut off in time, the agent is told, the book knows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.addon.flow.conftest import POLICY, TOOLS

SLOW = TOOLS.replace(
    'run: {method: GET, url: "/items/${id}"}', 'run: {method: GET, url: "/items/${id}", timeout: 300ms}'
)
RULE = POLICY.replace("  - tool: create_item\n", "  - tool: create_item\n    timeout: 300ms\n")
FILES = {"tools/example.yaml": SLOW, "policies/everyday.yaml": RULE}
BODY = ("POST", "/items", [("Content-Type", "application/json")], b'{"name": "x"}')


async def _outcome(proxy: Any, decision: str) -> Any:
    return next(event for event in await proxy.events(decision) if event["kind"] == "outcome")


async def _silent(seen: Any) -> Any:
    await asyncio.sleep(30)


@pytest.mark.parametrize("asked", [("GET", "/items/1"), BODY], ids=["tool", "rule"])
async def test_without_an_answer_in_time_the_agent_gets_504_in_our_shape(
    start: Any, origin: Any, asked: Any
) -> None:
    origin.answer = _silent
    async with start(FILES) as proxy:
        answered = await proxy.request(*asked)
        assert (answered.status, answered.code) == (504, "upstream")
        assert "longer than the 0.3 s" in answered.json["message"]
        outcome = await _outcome(proxy, answered.decision)
        assert outcome["outcome"] == "timed_out"
        assert len(origin.requests) == 1


async def test_an_answer_under_way_is_reset(start: Any, origin: Any, reply: Any) -> None:
    origin.answer = lambda _seen: reply(chunks=[b"data: 1\n\n"] * 200, delay=0.05)
    async with start(FILES) as proxy:
        tunnel = await proxy.connect()
        tunnel.writer.write(proxy.raw("GET", "/items/1"))
        back = await tunnel.reader.read(65536)
        assert back.startswith(b"HTTP/1.1 200 ")
        rest = await asyncio.wait_for(tunnel.reader.read(), 5)
        assert not rest.endswith(b"0\r\n\r\n")
        (outcome,) = [event for event in await proxy.settled() if event["kind"] == "outcome"]
        assert outcome["outcome"] == "timed_out"


async def test_positive_control_what_is_in_time_passes_and_the_connection_lives_on(
    start: Any, origin: Any
) -> None:
    async with start(FILES) as proxy:
        tunnel = await proxy.connect()
        assert (await tunnel.request("GET", "/items/1")).status == 200
        await asyncio.sleep(0.5)  # the time of the first is over by now
        assert (await tunnel.request("GET", "/items/2")).status == 200
        outcomes = [event["outcome"] for event in await proxy.settled() if event["kind"] == "outcome"]
        assert outcomes == ["completed", "completed"]


async def test_the_time_begins_with_the_first_byte_that_is_sent(start: Any, origin: Any, reply: Any) -> None:
    """Neither being held for a person nor reaching the upstream takes away from it."""

    async def a_little_late(_seen: Any) -> Any:
        await asyncio.sleep(0.05)
        return reply()

    origin.answer = a_little_late
    async with start(FILES) as proxy:
        origin.hold_handshake = asyncio.Event()
        tunnel = await proxy.connect()
        asking = asyncio.get_running_loop().create_task(tunnel.request("GET", "/items/1"))
        while origin.connections == 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        origin.hold_handshake.set()
        assert (await asking).status == 200


async def test_a_tool_without_a_timeout_waits(start: Any, origin: Any, reply: Any) -> None:
    async def late(_seen: Any) -> Any:
        await asyncio.sleep(0.6)
        return reply()

    origin.answer = late
    async with start(FILES) as proxy:
        assert (await proxy.request("GET", "/masked/1")).status == 200


async def test_one_timer_serves_all_requests_of_a_connection(start: Any, origin: Any) -> None:
    """A timer for each would stay, with all it holds, until a time is over that no one waits for."""
    files = {**FILES, "tools/example.yaml": SLOW.replace("300ms", "1m")}
    async with start(files) as proxy:
        tunnel = await proxy.connect()
        for number in range(20):
            assert (await tunnel.request("GET", f"/items/{number}")).status == 200
        waking = [task for task in asyncio.all_tasks() if task.get_coro().__qualname__.endswith(".wakeup")]
        assert len(waking) == 1


async def test_each_has_its_own_time_where_several_share_a_timer(start: Any, origin: Any, reply: Any) -> None:
    async def answer(seen: Any) -> Any:
        if seen.target.endswith("/slow"):
            await asyncio.sleep(30)
        return reply()

    origin.answer = answer
    async with start(FILES) as proxy:
        tunnel = await proxy.connect()
        assert (await tunnel.request("GET", "/items/1")).status == 200
        await asyncio.sleep(0.2)
        before = asyncio.get_running_loop().time()
        assert (await tunnel.request("GET", "/items/slow")).status == 504
        assert asyncio.get_running_loop().time() - before > 0.25, "its time began with it, not with the first"
