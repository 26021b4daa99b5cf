"""Upstream connections are kept for the next agent connection of the same route, and for no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy.connection import ConnectionState, Server
from wharfinger.flow import kept
from wharfinger.flow.kept import Kept, Spare
from wharfinger.flow.sessions import Route

from tests.conftest import Origin

ROUTE = Route("api.example.com", 443, "https", "agent-1", ("KEY",), 3, ("CERT", 1))
OTHERS = {
    "host": replace(ROUTE, host="other.example.com"),
    "port": replace(ROUTE, port=8443),
    "scheme": replace(ROUTE, scheme="http"),
    "agent": replace(ROUTE, agent_id="agent-2"),
    "credentials": replace(ROUTE, credentials=("KEY", "OTHER")),
    "no credential": replace(ROUTE, credentials=()),
    "configuration": replace(ROUTE, generation=4),
    "rotated certificate": replace(ROUTE, certificate=("CERT", 2)),
    "no certificate": replace(ROUTE, certificate=None),
}

type Make = Callable[..., Awaitable[tuple[Spare, asyncio.StreamWriter]]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes an open connection, and the upstream's end of it."""
    ends: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ends.put(writer)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made: list[asyncio.StreamWriter] = []

    async def making(route: Route = ROUTE) -> tuple[Spare, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        there = await ends.get()
        made.extend((writer, there))
        known = Server(address=(route.host, route.port), state=ConnectionState.CLOSED)
        return Spare(route, known, reader, writer, None), there

    yield making
    for writer in made:
        writer.transport.abort()
    server.close()
    await asyncio.sleep(0)


async def until(held: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not held():
            await asyncio.sleep(0.005)


async def test_one_of_the_same_route_is_given_once(make: Make) -> None:
    pool = Kept()
    spare, _ = await make()
    pool.put(spare)
    assert pool.take(ROUTE) is spare
    assert pool.take(ROUTE) is None


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_none_is_given_to_another_route(make: Make, other: Route) -> None:
    pool = Kept()
    spare, _ = await make()
    pool.put(spare)
    assert pool.take(other) is None
    assert pool.take(ROUTE) is spare


@pytest.mark.parametrize("what", ["speaks unasked", "hangs up", "resets"])
async def test_one_on_which_something_has_come_is_closed(make: Make, what: str) -> None:
    pool = Kept()
    spare, there = await make()
    pool.put(spare)
    if what == "speaks unasked":
        there.write(b"HTTP/1.1 200 OK\r\n\r\n")
    elif what == "hangs up":
        there.close()
    else:
        there.transport.abort()
    await until(lambda: not spare.is_quiet())
    assert pool.take(ROUTE) is None
    assert spare.writer.is_closing()
    assert len(pool) == 0


async def test_one_that_is_not_quiet_is_never_kept(make: Make) -> None:
    pool = Kept()
    spare, there = await make()
    there.write(b"x")
    await until(lambda: not spare.is_quiet())
    pool.put(spare)
    assert len(pool) == 0
    assert spare.writer.is_closing()


async def test_it_is_kept_for_a_short_time(make: Make) -> None:
    pool = Kept(idle=0.01)
    spare, _ = await make()
    pool.put(spare)
    await until(spare.writer.is_closing)
    assert pool.take(ROUTE) is None


async def test_there_is_an_end_to_how_many_are_kept(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 4)
    monkeypatch.setattr(kept, "PER_ROUTE", 3)
    pool, mine = Kept(), [(await make())[0] for _ in range(4)]
    for spare in mine:
        pool.put(spare)
    assert [spare.writer.is_closing() for spare in mine] == [True, False, False, False]
    others = [(await make(OTHERS["agent"]))[0] for _ in range(2)]
    for spare in others:
        pool.put(spare)
    assert len(pool) == 4
    assert not any(spare.writer.is_closing() for spare in others)  # of whoever has the most, the oldest goes


async def test_at_the_end_all_are_closed_and_none_is_kept(make: Make) -> None:
    pool = Kept()
    first, later = (await make())[0], (await make())[0]
    pool.put(first)
    pool.close()
    pool.put(later)
    assert first.writer.is_closing()
    assert later.writer.is_closing()
    assert len(pool) == 0


# At the edge.


async def parted(proxy: Any, number: int = 1) -> None:
    """So many connections have been left, and are kept."""
    await until(lambda: len(proxy.runtime.sessions.kept) >= number)


async def asked(proxy: Any, target: str = "/items/1", *, host: str = "api.example.com", **more: Any) -> Any:
    """Ask on a connection of its own."""
    tunnel = await proxy.connect(host, **more)
    got = await tunnel.request("GET", target, host=host)
    await tunnel.close()
    return got


async def test_connections_of_one_agent_use_one_upstream_connection(proxy: Any, origin: Origin) -> None:
    for number in range(4):
        assert (await asked(proxy, f"/items/{number}")).status == 200
        await parted(proxy)
    assert origin.connections == 1
    assert [seen.target for seen in origin.requests] == [f"/items/{number}" for number in range(4)]


async def test_one_that_the_agent_asked_to_be_closed_leaves_the_upstream(proxy: Any, origin: Origin) -> None:
    """The agent's `Connection: close` is about its own connection."""
    for _ in range(2):
        tunnel = await proxy.connect()
        assert (await tunnel.request("GET", "/items/1", [("Connection", "close")])).status == 200
        await parted(proxy)
    assert origin.connections == 1


async def test_without_tls_it_is_the_same(proxy: Any, plain_origin: Origin) -> None:
    for _ in range(2):
        reader, writer = await proxy.open()
        writer.write(
            b"GET http://plain.example.com/a HTTP/1.1\r\nHost: plain.example.com\r\n"
            b"Proxy-Authorization: %b\r\n\r\n" % proxy.proxy_auth().encode()
        )
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).startswith(b"HTTP/1.1 200")
        writer.close()
        await parted(proxy)
    assert plain_origin.connections == 1


async def test_each_agent_has_its_own(proxy: Any, origin: Origin) -> None:
    assert (await asked(proxy)).status == 200
    await parted(proxy)
    tunnel = await proxy.connect(agent="second")
    placeholder = proxy.placeholder(agent="second")
    raw = proxy.raw("GET", "/items/1", [("Authorization", f"Bearer {placeholder}")], key=False)
    assert (await tunnel.send(raw)).status == 200
    assert origin.connections == 2


async def test_each_host_has_its_own(proxy: Any, origin: Origin) -> None:
    """Though both are at one address, and are sent the same credential."""
    assert (await asked(proxy)).status == 200
    await parted(proxy)
    assert (await asked(proxy, "/download/a", host="files.example.com")).status == 200
    assert origin.connections == 2


async def test_one_with_a_request_under_way_is_not_kept(proxy: Any, origin: Origin, reply: Any) -> None:
    came = asyncio.Event()

    async def slow(_: Any) -> Any:
        came.set()
        await asyncio.sleep(0.3)
        return reply()

    origin.answer = slow
    tunnel = await proxy.connect()
    tunnel.writer.write(proxy.raw("GET", "/items/1"))
    await asyncio.wait_for(came.wait(), 10)
    await tunnel.close()
    await until(lambda: not proxy.runtime.sessions.links())
    await asyncio.sleep(0.05)
    assert len(proxy.runtime.sessions.kept) == 0


async def test_what_the_upstream_says_unasked_is_nobodys_answer(
    proxy: Any, origin: Origin, reply: Any
) -> None:
    """An answer too many is not the next request's."""
    origin.answer = lambda _: reply(body=b"first") if len(origin.requests) == 1 else reply()
    assert (await asked(proxy)).body == b"first"
    await parted(proxy)
    (spare,) = proxy.runtime.sessions.kept._timers
    spare.reader.feed_data(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
    assert (await asked(proxy)).body == b'{"ok": true}'
    assert origin.connections == 2


async def test_one_that_the_upstream_has_closed_is_dialled_anew(
    proxy: Any, origin: Origin, reply: Any
) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    origin.answer = lambda _: reply(raw=raw)  # and hangs up, without having said so
    for _ in range(3):
        assert (await asked(proxy)).status == 200
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await parted(proxy)
                (spare,) = proxy.runtime.sessions.kept._timers
                while spare.is_quiet():
                    await asyncio.sleep(0.005)
    assert origin.connections == 3
