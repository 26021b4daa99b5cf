"""Connections that are led here: a name says where they go, and nothing else does."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from wharfinger.flow.accepting import Accepting
from wharfinger.flow.ways import Transparent
from wharfinger.isolation.attaching import Hello

from tests.addon.flow.conftest import SECRET, read_response
from tests.addon.flow.test_doors import token

RUN = "r1"

type Enter = Callable[..., Coroutine[Any, Any, "Inside"]]


class Inside:
    """One connection out of a sandbox, to wherever it was meant for."""

    def __init__(self, proxy: Any, reader: Any, writer: Any) -> None:
        self.proxy, self.reader, self.writer = proxy, reader, writer

    async def ask(self, method: str = "GET", path: str = "/items/i1", *more: Any, **options: Any) -> Any:
        return await self.send(self.proxy.raw(method, path, *more, **options))

    async def send(self, raw: bytes) -> Any:
        self.writer.write(raw)
        return await read_response(self.reader)

    async def encrypt(self, name: str | None, alpn: str = "http/1.1") -> str | None:
        """Shake hands, with this server name or none; what is spoken then."""
        context = ssl.create_default_context(cafile=str(self.proxy.runtime.client.ca))
        context.set_alpn_protocols([alpn])
        if name is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await self.writer.start_tls(context, server_hostname=name)
        chosen: str | None = self.writer.get_extra_info("ssl_object").selected_alpn_protocol()
        return chosen


@pytest.fixture
async def enter(proxy: Any) -> AsyncIterator[Enter]:
    """Connect to a socket of an isolated run of `bot`, on which what was meant for a port comes in."""
    live, listener = proxy.runtime.live, proxy.runtime.master.listener
    live.callers.begin_run(RUN, "bot", None, confinement="isolated")
    hello, opened = Hello(RUN, "bot", token(proxy)), listener._doors.setdefault(RUN, [])

    async def enter(port: int = 443) -> Inside:
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        serve = functools.partial(listener._serve, door=hello, way=Transparent(port))
        opened.append(Accepting(sock, serve, "bot"))
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        proxy._writers.append(writer)
        return Inside(proxy, reader, writer)

    yield enter
    listener.close_door(RUN)


async def test_the_server_name_says_where_it_goes(proxy: Any, origin: Any, enter: Enter) -> None:
    inside = await enter()
    await inside.encrypt("api.example.com")
    for _ in range(2):
        answered = await inside.ask()
        assert answered.status == 200
    assert [seen.header("authorization") for seen in origin.requests] == [f"Bearer {SECRET}"] * 2
    intent, _ = await proxy.events(answered.decision)
    assert (intent["identified_by"], intent["confinement"], intent["run"]) == ("socket", "isolated", RUN)


async def test_http2_is_spoken_where_it_is_wanted(enter: Enter) -> None:
    inside = await enter()
    assert await inside.encrypt("api.example.com", "h2") == "h2"


async def test_policy_decides(origin: Any, enter: Enter) -> None:
    inside = await enter()
    await inside.encrypt("api.example.com")
    answered = await inside.ask("DELETE")
    assert (answered.status, answered.code) == (403, "denied")
    inside = await enter()
    await inside.encrypt("evil.example")
    assert (await inside.ask(host="evil.example", key=False)).status == 403
    assert origin.connections == 0


NAMES = [None, "192.0.2.1", "::1", "0x7f000001", "2130706433", "a" * 64 + ".example"]


async def test_without_a_name_there_is_no_handshake(proxy: Any, origin: Any, enter: Enter) -> None:
    for name in NAMES:
        inside = await enter()
        with pytest.raises((OSError, ssl.SSLError, UnicodeError)):
            await inside.encrypt(name)
    assert origin.connections == 0
    assert "the TLS connection names no host" in str(await proxy.settled())


def test_what_names_a_host() -> None:
    """An address in its place is none (RFC 6066 section 3), however it is written."""
    named = Transparent(443).named
    assert named("Api.Example.com.") == ("api.example.com", 443)
    for name in (
        None,
        "",
        "192.0.2.1",
        "[2001:db8::1]",
        "2001:db8::1",
        "0x7f.1",
        "127.1",
        "a..example",
        "a b",
    ):
        assert named(name) is None, name


async def test_the_name_and_the_host_agree(proxy: Any, origin: Any, enter: Enter) -> None:
    vectors = {
        "another host with a key": ("api.example.com", "other.example.com"),
        "a host with a key behind one that is open": ("plain.example.com", "api.example.com"),
        "an address": ("api.example.com", "127.0.0.1"),
        "another port": ("api.example.com", "api.example.com:8443"),
        "nothing": ("api.example.com", " "),
    }
    for what, (name, host) in vectors.items():
        inside = await enter()
        await inside.encrypt(name)
        assert (await inside.ask(host=host)).status == 400, what
    inside = await enter()
    await inside.encrypt("api.example.com")
    assert (await inside.ask(host="API.example.com:443")).status == 200
    assert origin.connections == 1


RAW = {
    "CONNECT": b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n",
    "absolute form": b"GET http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\n\r\n",
    "absolute form to another": b"GET http://api.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "no Host in HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: plain.example.com\r\nHost: api.example.com\r\n\r\n",
    "two Hosts alike": b"GET / HTTP/1.1\r\nHost: plain.example.com\r\nHost: plain.example.com\r\n\r\n",
    "another port": b"GET / HTTP/1.1\r\nHost: plain.example.com:8080\r\n\r\n",
    "the port of TLS": b"GET / HTTP/1.1\r\nHost: plain.example.com:443\r\n\r\n",
    "userinfo": b"GET / HTTP/1.1\r\nHost: a@plain.example.com\r\n\r\n",
    "a path in it": b"GET / HTTP/1.1\r\nHost: plain.example.com/x\r\n\r\n",
    "an odd address": b"GET / HTTP/1.1\r\nHost: 0x7f.1\r\n\r\n",
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
}
REFUSED = {
    "no rule opens it": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a host with a key": b"GET /items/i1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    "an address of ours": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "metadata": b"GET /latest HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
}


async def test_without_encryption_the_host_says_so_and_must_be_open(
    origin: Any, plain_origin: Any, enter: Enter
) -> None:
    for status, vectors in ((400, RAW), (403, REFUSED)):
        for what, raw in vectors.items():
            assert (await (await enter(80)).send(raw)).status == status, what
    assert (origin.connections, plain_origin.connections) == (0, 0)
    inside = await enter(80)
    assert (await inside.send(b"GET /x HTTP/1.1\r\nHost: plain.example.com\r\n\r\n")).status == 200
    assert (await inside.send(b"GET /x HTTP/1.1\r\nHost: Plain.example.com:80\r\n\r\n")).status == 200
    assert [seen.header("host") for seen in plain_origin.requests] == ["plain.example.com"] * 2


async def test_every_request_says_where_it_goes(plain_origin: Any, enter: Enter) -> None:
    """On one connection, and the one before it does not count for the next."""
    inside = await enter(80)
    assert (await inside.send(b"GET /x HTTP/1.1\r\nHost: plain.example.com\r\n\r\n")).status == 200
    assert (await inside.send(b"GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n")).status == 403
    assert len(plain_origin.requests) == 1


async def test_what_is_encrypted_is_not_plain_on_another_port(origin: Any, enter: Enter) -> None:
    """A tool is at a port: the same names at another are no tool's."""
    inside = await enter(80)
    await inside.encrypt("api.example.com")
    assert (await inside.ask(host="api.example.com:80")).status == 403
    assert origin.connections == 0


