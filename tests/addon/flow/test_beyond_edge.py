"""Everything goes out through the operator's own proxy, which sees names, and is asked for no inner ones."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from wharfinger.authoring import snapshot
from wharfinger.flow.beyond import is_inner
from wharfinger.flow.dial import Dialer, DialRefused
from wharfinger.rules.models.settings import Settings
from wharfinger.running import wiring

LOGIN = "corp-user:corp-password-0123"
SETTINGS = """\
version: 1
listen: 127.0.0.1:0
console: 127.0.0.1:0
network: {{private: {{"*.corp": 10.0.0.0/8}}}}
upstream: {{ca: {{"*": origin-root.pem}}, proxy: {proxy}}}
limits: {{body: 1MiB, parse: 256KiB}}
"""
CREDENTIALS = (
    'credentials:\n  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com, files.example.com],'
    ' placeholder: "sk_test_"}\n'
    '  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}\n'
    '  CORP: {kind: basic, from: "file:corp.key", hosts: [127.0.0.1, other.example.com]}\n'
)


@dataclass
class Corporate:
    """A proxy that opens tunnels to one origin for whoever knows the login, and keeps what it was asked."""

    target: int
    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    answer: bytes | None = None
    """What it says instead."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            login = base64.b64encode(LOGIN.encode())
            if self.answer is not None:
                writer.write(self.answer)
            elif b"Proxy-Authorization: Basic " + login not in head:
                writer.write(b"HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
            else:
                there, onwards = await asyncio.open_connection("127.0.0.1", self.target)
                writer.write(b"HTTP/1.1 200 Connected\r\nVia: corp\r\n\r\n")
                await asyncio.gather(pipe(reader, onwards), pipe(there, writer))
        writer.close()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serving(target: int, context: ssl.SSLContext | None) -> AsyncIterator[Corporate]:
    state = Corporate(target)
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0, ssl=context)
    state.port = server.sockets[0].getsockname()[1]
    yield state
    server.close()


@pytest.fixture
async def corporate(origin: Any) -> AsyncIterator[Corporate]:
    async for state in serving(origin.port, None):
        yield state


@pytest.fixture
async def corporate_tls(origin: Any, test_ca: Any) -> AsyncIterator[Corporate]:
    async for state in serving(origin.port, test_ca.context()):
        yield state


def files(proxy: str, login: str = LOGIN, **more: str) -> dict[str, str]:
    return {
        "wharfinger.yaml": SETTINGS.format(proxy=proxy),
        "credentials.yaml": CREDENTIALS,
        "corp.key": login,
        **more,
    }


async def test_it_goes_through(start: Any, corporate: Corporate, origin: Any) -> None:
    async with start(files(f'{{url: "http://127.0.0.1:{corporate.port}", credential: CORP}}')) as proxy:
        tunnel = await proxy.connect()
        for _ in range(2):
            assert (await tunnel.request("GET", "/items/1")).status == 200
        (head,) = corporate.heads
        assert head.startswith(b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n")
        assert len(origin.requests) == 2
        assert not [f for sent in origin.requests for f in sent.headers if f[0].lower().startswith("proxy-")]
        shown = repr(await proxy.settled())
        assert LOGIN not in shown
        assert base64.b64encode(LOGIN.encode()).decode() not in shown


async def test_it_may_be_spoken_to_over_tls(start: Any, corporate_tls: Corporate, origin: Any) -> None:
    written = files(f'{{url: "https://other.example.com:{corporate_tls.port}", credential: CORP}}')
    written["wharfinger.yaml"] += f'resolve: {{"other.example.com:{corporate_tls.port}": 127.0.0.1}}\n'
    async with start(written) as proxy:
        assert (await proxy.request("GET", "/items/1")).status == 200
        assert len(corporate_tls.heads) == len(origin.requests) == 1


async def test_a_denied_request_is_silent_there_too(start: Any, corporate: Corporate) -> None:
    async with start(files(f'{{url: "http://127.0.0.1:{corporate.port}", credential: CORP}}')) as proxy:
        assert (await proxy.request("DELETE", "/items/1")).status == 403
        assert corporate.heads == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 Log in\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nsmuggled",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000,
        b"SSH-2.0\r\n\r\n",
        b"",
    ],
    ids=["refused", "login", "more", "endless", "other", "nothing"],
)
async def test_one_that_opens_no_tunnel_is_told(
    start: Any, corporate: Corporate, origin: Any, answer: bytes
) -> None:
    corporate.answer = answer
    async with start(files(f'{{url: "http://127.0.0.1:{corporate.port}", credential: CORP}}')) as proxy:
        answered = await proxy.request("GET", "/items/1")
        assert (answered.status, answered.code) == (502, "upstream")
        assert "proxy" in answered.json["error"]["message"]
        assert not origin.requests


