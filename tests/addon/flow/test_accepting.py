"""Accepting: one connection in each pass of the event loop, in the turns of whoever connects."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from wharfinger import turns
from wharfinger.flow import accepting
from wharfinger.flow.accepting import Accepting


class Served:
    """What has been accepted, in passes of the event loop."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)

    async def are(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.writers) < count:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def accept(agent: str = "") -> AsyncIterator[tuple[Served, tuple[str, int], Accepting]]:
    sock, served = socket.create_server(("127.0.0.1", 0)), Served()
    taking = Accepting(sock, served, agent)
    address = sock.getsockname()
    try:
        yield served, address, taking
    finally:
        taking.close()
        for writer in served.writers:
            writer.close()


def connect(address: tuple[str, int], count: int) -> list[socket.socket]:
    """So many connections, which the kernel makes by itself."""
    return [socket.create_connection(address, 5) for _ in range(count)]


async def test_what_waits_is_accepted_in_as_many_passes() -> None:
    async with accept() as (served, address, _):
        callers, most = connect(address, 20), 0
        async with asyncio.timeout(10):
            while (before := len(served.writers)) < 20:
                await asyncio.sleep(0)
                most = max(most, len(served.writers) - before)
        assert most == 1
        for caller in callers:
            caller.close()


async def test_a_flood_of_strangers_waits_with_the_kernel_while_an_agent_has_something_to_do() -> None:
    loop = asyncio.get_running_loop()

    async def work(steps: int, seconds: float) -> int:
        for _ in range(steps):
            until = time.thread_time() + seconds
            while time.thread_time() < until:
                pass
            await asyncio.sleep(0)
        return len(served.writers)

    async with accept() as (served, address, _):
        await loop.create_task(work(3, turns.CREDIT), context=turns.serving(""))
        callers = connect(address, 100)
        seen = await loop.create_task(work(20, turns.PASS), context=turns.serving("bot"))
        assert seen < 10, "the agent has its turns first, as far as its credit goes"
        await served.are(100)
        for caller in callers:
            caller.close()


async def test_each_connection_is_served_as_one_of_whoever_may_come() -> None:
    agents = list[str]()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        agents.append(turns._whose.get().agent)
        turns.known("known")
        writer.close()

    for agent in ("bot", ""):
        sock = socket.create_server(("127.0.0.1", 0))
        taking = Accepting(sock, serve, agent)
        for caller in connect(sock.getsockname(), 2):
            await asyncio.get_running_loop().run_in_executor(None, caller.recv, 1)
            caller.close()
        taking.close()
    assert agents == ["bot", "bot", "", ""], "what one says of itself is not said of the next"


async def test_once_closed_nobody_is_let_in() -> None:
    async with accept() as (served, address, taking):
        (caller,) = connect(address, 1)
        await served.are(1)
        taking.close()
        with pytest.raises(ConnectionRefusedError):
            connect(address, 1)
        assert not served.writers[0].is_closing(), "what was accepted goes on"
        caller.close()


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ECONNABORTED], ids=["no descriptors", "aborted"])
async def test_a_connection_that_cannot_be_accepted_ends_nothing(
    error: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop, failed = asyncio.get_running_loop(), [0]
    real = loop.sock_accept

    async def sock_accept(sock: socket.socket) -> Any:
        failed[0] += 1
        if failed[0] <= 2:
            raise OSError(error, "cannot")
        return await real(sock)

    monkeypatch.setattr(accepting, "PAUSE", 0.01)
    monkeypatch.setattr(loop, "sock_accept", sock_accept)
    async with accept() as (served, address, _):
        (caller,) = connect(address, 1)
        await served.are(1)
        assert len(caplog.records) == (2 if error == errno.EMFILE else 0)
        caller.close()
