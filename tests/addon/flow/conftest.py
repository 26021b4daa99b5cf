"""A real runtime on loopback, with a real origin behind it that keeps its own record."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import pytest
from wharfinger.audit import reader
from wharfinger.authoring import snapshot
from wharfinger.flow.dispatch import Observer
from wharfinger.running import wiring
from wharfinger.running.wiring import Runtime

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
OTHER_SECRET = "gh_live_Aa1Bb2Cc3Dd4Ee5Ff6Gg"

SETTINGS = """\
version: 1
listen: 127.0.0.1:0
console: 127.0.0.1:0
resolve:
  "api.example.com:443": "127.0.0.1:{port}"
  "other.example.com:443": "127.0.0.1:{port}"
  "files.example.com:443": "127.0.0.1:{port}"
  "plain.example.com:80": "127.0.0.1:{plain}"
upstream: {{ca: {{"*": origin-root.pem}}}}
limits: {{body: 1MiB, parse: 256KiB, per_agent: {{holds: 4}}}}
approvals: {{hold: 2s, expires: 1m, resume_within: 1m}}
"""

TOOLS = """\
api: example
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: get_item
    description: Read an item
    effect: read
    run: {method: GET, url: "/items/${id}"}
  - tool: get_masked
    description: Read an item without its owner
    effect: read
    run: {method: GET, url: "/masked/${id}"}
    redact: ["$.owner.email"]
  - tool: create_item
    description: Make an item
    effect: write
    input: {name: string, amount: {type: integer, required: false}}
    run: {method: POST, url: /items, body: {name: "${name}", amount: "${amount}"}}
  - tool: delete_item
    description: Delete an item
    effect: destructive
    run: {method: DELETE, url: "/items/${id}"}
  - tool: pay
    description: Pay somebody
    effect: write
    input: {amount: integer}
    run: {method: POST, url: /pay, body: {amount: "${amount}"}}
"""

FILES = """\
api: files
base: https://files.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: upload
    description: Upload a file
    effect: write
    run: {method: PUT, url: "/upload/${name}", encoding: any, body: stream}
  - tool: download
    description: Download a file
    effect: read
    run: {method: GET, url: "/download/${name}"}
"""

POLICY = """\
policy: everyday
description: What the tests need
allow:
  - tool: get_item
  - tool: get_masked
  - tool: create_item
  - tool: upload
  - tool: download
  - tool: unmatched
    hosts: [plain.example.com]
ask:
  - tool: pay
    approvers: [alice]
deny:
  - tool: delete_item
    because: items are kept
"""

OTHERS = {
    "agents.yaml": (
        "agents:\n  bot: {owner: alice, policies: [everyday]}\n"
        "  second: {owner: alice, policies: [everyday]}\n"
    ),
    "people.yaml": "people:\n  alice: {email: alice@example.com, role: admin}\n",
    "credentials.yaml": (
        'credentials:\n  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com, files.example.com],'
        ' placeholder: "sk_test_"}\n'
        '  OTHER_KEY: {from: "file:other.key", hosts: [other.example.com]}\n'
    ),
    "tools/example.yaml": TOOLS,
    "tools/files.yaml": FILES,
    "policies/everyday.yaml": POLICY,
}


@dataclass
class Answered:
    """A response, as the agent read it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def decision(self) -> str:
        return self.headers["wharfinger-decision"]


