"""The door of an isolated run: the socket says who speaks, and nobody else can be said there."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from wharfinger.isolation.attaching import Hello

type Ask = Callable[..., Coroutine[Any, Any, int]]
RUN = "r1"


def token(proxy: Any, run: str | None = RUN, agent: str = "bot") -> str:
    known = proxy.runtime.live.agents[agent]
    given: str = proxy.runtime.live.callers._keys.agent_token(known.id, known.generation, run)
    return given


async def answered(address: tuple[str, int], login: tuple[str, str] | None) -> int:
    """The status of a CONNECT, with these proxy credentials or none."""
    reader, writer = await asyncio.open_connection(*address)
    head = "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n"
    if login is not None:
        head += f"Proxy-Authorization: Basic {base64.b64encode(':'.join(login).encode()).decode()}\r\n"
    writer.write(f"{head}\r\n".encode())
    try:
        line = await asyncio.wait_for(reader.readline(), 5)
    finally:
        writer.close()
    return int(line.split()[1]) if line else 0


@pytest.fixture
async def door(proxy: Any) -> AsyncIterator[Ask]:
    """Ask at the door of an isolated run of `bot`."""
    live = proxy.runtime.live
    live.callers.begin_run(RUN, "bot", None, confinement="isolated")
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    address = sock.getsockname()
    await proxy.runtime.master.listener.open_door(sock, Hello(RUN, "bot", token(proxy)))

    async def ask(login: tuple[str, str] | None = None) -> int:
        return await answered(address, login)

    yield ask
    proxy.runtime.master.listener.close_door(RUN)


async def test_no_credentials_are_needed_there(proxy: Any, door: Ask) -> None:
    assert await door() == 200
    assert await answered(proxy.address, None) == 407


async def test_the_runs_own_are_taken_and_nobody_elses(proxy: Any, door: Ask) -> None:
    assert await door(("bot", token(proxy))) == 200
    assert await door(("bot", token(proxy, None))) == 407
    assert await door(("bot", token(proxy, "r2"))) == 407
    assert await door(("other", token(proxy))) == 407
    assert await door(("", "")) == 407


MALFORMED = {
    "no host": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"GET http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n"
    b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/2 in the clear": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("shared", [False, True], ids=["at the door", "where all come"])
async def test_what_is_malformed_is_recorded_as_the_runs(
    proxy: Any, door: Ask, sent: bytes, *, shared: bool
) -> None:
    (opened,) = proxy.runtime.master.listener._doors[RUN]
    reader, writer = await asyncio.open_connection(*(proxy.address if shared else opened._sock.getsockname()))
    writer.write(sent)
    await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    (event,) = [each for each in await proxy.settled() if each.get("code")]
    known = {name: event.get(name) for name in ("agent", "run", "identified_by")}
    assert known == (
        dict.fromkeys(known) if shared else {"agent": "bot", "run": RUN, "identified_by": "socket"}
    )


async def test_its_token_is_good_nowhere_else(proxy: Any, door: Ask) -> None:
    proxy.runtime.live.callers.begin_run("r2", "bot", None)
    assert await answered(proxy.address, ("bot", token(proxy, "r2"))) == 200
    assert await answered(proxy.address, ("bot", token(proxy))) == 407


async def test_it_is_shut_when_the_run_has_ended_or_the_agent_is_rotated(proxy: Any, door: Ask) -> None:
    proxy.runtime.live.end_run(RUN)
    assert await door() == 407


async def test_a_door_that_is_closed_accepts_nothing(proxy: Any, door: Ask) -> None:
    assert await door() == 200
    proxy.runtime.master.listener.close_door(RUN)
    with pytest.raises((ConnectionError, TimeoutError)):
        await door()


async def test_only_a_session_of_a_door_is_called_isolated(proxy: Any, door: Ask) -> None:
    live = proxy.runtime.live
    inside = live.callers.identify_at_door(RUN, "bot", token(proxy))
    outside = live.callers.identify("bot", proxy.token())
    assert (inside.who.confinement, inside.who.identified_by, inside.who.run) == ("isolated", "socket", RUN)
    assert outside.who.confinement == "none"
    live.callers.begin_run("r2", "bot", None)
    assert live.callers.identify_at_door("r2", "bot", token(proxy, "r2")) is None
