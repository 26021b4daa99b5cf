"""Invariant 1, in full: every hook × every way to fail × every way in which a request goes out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import websockets
from mitmproxy import exceptions
from wharfinger.flow.dispatch import Table
from wharfinger.flow.master import HANDLED

from tests.addon.flow.conftest import SETTINGS
from tests.addon.flow.sockets import FOLDER, TALK, dial, serving
from tests.torture.conftest import FILES

HOOKS = sorted({name for name, _ in HANDLED})

RAISED: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: RuntimeError("broken by a test"),
    "halt": exceptions.AddonHalt,
    "MemoryError": MemoryError,
    "RecursionError": RecursionError,
    "CancelledError": asyncio.CancelledError,
}
FAILURES = (*RAISED, *(f"{name}, later" for name in RAISED), "hang", "removed")

HANGS = 0.4
"""Seconds for which a request that gets no answer is waited for."""


class Broken:
    """A concern one of whose hooks fails in a chosen way; the others are as they were."""

    def __init__(self, inner: object, hook: str, failure: str) -> None:
        self._inner, self._hook, self._failure = inner, hook, failure

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name != self._hook or not callable(real):
            return real
        return {"removed": None, "hang": _hang}.get(self._failure, self._fail)

    def _fail(self, *_arguments: Any) -> Awaitable[None] | None:
        kind, _, later = self._failure.partition(", ")
        if later:
            return self._fail_later(kind)
        raise RAISED[kind]()

    @staticmethod
    async def _fail_later(kind: str) -> None:
        await asyncio.sleep(0)
        raise RAISED[kind]()


async def _hang(*_arguments: Any) -> None:
    await asyncio.Event().wait()


@contextlib.contextmanager
def broken(running: Any, hook: str, failure: str) -> Iterator[None]:
    """For the connections that are opened in the block."""
    master = running.runtime.master
    sound = master.table
    master.table = Table([Broken(concern, hook, failure) for concern in sound.concerns])
    try:
        yield
    finally:
        master.table = sound


# The ways in which a request goes out, each with the hooks without which it does not.


async def inside(running: Any, method: str, target: str, *given: Any, host: str = "api.example.com") -> int:
    """The status of a request in a tunnel, which is cut off however it ends."""
    tunnel = await running.connect(host)
    try:
        return int((await tunnel.request(method, target, *given, host=host)).status)
    finally:
        tunnel.writer.transport.abort()


async def tunnelled(running: Any) -> int:
    return await inside(running, "GET", "/items/1")


async def absolute(running: Any) -> int:
    reader, writer = await running.open()
    writer.write(
        b"GET http://plain.example.com/x HTTP/1.1\r\nHost: plain.example.com\r\n"
        b"Proxy-Authorization: " + running.proxy_auth().encode() + b"\r\n\r\n"
    )
    return int((await reader.readuntil(b"\r\n")).split(b" ")[1])


async def with_body(running: Any) -> int:
    fields = [("Content-Type", "application/json")]
    return await inside(running, "POST", "/items", fields, b'{"name": "x"}')


async def streamed(running: Any) -> int:
    fields = [("Content-Type", "application/octet-stream")]
    return await inside(running, "PUT", "/upload/a", fields, b"x" * 70_000, host="files.example.com")


async def pushed(running: Any) -> int:
    text = f"{'1' * 40} {'2' * 40} refs/heads/x\0 report-status".encode()
    data = b"%04x%b0000PACK" % (len(text) + 4, text) + b"x" * 70_000
    fields = [("Content-Type", "application/x-git-receive-pack-request")]
    path = "/acme/shop.git/git-receive-pack"
    return await inside(running, "POST", path, fields, data, host="files.example.com")


TUNNEL = {"http_connect", "next_layer", "tls_clienthello", "tls_start_client", "tls_start_server"}
WAYS: dict[Callable[[Any], Awaitable[int]], set[str]] = {
    tunnelled: TUNNEL | {"request"},
    absolute: {"next_layer", "requestheaders", "request"},
    with_body: TUNNEL | {"request"},
    streamed: TUNNEL,  # without `requestheaders` it is read, and decided, whole
    pushed: TUNNEL | {"requestopening"},
}


async def outcome(way: Callable[[Any], Awaitable[int]], running: Any, seconds: float) -> int | str:
    """The status that the agent saw, or what it met instead."""
    try:
        async with asyncio.timeout(seconds):
            return await way(running)
    except (OSError, ConnectionError, asyncio.IncompleteReadError) as error:
        return type(error).__name__


async def test_positive_control_all_ways_are_open(start: Any, oracle: Any) -> None:
    async with start(FILES) as running:
        assert [await outcome(way, running, 10) for way in WAYS] == [200] * len(WAYS)
        assert await oracle.unlogged(running) == []
    assert oracle.bytes() > 0


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_broken_hook_leaves_the_request_refused(start: Any, oracle: Any, failure: str) -> None:
    """The ways that a hook is needed for are tried together, so that a hook that hangs is waited for once."""
    wrong: list[str] = []
    seconds = HANGS if failure == "hang" else 10
    async with start(FILES) as running:
        running.runtime.sessions.kept.close()  # each makes its own upstream connection, by every hook
        for hook, needed in itertools.product(HOOKS, (True, False)):
            ways = [way for way, needs in WAYS.items() if (hook in needs) is needed]
            before = oracle.bytes()
            with broken(running, hook, failure):
                came = await asyncio.gather(*(outcome(way, running, seconds) for way in ways))
            cells = {way.__name__: each for way, each in zip(ways, came, strict=True)}
            if needed and (200 in came or oracle.bytes() != before):
                wrong.append(f"{hook} {failure} {cells}: {oracle.bytes() - before} bytes went out")
            if "TimeoutError" in came and failure != "hang":
                wrong.append(f"{hook} {failure} {cells}: an agent was left waiting")
        assert wrong == []
        assert await oracle.unlogged(running) == []
        assert await outcome(tunnelled, running, 10) == 200, "it still serves"


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_message_on_an_open_websocket_is_not_said_where_its_hook_is_broken(
    start: Any, test_ca: Any, plain_origin: Any, failure: str
) -> None:
    async with serving(test_ca.context()) as server:
        files = {"wharfinger.yaml": SETTINGS.format(port=server.port, plain=plain_origin.port), **FOLDER}
        async with start(files) as running:
            for hook in ("agent_message", None):
                with broken(running, hook or "none", failure):
                    async with dial(running, TALK, close_timeout=HANGS) as socket:
                        with contextlib.suppress(TimeoutError, websockets.ConnectionClosed):
                            async with asyncio.timeout(HANGS):
                                await socket.send('{"type": "say", "text": "hello"}')
                                await socket.recv()
                assert bool(server.heard) is (hook is None), "the second is the positive control"