def dialer(**written: Any) -> Dialer:
    made = Settings.model_validate({
        "version": 1,
        "upstream": {"proxy": "http://127.0.0.1:9"},
        "network": {"private": {"*.corp": "10.0.0.0/8"}},
        **written,
    })  # fmt: skip
    return Dialer(lambda: made, lambda: [("127.0.0.1", 8080)])


@pytest.mark.parametrize(
    "name",
    ["localhost", "printer", "a.localhost", "nas.local", "db.internal", "metadata.google.internal",
     "x.home.arpa",
     "corp", "10.0.0.1", "127.0.0.1", "169.254.169.254", "[::1]", "[fd00:ec2::254]", "[::ffff:10.0.0.1]"],
)  # fmt: skip
async def test_inner_names_are_not_asked_for(name: str) -> None:
    with pytest.raises(DialRefused):
        await dialer().dial(name, 443)


async def test_names_that_network_allows_are_asked_for() -> None:
    """What is refused then is the connection to a proxy that is not there."""
    for name in ("db.corp", "api.example.com", "1.1.1.1"):
        with pytest.raises(OSError, match=r"127\.0\.0\.1 cannot be reached"):
            await dialer().dial(name, 443)


async def test_what_is_pinned_or_named_goes_direct(plain_origin: Any) -> None:
    at = f"127.0.0.1:{plain_origin.port}"
    _, writer = await dialer(resolve={"api.example.com": at}).dial("api.example.com", 80)
    writer.close()
    direct = dialer(upstream={"proxy": {"url": "http://127.0.0.1:9", "direct": ["*.corp"]}})
    with pytest.raises(DialRefused, match="could not be resolved"):
        await direct.dial("db.corp", 443)


async def test_the_proxy_is_not_ourselves() -> None:
    with pytest.raises(DialRefused, match="never dialled"):
        await dialer(upstream={"proxy": "http://127.0.0.1:8080"}).dial("api.example.com", 443)


def test_names_of_inner_networks() -> None:
    assert all(map(is_inner, ("a", "a.lan", "b.a.local", "corp", "home.arpa", "x.home.arpa")))
    assert not any(map(is_inner, ("a.example.com", "local.example.com", "internal.example", "xlocal.com")))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("ftp://proxy.example:1", "not the URL of a proxy"),
        ("http://user:password1@proxy.example:1", "never written in a file"),
        ("http://proxy.example:1/path", "not the URL of a proxy"),
        ("http://proxy.example:0", "not the URL of a proxy"),
        ("http://", "not the URL of a proxy"),
        ('{url: "http://proxy.example:1", credential: NONE}', "NONE"),
        ('{url: "http://127.0.0.1:1", credential: EXAMPLE_KEY}', "not of the kind basic"),
        ('{url: "http://proxy.example:1", credential: CORP}', "may not go to proxy.example"),
    ],
)
def test_what_is_wrong_is_told_at_load(tmp_path: Any, written: str, told: str) -> None:
    from tests.addon.flow.conftest import OTHERS, write_folder

    write_folder(tmp_path, {**OTHERS, **files(written)})
    with pytest.raises(wiring.CannotStart) as failed:
        wiring.load(snapshot.read(tmp_path))
    assert told in str(failed.value)
    assert "password1" not in str(failed.value)
