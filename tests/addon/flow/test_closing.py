"""How connections end: an answer is read before the socket is reset, and nobody keeps a place for nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Any

import pytest
from mitmproxy.proxy.layer import NextLayer
from wharfinger.flow import dialling, handler
from wharfinger.flow.sealed import SealedHttpLayer


@pytest.fixture
def hurried(monkeypatch: Any) -> None:
    """Seconds become hundredths."""
    monkeypatch.setattr(handler, "HEAD_TIMEOUT", 0.3)
    monkeypatch.setattr(handler, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(dialling, "HANDSHAKE_TIMEOUT", 0.3)
    monkeypatch.setattr(handler, "LINGER", 0.1)


async def until_closed(reader: asyncio.StreamReader, limit: float = 3.0) -> bytes:
    """All that comes until the end, which must come within `limit` seconds."""
    back = bytearray()
    async with asyncio.timeout(limit):
        try:
            while data := await reader.read(65536):
                back += data
        except OSError:
            back += b"<reset>"
    return bytes(back)


def upload(proxy: Any, raw: bytes) -> bytes:
    """What a client with blocking sockets does: it sends all, and only then looks for an answer."""
    with socket.create_connection(proxy.address) as plain:
        auth = f"Proxy-Authorization: {proxy.proxy_auth()}"
        plain.sendall(
            f"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com\r\n{auth}\r\n\r\n".encode()
        )
        assert plain.recv(65536).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=str(proxy.runtime.client.ca))
        with context.wrap_socket(plain, server_hostname="api.example.com") as wrapped:
            wrapped.sendall(raw)
            return wrapped.recv(65536)


@pytest.mark.parametrize("length", [2_000_000, 50_000_000])
async def test_a_refusal_in_the_middle_of_an_upload_is_read_not_reset(
    proxy: Any, origin: Any, length: int
) -> None:
    fields = [("Content-Type", "application/json"), ("Content-Length", str(length))]
    raw = proxy.raw("POST", "/items", fields) + b"x" * length
    back = await asyncio.to_thread(upload, proxy, raw)
    assert back.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in back
    assert origin.connections == 0


async def test_an_agent_that_goes_on_after_goodbye_is_cut_off(proxy: Any, hurried: None) -> None:
    tunnel = await proxy.connect()
    fields = [("Content-Type", "application/json"), ("Content-Length", "2000000000")]
    tunnel.writer.write(proxy.raw("POST", "/items", fields))
    began = time.monotonic()
    while not tunnel.writer.is_closing() and time.monotonic() - began < 10:
        tunnel.writer.write(b"x" * 10_000)
        await asyncio.sleep(0.02)
    assert time.monotonic() - began < 5
    await asyncio.sleep(0.4)
    assert len(proxy.runtime.sessions) == 0


async def test_a_place_is_free_again_soon_after_goodbye(proxy: Any, hurried: None) -> None:
    reader, writer = await proxy.open()
    auth = proxy.proxy_auth()
    writer.write(f"GET / HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {auth}\r\n\r\n".encode())
    assert (await until_closed(reader)).startswith(b"HTTP/1.1 400 ")
    tunnel = await proxy.connect()
    tunnel.writer.write(b"nonsense\r\n\r\n")
    assert (await until_closed(tunnel.reader)).startswith(b"HTTP/1.1 400 ")
    await asyncio.sleep(0.4)
    assert len(proxy.runtime.sessions) == 0


SILENT = {
    "nothing": b"",
    "a part of a head": b"GET http://plain.example.com/ HTTP/1.1\r\nHost: pl",
    "a head without a name": b"GET http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\n\r\n",
}


@pytest.mark.parametrize("name", SILENT)
async def test_d02_who_never_says_who_it_is_loses_its_place(proxy: Any, hurried: None, name: str) -> None:
    reader, writer = await proxy.open()
    writer.write(SILENT[name])
    await until_closed(reader)
    assert len(proxy.runtime.sessions) == 0


async def test_d02_a_head_that_comes_drop_by_drop_is_cut(proxy: Any, origin: Any, hurried: None) -> None:
    tunnel = await proxy.connect()
    assert (await tunnel.request("GET", "/items/1")).status == 200

    async def drip() -> None:
        for byte in proxy.raw("GET", "/items/2", [("User-Agent", "x" * 5000)]):
            tunnel.writer.write(bytes([byte]))
            await asyncio.sleep(0.01)

    dripping = asyncio.get_running_loop().create_task(drip())
    assert await until_closed(tunnel.reader) in {b"", b"<reset>"}
    dripping.cancel()
    assert [seen.target for seen in origin.requests] == ["/items/1"]


async def test_d02_a_handshake_that_never_ends_is_cut_off(proxy: Any, hurried: None) -> None:
    reader, writer = await proxy.open()
    auth = proxy.proxy_auth()
    writer.write(
        f"CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {auth}\r\n\r\n".encode()
        + b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
    )
    assert (await until_closed(reader)).startswith(b"HTTP/1.1 200 ")
    async with asyncio.timeout(10):
        while len(proxy.runtime.sessions):
            await asyncio.sleep(0.01)


async def test_positive_control_an_idle_connection_that_is_known_stays(proxy: Any, hurried: None) -> None:
    tunnel = await proxy.connect()
    for number in (1, 2):
        assert (await tunnel.request("GET", f"/items/{number}")).status == 200
        await asyncio.sleep(0.6)
    assert len(proxy.runtime.sessions) == 1


async def test_d07_an_upstream_that_never_shakes_hands_is_a_502(
    proxy: Any, origin: Any, hurried: None
) -> None:
    origin.hold_handshake = asyncio.Event()
    answered = await asyncio.wait_for(proxy.request("GET", "/items/1"), 3)
    assert (answered.status, answered.code) == (502, "upstream")
    _, outcome = await proxy.events(answered.decision)
    assert outcome["outcome"] == "not_sent"
    origin.hold_handshake.set()


async def test_d07_an_upstream_that_never_answers_is_told_from_an_agent_that_left(
    proxy: Any, origin: Any
) -> None:
    never = asyncio.Event()

    async def hang(_seen: Any) -> Any:
        await never.wait()

    origin.answer = hang
    tunnel = await proxy.connect()
    tunnel.writer.write(proxy.raw("GET", "/items/1"))
    while not origin.requests:
        await asyncio.sleep(0.01)
    (open_,) = proxy.runtime.master.listener._open
    await open_.on_timeout()
    answered = await asyncio.wait_for(tunnel.receive(), 3)
    assert (answered.status, answered.code) == (502, "upstream")
    _, outcome = await proxy.events(answered.decision)
    assert outcome["outcome"] == "upstream_failed"


async def test_closing_the_proxy_records_what_was_under_way(start: Any, origin: Any) -> None:
    never = asyncio.Event()

    async def hang(_seen: Any) -> Any:
        await never.wait()

    origin.answer = hang
    async with start() as proxy:
        tunnel = await proxy.connect()
        tunnel.writer.write(proxy.raw("GET", "/items/1"))
        while not origin.requests:
            await asyncio.sleep(0.01)
        await proxy.runtime.master.listener.close()
        kinds = [event["kind"] for event in await proxy.settled()]
        assert kinds.count("intent") == kinds.count("outcome") == 1


def _layer(proxy: Any) -> Any:
    """The sealed layer of the only connection."""
    (open_,) = proxy.runtime.master.listener._open
    found = open_.layer
    while not isinstance(found, SealedHttpLayer):
        found = found.layer if isinstance(found, NextLayer) else found.child_layer
    return found


async def test_a_connection_keeps_nothing_of_its_past_requests(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    reply = origin.answer(None)
    reply.headers = [("Connection", "close")]
    origin.answer = lambda _seen: reply
    for number in range(40):
        assert (await tunnel.request("GET", f"/items/{number}")).status == 200
        assert (await tunnel.request("DELETE", "/items/1")).status == 403
    layer, (link,) = _layer(proxy), proxy.runtime.sessions.links()
    assert origin.connections >= 40
    assert (len(layer.streams), len(layer._passages), len(layer.command_sources)) == (0, 0, 0)
    assert (len(link.exchanges), len(link.early)) == (0, 0)
    assert len(layer.connections) <= 3
    assert len(layer.waiting_for_establishment) == 0


async def test_a_connection_dialled_under_another_configuration_is_not_used_again(
    proxy: Any, origin: Any
) -> None:
    tunnel = await proxy.connect()
    for number in (1, 2):
        assert (await tunnel.request("GET", f"/items/{number}")).status == 200
    live = proxy.runtime.live
    live.swap(live.configuration, live.agents)
    assert (await tunnel.request("GET", "/items/3")).status == 200
    assert [seen.connection for seen in origin.requests] == [1, 1, 2]


async def test_an_upload_withdrawn_before_its_first_byte_is_refused_without_its_body(
    proxy: Any, origin: Any
) -> None:
    origin.hold_handshake = asyncio.Event()
    tunnel = await proxy.connect("files.example.com")
    tunnel.writer.write(
        proxy.raw("PUT", "/upload/f", [("Content-Length", "90000000")], host="files.example.com")
    )
    while origin.connections == 0:
        await asyncio.sleep(0.01)
    proxy.runtime.live.stop_all("everything was stopped")
    origin.hold_handshake.set()
    answered = await asyncio.wait_for(tunnel.receive(), 3)
    assert (answered.status, answered.code) == (403, "denied")
    assert origin.requests == []


async def test_a_broken_tls_record_ends_the_connection(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    transport = tunnel.writer.transport.get_extra_info("socket")
    broken = b"\x17\x03\x03\x00\x20" + b"x" * 32
    await asyncio.get_running_loop().run_in_executor(None, transport._sock.send, broken)
    await until_closed(tunnel.reader)
    await asyncio.sleep(0.05)
    assert len(proxy.runtime.sessions) == 0


async def test_an_agent_that_leaves_a_held_request_is_told_of_once(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    tunnel.writer.write(proxy.raw("POST", "/pay", [("Content-Type", "application/json")], b'{"amount": 5}'))
    await asyncio.sleep(0.2)
    tunnel.writer.transport.abort()
    await asyncio.sleep(0.2)
    events = [(event["kind"], event.get("reason", "")) for event in await proxy.settled()]
    assert not [reason for _, reason in events if "not opened by the gate" in reason], events
    assert origin.connections == 0