async def test_credentials_of_anyone_else_are_refused(proxy: Any, plain_origin: Any, enter: Enter) -> None:
    head = f"GET /x HTTP/1.1\r\nHost: plain.example.com\r\nProxy-Authorization: {proxy.proxy_auth('second')}"
    assert (await (await enter(80)).send(f"{head}\r\n\r\n".encode())).status == 407
    assert plain_origin.connections == 0


async def test_nothing_is_read_of_whom_nobody_knows(proxy: Any, plain_origin: Any, enter: Enter) -> None:
    proxy.runtime.live.end_run(RUN)
    for port, raw in (
        (80, b"GET /x HTTP/1.1\r\nHost: plain.example.com\r\n\r\n"),
        (443, b"\x16\x03\x01\x00\x05"),
    ):
        inside = await enter(port)
        inside.writer.write(raw)
        assert await asyncio.wait_for(inside.reader.read(), 10) == b""
    assert plain_origin.connections == 0
    assert "this proxy needs to know which agent is asking" in str(await proxy.settled())


async def test_a_request_whose_host_no_hook_has_read_goes_nowhere(
    start: Any, origin: Any, plain_origin: Any
) -> None:
    class Silent:
        """Knows who speaks, and leaves requests as they came."""

        def __init__(self, identity: Any) -> None:
            self.next_layer = identity.next_layer

    def hooks(_runtime: Any, concerns: Any) -> list[object]:
        identity, *others = concerns
        return [Silent(identity), *others]

    async with start(hooks=hooks) as proxy:
        live, listener = proxy.runtime.live, proxy.runtime.master.listener
        live.callers.begin_run(RUN, "bot", None, confinement="isolated")
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        serve = functools.partial(listener._serve, door=Hello(RUN, "bot", token(proxy)), way=Transparent(80))
        listener._doors[RUN] = [Accepting(sock, serve, "bot")]
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        inside = Inside(proxy, reader, writer)
        answered = await inside.send(b"GET /x HTTP/1.1\r\nHost: plain.example.com\r\n\r\n")
        assert answered.status in {400, 403}
        writer.close()
    assert plain_origin.connections == 0
