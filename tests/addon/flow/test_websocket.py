"""WebSockets through a real proxy: what opens one, what passes on it, and what ends it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve

from tests.addon.flow.conftest import OTHER_SECRET, SECRET, SETTINGS, Proxy

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
  - tool: closed_room
    effect: read
    run: {type: websocket, url: /closed}
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
ask:
  - tool: pay
    approvers: [alice]
deny:
  - tool: shout
    because: nobody shouts here
deny_patterns: ["BEGIN [A-Z ]*PRIVATE KEY"]
"""
FREE = "wss://api.example.com/free/1"
TALK = "wss://api.example.com/talk?model=small"

type Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Server:
    """A WebSocket server that keeps every handshake and message."""

    port: int = 0
    handshakes: list[Any] = field(default_factory=list)
    heard: list[str | bytes] = field(default_factory=list)
    connections: int = 0
    closed: list[tuple[int | None, str]] = field(default_factory=list)
    handler: Handler | None = None
    choice: str | None = None

    async def serve(self, connection: ServerConnection) -> None:
        self.handshakes.append(connection.request)
        if self.handler is not None:
            await self.handler(connection)
        else:
            with contextlib.suppress(websockets.ConnectionClosed):
                async for message in connection:
                    self.heard.append(message)
                    await connection.send(message)
        await connection.wait_closed()
        self.closed.append((connection.close_code, connection.close_reason or ""))


@pytest.fixture
async def server(test_ca: Any) -> AsyncIterator[Server]:
    made = Server()

    async def accept(connection: ServerConnection) -> None:
        await made.serve(connection)

    def choose(_connection: ServerConnection, offered: Sequence[str]) -> str | None:
        return made.choice or ("chat" if "chat" in offered else None)

    async with serve(
        accept, "127.0.0.1", 0, ssl=test_ca.context(), select_subprotocol=choose, max_size=2**25
    ) as running:
        made.port = running.sockets[0].getsockname()[1]
        yield made


@pytest.fixture
async def live(start: Any, server: Server, plain_origin: Any) -> AsyncIterator[Proxy]:
    settings = SETTINGS.format(port=server.port, plain=plain_origin.port)
    files = {"wharfinger.yaml": settings, "tools/example.yaml": TOOLS, "policies/everyday.yaml": POLICY}
    async with start({**files, "tools/files.yaml": FILES}) as proxy:
        yield proxy


FILES = """\
tool: download
effect: read
run: {method: GET, url: "https://files.example.com/download/${name}"}
"""


def dial(proxy: Proxy, uri: str = FREE, *, key: str | None = None, **more: Any) -> Any:
    """Connect as an agent does that uses the `websockets` library."""
    host, port = proxy.address
    fields = {"Authorization": f"Bearer {key if key is not None else proxy.placeholder()}"}
    fields.update(more.pop("fields", {}))
    return websockets.connect(
        uri,
        proxy=f"http://{proxy.agent}:{proxy.token()}@{host}:{port}",
        ssl=ssl.create_default_context(cafile=str(proxy.runtime.client.ca)),
        additional_headers=fields,
        **more,
    )


async def test_an_allowed_handshake_opens_and_messages_pass_both_ways(live: Proxy, server: Server) -> None:
    async with dial(live) as socket:
        for message in ("hello", b"\x00\xff", "ä" * 70_000, b"x" * 200_000, ""):
            await socket.send(message)
            assert await socket.recv() == message
        await (await socket.ping())
    assert server.heard[0] == "hello"
