"""HTTP/2 that breaks the rules, or plays with them: refused, recorded, and no origin hears of it (F07)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest
from h2.errors import ErrorCodes

from tests.addon.flow.http2_ends import Http2Agent, http2

JSON = ("content-type", "application/json")
BASE = [(":method", "GET"), (":scheme", "https"), (":authority", "api.example.com"), (":path", "/items/1")]


def with_key(agent: Http2Agent, fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*fields, ("authorization", f"Bearer {agent.proxy.placeholder()}")]


def swapped(name: str, value: str | None) -> list[tuple[str, str]]:
    kept = [(key, held) for key, held in BASE if key != name]
    return kept if value is None else [(name, value), *kept]


ENDS_THE_CONNECTION: dict[str, list[tuple[str, str]]] = {
    "method twice": [(":method", "GET"), *BASE],
    "path twice": [*BASE, (":path", "/items/2")],
    "authority twice": [*BASE, (":authority", "other.example.com")],
    "no method": swapped(":method", None),
    "no path": swapped(":path", None),
    "no scheme": swapped(":scheme", None),
    "empty path": swapped(":path", ""),
    "late pseudo-header": [("x-a", "b"), *BASE],
    "unknown pseudo-header": [*BASE, (":port", "443")],
    "status in a request": [*BASE, (":status", "200")],
    "host says another": [*BASE, ("host", "other.example.com")],
    "host twice": [*BASE, ("host", "api.example.com"), ("host", "api.example.com")],
    "upper-case name": [*BASE, ("X-Upper", "a")],
    "empty name": [*BASE, ("", "a")],
    "name with a space": [*BASE, ("x a", "b")],
    "name with a colon": [*BASE, ("x:a", "b")],
    "line feed in a value": [*BASE, ("x-a", "b\r\nx-b: c")],
    "bare return in a value": [*BASE, ("x-a", "b\rc")],
    "NUL in a value": [*BASE, ("x-a", "b\0c")],
    "connection": [*BASE, ("connection", "close")],
    "keep-alive": [*BASE, ("keep-alive", "1")],
    "transfer-encoding": [*BASE, ("transfer-encoding", "chunked")],
    "upgrade": [*BASE, ("upgrade", "websocket")],
    "proxy-connection": [*BASE, ("proxy-connection", "keep-alive")],
    "te": [*BASE, ("te", "gzip")],
    "length that is no number": [*BASE, ("content-length", "0x3")],
    "lengths that differ": [*BASE, ("content-length", "0"), ("content-length", "1")],
}
REFUSES_THE_STREAM: dict[str, list[tuple[str, str]]] = {
    "CONNECT": [(":method", "CONNECT"), (":authority", "api.example.com:443")],
    "extended CONNECT": [(":method", "CONNECT"), (":protocol", "websocket"), *BASE[1:]],
    "target is a URL": swapped(":path", "https://other.example.com/items/1"),
    "target is a star": swapped(":path", "*"),
    "target without a slash": swapped(":path", "items/1"),
    "space in the target": swapped(":path", "/items/1 HTTP/1.1"),
    "method is no token": swapped(":method", "GE T"),
    "scheme is another": swapped(":scheme", "http"),
    "scheme is no scheme": swapped(":scheme", "ftp"),
    "authority of another": swapped(":authority", "other.example.com"),
    "authority with a user": swapped(":authority", "u@api.example.com"),
    "authority with a port": swapped(":authority", "api.example.com:8443"),
    "no authority": swapped(":authority", ""),
    "control byte in a value": [*BASE, ("x-a", "b\x01c")],
    "DEL in a value": [*BASE, ("x-a", "b\x7fc")],
    "many fields": [*BASE, *((f"x-{n}", "a") for n in range(300))],
    "two equal lengths": [*BASE, ("content-length", "0"), ("content-length", "0")],
    "length without a body": [*BASE, ("content-length", "5")],
}


@pytest.mark.parametrize("name", ENDS_THE_CONNECTION)
async def test_f07_heads_that_end_the_connection(proxy: Any, origin: Any, name: str) -> None:
    agent = await http2(proxy)
    before = len(await proxy.settled())
    agent.begin(with_key(agent, ENDS_THE_CONNECTION[name]), end=True)
    await agent.until(lambda: agent.closed, 10)
    assert agent.closed
    assert agent.goaway in {int(ErrorCodes.PROTOCOL_ERROR), None}
    assert not origin.requests
    assert len(await proxy.settled()) > before
    assert (await proxy.request("GET", "/items/1")).status == 200


@pytest.mark.parametrize("name", REFUSES_THE_STREAM)
async def test_f07_heads_that_are_refused_alone(proxy: Any, origin: Any, name: str) -> None:
    agent = await http2(proxy)
    before = len(await proxy.settled())
    stream_id = agent.begin(with_key(agent, REFUSES_THE_STREAM[name]), end=True)
    got = await agent.answer(stream_id)
    assert len(await proxy.settled()) > before
    assert not origin.requests
    if not agent.closed:
        assert got.status in {400, 403, 431}, got
        assert (await agent.request("GET", "/items/1")).status == 200  # the others go on
    await agent.close()


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream_id) + payload


HEAD = b"\x82\x87\x84\x41\x0fapi.example.com"
"""GET, https, / and the authority, as HPACK has them (RFC 7541)."""

FLOODS: dict[str, Callable[[int], bytes]] = {
    "ping": lambda n: frame(6, 0, 0, b"12345678"),
    "settings": lambda n: frame(4, 0, 0, b""),
    "rapid reset": lambda n: frame(1, 5, 2 * n + 1, HEAD) + frame(3, 0, 2 * n + 1, b"\0\0\0\x08"),
    "priority": lambda n: frame(2, 0, 2 * n + 1, b"\0\0\0\0\x10"),
    "tiny window updates": lambda n: frame(8, 0, 0, b"\0\0\0\x01"),
    "unknown frames": lambda n: frame(0xEE, 0, 0, b"x"),
    "streams without end": lambda n: frame(1, 4, 2 * n + 1, HEAD),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_f07_floods_end_the_connection(proxy: Any, origin: Any, name: str) -> None:
    agent = await http2(proxy)
    before = len(await proxy.settled())
    for start in range(0, 20_000, 500):
        await agent.raw(b"".join(FLOODS[name](n) for n in range(start, start + 500)))
        if agent.closed or agent.writer.is_closing():
            break
        await asyncio.sleep(0)
    await agent.until(lambda: agent.closed, 20)
    assert agent.closed
    assert len(await proxy.settled()) > before
    assert not origin.requests
    assert (await proxy.request("GET", "/items/1")).status == 200


async def test_f07_continuation_frames_without_end(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    await agent.raw(frame(1, 1, 1, HEAD))
    for _ in range(200):
        await agent.raw(frame(9, 0, 1, b"\x00\x01a\x01b"))
        if agent.closed:
            break
    await agent.until(lambda: agent.closed, 10)
    assert agent.closed
    assert not origin.requests


async def test_f07_a_head_that_unpacks_to_much_more(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    large = b"\x40\x01x" + b"\x7f" + bytes([0x80 | (4000 - 127) & 0x7F, (4000 - 127) >> 7]) + b"a" * 4000
    await agent.raw(frame(1, 5, 1, HEAD + large + b"\xbe" * 8000))
    await agent.until(lambda: agent.closed, 10)
    assert agent.closed
    assert not origin.requests


async def test_trailers_of_a_request_are_refused(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    stream_id = agent.begin(agent.fields("POST", "/items", [JSON]))
    agent.send(stream_id, b'{"name": "x"}')
    agent.h2.send_headers(stream_id, [("x-late", "1")], end_stream=True)
    agent.flush()
    got = await agent.answer(stream_id)
    assert got.status == 400
    assert not origin.requests
    assert (await agent.request("GET", "/items/1")).status == 200
    await agent.close()


async def test_a_body_that_is_not_as_long_as_it_says(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    stream_id = agent.begin(agent.fields("POST", "/items", [JSON, ("content-length", "99")]))
    agent.send(stream_id, b'{"name": "x"}', end=True)
    await agent.until(lambda: agent.closed, 10)
    assert agent.closed
    assert not origin.requests


async def test_a_body_beyond_the_limit_is_refused_and_the_others_go_on(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    stream_id = agent.begin(agent.fields("POST", "/items", [JSON]))
    task = asyncio.get_running_loop().create_task(agent.upload(stream_id, b"x" * 3_000_000))
    await agent.until(lambda: agent.got[stream_id].reset is not None)
    task.cancel()
    got = agent.got[stream_id]
    assert (got.status, got.ended, got.reset) == (413, True, int(ErrorCodes.NO_ERROR))
    assert got.answered.code == "too_large"
    assert not origin.requests
    assert (await agent.request("GET", "/items/1")).status == 200
    await agent.close()


async def test_one_stream_waits_for_an_approval_and_others_go_on(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    held = agent.begin(agent.fields("POST", "/pay", [JSON]))
    agent.send(held, b'{"amount": 5}', end=True)
    for number in range(3):
        assert (await agent.request("GET", f"/items/{number}")).status == 200
    got = await agent.answer(held)  # the hold ends after 2 s
    assert got.answered.code == "approval_pending"
    assert {seen.method for seen in origin.requests} == {"GET"}
    await agent.close()


async def test_a_reset_while_an_approval_is_waited_for_ends_the_hold(proxy: Any, origin: Any) -> None:
    agent = await http2(proxy)
    held = agent.begin(agent.fields("POST", "/pay", [JSON]))
    agent.send(held, b'{"amount": 5}', end=True)
    await agent.request("GET", "/items/1")
    agent.h2.reset_stream(held, ErrorCodes.CANCEL)
    agent.flush()
    assert (await agent.request("GET", "/items/2")).status == 200
    (link,) = proxy.runtime.master.parts.sessions.links()
    async with asyncio.timeout(1.5):  # before the hold ends by itself
        while link.exchanges:
            await asyncio.sleep(0.01)
    assert {seen.method for seen in origin.requests} == {"GET"}
    await agent.close()
