"""WebSockets for tests: a server behind a relay that counts and cuts; agents with a library and without."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.server import ServerConnection, serve
from wsproto.utilities import generate_accept_token

from tests.addon.flow.conftest import Proxy, Tunnel

FREE, TALK, MASKED = "/free/1", "/talk?model=small", "/masked"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

TOOLS = """\
api: live
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: get_item
    effect: read
    run: {method: GET, url: "/items/${id}"}
  - tool: listen
    effect: read
    run: {type: websocket, url: "wss://api.example.com/free/${room}"}
  - tool: talk
    effect: write
    run: {type: websocket, url: "wss://api.example.com/talk", query: {model: "${model}"}}
  - tool: say
    effect: write
    input: {text: string, loud: {type: boolean, required: false}}
    run: {type: websocket, url: /talk, message: {type: say, text: "${text}", loud: "${loud}"}}
  - tool: shout
    effect: write
    run: {type: websocket, url: /talk, message: {type: shout, text: "${text}"}}
  - tool: pay
    effect: write
    input: {amount: integer}
    run: {type: websocket, url: /talk, message: {type: pay, amount: "${amount}"}}
  - tool: masked
    effect: read
    run: {type: websocket, url: /masked}
    redact: ["$.owner.email"]
  - tool: found
    effect: read
    run: {type: websocket, url: /found}
    redact: [{find: email}, {find: card}]
  - tool: pseudonymous
    effect: read
    run: {type: websocket, url: /pseudonymous}
    redact: [{hash: $.id}]
  - tool: closed_room
    effect: read
    run: {type: websocket, url: /closed}
"""
FILES = """\
tool: get_other
effect: read
run: {method: GET, url: "https://other.example.com/${name}", auth: {secret: OTHER_KEY}}
"""
POLICY = """\
policy: everyday
allow:
  - tool: get_item
  - tool: listen
  - tool: talk
    when: {model: {in: [small, large]}}
  - tool: say
    when: input.text.size() < 100
  - tool: masked
  - tool: found
  - tool: pseudonymous
  - tool: get_other
ask:
  - tool: pay
    approvers: [alice]
deny:
  - tool: shout
    because: nobody shouts here
deny_patterns: ["BEGIN [A-Z ]*PRIVATE KEY"]
"""

FOLDER = {"tools/example.yaml": TOOLS, "tools/files.yaml": FILES, "policies/everyday.yaml": POLICY}

type Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Server:
    """A WebSocket server that keeps what it is sent. By default it says everything back."""

    port: int = 0
    choice: str | None = None
    """The subprotocol, if not the first of its own that is offered."""
    handler: Handler | None = None
    piece: int = 65536
    """In how many bytes at most what it sends arrives."""
    handshakes: list[Any] = field(default_factory=list)
    heard: list[str | bytes] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)
    connections: int = 0
    bytes_received: int = 0

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.handshakes.append(connection.request)
        with contextlib.suppress(websockets.ConnectionClosed):
            if self.handler is not None:
                await self.handler(connection)
            else:
                async for message in connection:
                    self.heard.append(message)
                    await connection.send(message)
        await connection.wait_closed()
        self.closed.append((connection.close_code or 0, connection.close_reason or ""))

    def choose(self, _connection: ServerConnection, offered: Sequence[str]) -> Any:
        return self.choice or ("chat" if "chat" in offered else None)


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncIterator[Server]:
    """A server, and in front of it what counts the bytes that reach it."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, inward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                server.bytes_received += len(data) if inward else 0
                size = 65536 if inward else server.piece
                for at in range(0, len(data), size):
                    sink.write(data[at : at + size])
                    await sink.drain()
        sink.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", inner)
        writers.extend((writer, inner_writer))
        for pumped in (
            pump(reader, inner_writer, inward=True),
            pump(inner_reader, writer, inward=False),
        ):
            task = asyncio.get_running_loop().create_task(pumped)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    running = await serve(server.serve, "127.0.0.1", 0, select_subprotocol=server.choose)
    inner = running.sockets[0].getsockname()[1]
    gate = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    server.port = gate.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        gate.close()
        for task in tuple(tasks):
            task.cancel()
        for writer in writers:
            writer.transport.abort()
        running.close(close_connections=True)
        await running.wait_closed()


def dial(proxy: Proxy, target: str = FREE, *, key: str | None = None, **more: Any) -> Any:
    """Connect as an agent does that uses the `websockets` library."""
    host, port = proxy.address
    fields = {"Authorization": f"Bearer {key if key is not None else proxy.placeholder()}"}
    return websockets.connect(
        f"wss://api.example.com{target}",
        proxy=f"http://{proxy.agent}:{proxy.token()}@{host}:{port}",
        ssl=ssl.create_default_context(cafile=str(proxy.runtime.client.ca)),
        additional_headers={**fields, **more.pop("fields", {})},
        **more,
    )


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
}


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """A frame as RFC 6455 section 5.2 has it."""
    size, mask = len(payload), 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if size < 126:
        head += bytes([mask | size])
    elif size < 65536:
        head += bytes([mask | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(octet ^ key[at % 4] for at, octet in enumerate(payload))


@dataclass
class Raw:
    """An open WebSocket of an agent that writes its own bytes."""

    tunnel: Tunnel
    head: bytes

    async def send(self, data: bytes) -> None:
        self.tunnel.writer.write(data)
        with contextlib.suppress(OSError):
            await self.tunnel.writer.drain()

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        reader = self.tunnel.reader
        async with asyncio.timeout(10):
            first, second = await reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await reader.readexactly(8))
            return first & 0x0F, await reader.readexactly(size)

    async def closing(self) -> tuple[int, str]:
        """Code and reason of the Close frame that comes next, after which the connection ends."""
        while (got := await self.frame())[0] != CLOSE:
            pass
        async with asyncio.timeout(10):
            with contextlib.suppress(OSError):
                assert await self.tunnel.reader.read() == b""
        code = struct.unpack("!H", got[1][:2])[0] if got[1] else 1005
        return code, got[1][2:].decode()


async def raw(proxy: Proxy, target: str = FREE, **changed: str) -> Raw:
    """Open a WebSocket by hand."""
    tunnel = await proxy.connect()
    fields = {**HANDSHAKE, **changed}
    tunnel.writer.write(proxy.raw("GET", target, list(fields.items())))
    head = await asyncio.wait_for(tunnel.reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return Raw(tunnel, head)


def close_payload(code: int, reason: str = "") -> bytes:
    return struct.pack("!H", code) + reason.encode()


@dataclass
class Hostile:
    """A server that answers a handshake, says these bytes, and then only listens."""

    port: int = 0
    says: bytes = b""
    leaves: bool = False
    heard: bytearray = field(default_factory=bytearray)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (key,) = (
            line[19:].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key: ")
        )
        accept = generate_accept_token(key)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + self.says
        )
        with contextlib.suppress(OSError):
            while not self.leaves and (data := await reader.read(65536)):
                self.heard += data
        writer.close()


@contextlib.asynccontextmanager
async def lurking(
    context: ssl.SSLContext, says: bytes = b"", *, leaves: bool = False
) -> AsyncIterator[Hostile]:
    """A `Hostile` one, serving."""
    made = Hostile(says=says, leaves=leaves)
    running = await asyncio.start_server(made.accept, "127.0.0.1", 0, ssl=context)
    made.port = running.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        running.close()
        running.close_clients()