class Tunnel:
    """One agent connection: CONNECT, TLS, and any number of requests on it."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy, self.reader, self.writer = proxy, reader, writer

    async def send(self, raw: bytes) -> Answered:
        self.writer.write(raw)
        await self.writer.drain()
        return await read_response(self.reader, raw.split(b" ", 1)[0])

    async def receive(self) -> Answered:
        return await read_response(self.reader)

    async def request(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        host: str = "api.example.com",
        key: bool = True,
    ) -> Answered:
        return await self.send(self.proxy.raw(method, target, headers, body, host=host, key=key))

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()


async def read_response(reader: asyncio.StreamReader, method: bytes = b"GET") -> Answered:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await asyncio.wait_for(reader.read(65536), 20))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionError("closed without an answer")
    assert head is not None
    return Answered(head.status_code, {n.decode(): v.decode("latin-1") for n, v in head.headers}, bytes(body))


class Proxy:
    """The runtime under test, as an agent and as an operator see it."""

    def __init__(self, runtime: Runtime, folder: Path, agent: str = "bot") -> None:
        self.runtime, self.folder, self.agent = runtime, folder, agent
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the proxy, closed at the end of the test."""
        reader, writer = await asyncio.open_connection(*self.address)
        self._writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    @property
    def address(self) -> tuple[str, int]:
        ((host, port),) = self.runtime.master.addresses()
        return host, port

    def token(self, agent: str | None = None) -> str:
        known = self.runtime.live.agents[agent or self.agent]
        return self.runtime.desk.keys.agent_token(known.id, known.generation)

    def placeholder(self, credential: str = "EXAMPLE_KEY", agent: str | None = None) -> str:
        held = self.runtime.live.secrets.placeholders.of(agent or self.agent, credential)
        assert held is not None
        return held

    def proxy_auth(self, agent: str | None = None) -> str:
        import base64

        name = agent or self.agent
        return "Basic " + base64.b64encode(f"{name}:{self.token(name)}".encode()).decode()

    def raw(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        host: str = "api.example.com",
        key: bool = True,
    ) -> bytes:
        fields = [("Host", host), *headers]
        if key:
            fields.append(("Authorization", f"Bearer {self.placeholder()}"))
        if body:
            fields.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
        return head.encode("latin-1") + body

    async def tunnelled(
        self, authority: str = "api.example.com:443", *, agent: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which a CONNECT was accepted, and nothing more was said."""
        reader, writer = await self.open()
        writer.write(
            f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
            f"Proxy-Authorization: {self.proxy_auth(agent)}\r\n\r\n".encode()
        )
        line = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        if not line.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(line.decode())
        return reader, writer

    async def connect(
        self,
        host: str = "api.example.com",
        *,
        agent: str | None = None,
        sni: str | None = None,
        port: int = 443,
    ) -> Tunnel:
        reader, writer = await self.tunnelled(f"{host}:{port}", agent=agent)
        context = ssl.create_default_context(cafile=str(self.runtime.client.ca))
        context.set_alpn_protocols(["http/1.1"])
        await writer.start_tls(context, server_hostname=sni or host)
        return Tunnel(self, reader, writer)

    async def request(self, method: str, target: str, *args: Any, **more: Any) -> Answered:
        tunnel = await self.connect(more.get("host", "api.example.com"))
        try:
            return await tunnel.request(method, target, *args, **more)
        finally:
            await tunnel.close()

    async def plain(self, raw: bytes, *, read: bool = True) -> bytes:
        """Send raw bytes to the proxy itself; one answer, or what comes until it closes or falls silent."""
        reader, writer = await self.open()
        writer.write(raw)
        out = bytearray()
        with contextlib.suppress(TimeoutError, OSError):
            while read and not _whole(out) and (data := await asyncio.wait_for(reader.read(65536), 1.0)):
                out += data
        writer.close()
        return bytes(out)

    async def settled(self) -> list[dict[str, Any]]:
        """All events in the book, once every outcome is written."""
        await asyncio.sleep(0.05)
        await self.runtime.gate.drain()
        return [dict(record.members) for record in reader.records(self.runtime.desk.data.audit)]

    async def events(self, decision: str) -> list[dict[str, Any]]:
        return [event for event in await self.settled() if event.get("decision") == decision]


type Start = Callable[..., AbstractAsyncContextManager[Proxy]]


def write_folder(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if name.endswith(".key"):
            path.chmod(0o600)


@pytest.fixture
def start(tmp_path: Path, origin: Any, plain_origin: Any, test_ca: Any) -> Start:
    """Start a proxy: `async with start() as proxy`. `files` replaces files of the configuration.

    Unless it is `attended` holds end soon: for tests in which nobody answers before they do.
    """

    @contextlib.asynccontextmanager
    async def starting(
        files: dict[str, str] | None = None,
        *,
        hooks: Callable[[Runtime | None, Any], Sequence[object]] | None = None,
        observers: Sequence[Observer] = (),
        attended: bool = True,
    ) -> AsyncIterator[Proxy]:
        folder = tmp_path / "config"
        settings = SETTINGS.format(port=origin.port, plain=plain_origin.port)
        written = {
            "wharfinger.yaml": settings if attended else settings.replace("hold: 2s", "hold: 100ms"),
            "example.key": SECRET,
            "other.key": OTHER_SECRET,
            "origin-root.pem": test_ca.root.read_text(),
            **OTHERS,
            **(files or {}),
        }
        write_folder(folder, written)
        taken = snapshot.read(folder)
        configuration = wiring.load(taken)
        runtime = await wiring.assemble(
            taken, configuration, tmp_path / "data", observers=observers, disarm=False
        )
        if hooks is not None:
            from wharfinger.flow.dispatch import Table

            runtime.master.table = Table(hooks(runtime, runtime.master.table.concerns), observers)
        async with wiring.running(runtime):
            running = Proxy(runtime, folder)
            try:
                yield running
            finally:
                await running.close()

    return starting


@pytest.fixture
async def proxy(start: Start) -> AsyncIterator[Proxy]:
    async with start() as running:
        yield running


@pytest.fixture
async def unattended(start: Start) -> AsyncIterator[Proxy]:
    """A proxy at which nobody answers before the hold ends, which is soon."""
    async with start(attended=False) as running:
        yield running


@pytest.fixture
def reply() -> Any:
    """Makes what the origin answers."""
    from tests.conftest import Reply

    return Reply


class Attacker:
    """Sends bytes as they are, and tells from the origins' records and the book what came of them."""

    def __init__(self, proxy: Proxy, origins: Sequence[Any]) -> None:
        self.proxy, self._origins = proxy, origins

    async def inside(self, raw: bytes, host: str = "api.example.com", port: int = 443) -> bytes:
        """Send `raw` in a TLS tunnel; what came back until the proxy closed or had answered whole."""
        tunnel = await self.proxy.connect(host, port=port)
        return await self._talk(tunnel.reader, tunnel.writer, raw)

    async def outside(self, raw: bytes) -> bytes:
        """Send `raw` to the proxy itself."""
        return await self._talk(*await self.proxy.open(), raw)

    @staticmethod
    async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> bytes:
        writer.write(raw)
        back = bytearray()
        try:
            while not _whole(back) and (data := await asyncio.wait_for(reader.read(65536), 1.0)):
                back += data
        except TimeoutError:
            back += b"<silence>"
        except OSError:
            back += b"<reset>"
        writer.transport.abort()
        return bytes(back)

    def seen(self) -> tuple[int, int]:
        """Connections made to origins, and bytes received by them."""
        return sum(o.connections for o in self._origins), sum(o.bytes_received for o in self._origins)

    async def all_refused(
        self,
        vectors: Mapping[str, bytes],
        *,
        inside: bool = True,
        host: str = "api.example.com",
        statuses: Sequence[int] = (400,),
    ) -> None:
        """Each vector is refused in our words, recorded, and no origin hears of it; the proxy lives."""
        wrong: dict[str, str] = {}
        for name, raw in vectors.items():
            before, booked = self.seen(), await self.booked()
            back = await (self.inside(raw, host) if inside else self.outside(raw))
            problem = _problem(back, statuses)
            if problem is None and self.seen() != before:
                problem = "an origin was spoken to"
            new = (await self.booked())[len(booked) :]
            if problem is None and (not new or "intent" in new):
                problem = f"in the book: {new}"
            if problem is not None:
                wrong[name] = problem
        assert wrong == {}
        await self.serves()

    async def booked(self) -> list[str]:
        """The kinds of all events in the book, once all are written."""
        await self.proxy.runtime.gate.drain()
        records = reader.records(self.proxy.runtime.desk.data.audit)
        return [str(record.members["kind"]) for record in records]

    async def serves(self) -> None:
        """The proxy still serves."""
        assert (await self.proxy.request("GET", "/items/1")).status == 200


def _whole(back: bytes | bytearray) -> bool:
    """Whether `back` is one whole message, by its Content-Length or in chunks."""
    head, end, body = bytes(back).partition(b"\r\n\r\n")
    fields = head.lower() + b"\r\n"
    if b"\r\ntransfer-encoding: chunked\r\n" in fields:
        return body.endswith(b"\r\n0\r\n\r\n")
    return bool(end) and b"\r\ncontent-length: %d\r\n" % len(body) in fields


def _problem(back: bytes, statuses: Sequence[int]) -> str | None:
    """Why `back` is not one whole refusal in our shape, if it is not."""
    head, _, body = back.partition(b"\r\n\r\n")
    if not head.startswith(tuple(b"HTTP/1.1 %d " % status for status in statuses)):
        return f"answered {back[:200]!r}"
    try:
        shape = json.loads(body)["error"]["type"]
    except (ValueError, KeyError, TypeError):
        return f"not our shape: {body[-200:]!r}"
    if shape != "wharfinger" or b"\r\nWharfinger-Decision: d_" not in head:
        return f"not our shape: {back[:300]!r}"
    return None


@pytest.fixture
def attacker(proxy: Proxy, origin: Any, plain_origin: Any) -> Attacker:
    return Attacker(proxy, [origin, plain_origin])
