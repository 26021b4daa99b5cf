"""gRPC through the proxy: the real client and the real server of grpcio, all four kinds of calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from tests.addon.flow.conftest import OTHERS, SECRET, SETTINGS

TOOLS = """\
api: ledger
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
headers: {pass: [X-Ledger-Region]}
tools:
  - tool: get
    effect: read
    run: {type: grpc, url: "https://api.example.com", service: ledger.v1.Ledger, rpc: Get}
  - tool: watch
    effect: read
    run: {type: grpc, url: "https://api.example.com", service: ledger.v1.Ledger, rpc: Watch}
  - tool: load
    effect: write
    run: {type: grpc, url: "https://api.example.com", service: ledger.v1.Ledger, rpc: Load, body: stream}
  - tool: talk
    effect: write
    run: {type: grpc, url: "https://api.example.com", service: ledger.v1.Ledger, rpc: Talk, body: stream}
  - tool: drop
    effect: destructive
    run: {type: grpc, url: "https://api.example.com", service: ledger.v1.Ledger, rpc: Drop}
"""
POLICY = """\
policy: everyday
allow: [{tool: get}, {tool: watch}, {tool: load}, {tool: talk}]
deny:
  - tool: drop
    because: entries are kept
"""


@dataclass
class Ledger:
    """A server that keeps the metadata and messages it was sent."""

    port: int = 0
    metadata: list[dict[str, str]] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)

    def note(self, context: Any) -> None:
        self.metadata.append(dict(context.invocation_metadata()))

    def get(self, request: bytes, context: Any) -> bytes:
        self.note(context)
        context.set_trailing_metadata((("x-cost", "3"), ("x-key", SECRET)))
        if request == b"leak":
            return b"it is " + SECRET.encode()
        if request == b"fail":
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {SECRET} here")
        return request * 2

    def watch(self, request: bytes, context: Any) -> Iterator[bytes]:
        self.note(context)
        for number in range(int(request)):
            yield b"%d" % number

    def load(self, requests: Iterator[bytes], context: Any) -> bytes:
        self.note(context)
        self.received.extend(requests)
        return b"%d" % len(self.received)

    def talk(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self.note(context)
        for request in requests:
            yield request.upper()

    def handler(self) -> Any:
        return grpc.method_handlers_generic_handler(
            "ledger.v1.Ledger",
            {
                "Get": grpc.unary_unary_rpc_method_handler(self.get),
                "Drop": grpc.unary_unary_rpc_method_handler(self.get),
                "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
                "Load": grpc.stream_unary_rpc_method_handler(self.load),
                "Talk": grpc.stream_stream_rpc_method_handler(self.talk),
            },
        )


@pytest.fixture
async def ledger(test_ca: Any) -> AsyncIterator[Ledger]:
    made = Ledger()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((made.handler(),))
    chain = test_ca.chain.read_bytes()  # with its key
    pair = (chain, chain)
    made.port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    yield made
    await asyncio.to_thread(server.stop(0).wait)


@pytest.fixture
async def proxy(start: Any, ledger: Ledger, plain_origin: Any) -> AsyncIterator[Any]:
    files = {
        **OTHERS,
        "wharfinger.yaml": SETTINGS.format(port=ledger.port, plain=plain_origin.port),
        "tools/example.yaml": TOOLS,
        "tools/files.yaml": "tool: none\nrun: {method: GET, url: 'https://files.example.com/none'}\n",
        "policies/everyday.yaml": POLICY,
    }
    async with start(files) as running:
        yield running


type Call = Callable[[Any, tuple[tuple[str, str], ...]], Any]


async def called(proxy: Any, monkeypatch: Any, call: Call) -> Any:
    """Make `call` on a channel, in a thread, as an agent does: with the proxy in its environment."""
    host, port = proxy.address
    monkeypatch.setenv("grpc_proxy", f"http://{proxy.agent}:{proxy.token()}@{host}:{port}")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("no_grpc_proxy", "")
    roots = proxy.runtime.client.ca.read_bytes()
    metadata = (("authorization", f"Bearer {proxy.placeholder()}"), ("x-ledger-region", "north"))

    def run() -> Any:
        with grpc.secure_channel("api.example.com:443", grpc.ssl_channel_credentials(roots)) as channel:
            return call(channel, metadata)

    return await asyncio.to_thread(run)


def path(method: str) -> str:
    return f"/ledger.v1.Ledger/{method}"


async def test_a_call_goes_out_with_the_real_credential(proxy: Any, ledger: Ledger, monkeypatch: Any) -> None:
    def call(channel: Any, metadata: Any) -> Any:
        return channel.unary_unary(path("Get")).with_call(b"ab", metadata=metadata, timeout=20)

    answer, ended = await called(proxy, monkeypatch, call)
    assert answer == b"abab"
    (seen,) = ledger.metadata
    assert (seen["authorization"], seen["x-ledger-region"]) == (f"Bearer {SECRET}", "north")
    trailing = dict(ended.trailing_metadata())
    assert trailing["x-cost"] == "3"
    assert SECRET not in str(trailing)
    assert ended.code() is grpc.StatusCode.OK


async def test_errors_keep_their_status_and_lose_their_secrets(
    proxy: Any, ledger: Ledger, monkeypatch: Any
) -> None:
    def call(channel: Any, metadata: Any) -> Any:
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(path("Get"))(b"fail", metadata=metadata, timeout=20)
        return raised.value

    error = await called(proxy, monkeypatch, call)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details().startswith("no ")
    assert SECRET not in error.details()


async def test_a_secret_in_a_message_ends_the_call(proxy: Any, ledger: Ledger, monkeypatch: Any) -> None:
    def call(channel: Any, metadata: Any) -> Any:
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(path("Get"))(b"leak", metadata=metadata, timeout=20)
        return raised.value

    error = await called(proxy, monkeypatch, call)
    assert SECRET not in str(error)
    assert [e["outcome"] for e in await proxy.settled() if e["kind"] == "outcome"] == ["withheld"]


async def test_a_denied_call_is_told_so_in_grpc(proxy: Any, ledger: Ledger, monkeypatch: Any) -> None:
    def call(channel: Any, metadata: Any) -> Any:
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(path("Drop"))(b"x", metadata=metadata, timeout=20)
        return raised.value

    error = await called(proxy, monkeypatch, call)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "entries are kept" in error.details().lower()
    assert not ledger.metadata


async def test_a_server_streams(proxy: Any, ledger: Ledger, monkeypatch: Any) -> None:
    def call(channel: Any, metadata: Any) -> Any:
        return list(channel.unary_stream(path("Watch"))(b"500", metadata=metadata, timeout=20))

    assert await called(proxy, monkeypatch, call) == [b"%d" % number for number in range(500)]


async def test_a_client_streams(proxy: Any, ledger: Ledger, monkeypatch: Any) -> None:
    parts = [bytes([number]) * 10_000 for number in range(100)]

    def call(channel: Any, metadata: Any) -> Any:
        return channel.stream_unary(path("Load"))(iter(parts), metadata=metadata, timeout=20)

    assert await called(proxy, monkeypatch, call) == b"100"
    assert ledger.received == parts


async def test_both_talk_in_turns(proxy: Any, ledger: Ledger, monkeypatch: Any) -> None:
    """Every message is answered before the next is sent: nothing waits for the end of anything."""

    def call(channel: Any, metadata: Any) -> Any:
        heard, turn, answers = [], threading.Semaphore(1), []

        def says() -> Iterator[bytes]:
            for word in (b"one", b"two", b"three"):
                assert turn.acquire(timeout=10)
                heard.append(word)
                yield word

        for answer in channel.stream_stream(path("Talk"))(says(), metadata=metadata, timeout=20):
            answers.append(answer)
            turn.release()
        return answers

    assert await called(proxy, monkeypatch, call) == [b"ONE", b"TWO", b"THREE"]


async def test_a_placeholder_in_a_stream_cuts_it_off(proxy: Any, ledger: Ledger, monkeypatch: Any) -> None:
    placeholder = proxy.placeholder().encode()

    def call(channel: Any, metadata: Any) -> Any:
        with pytest.raises(grpc.RpcError) as raised:
            channel.stream_unary(path("Load"))(iter([b"a", placeholder]), metadata=metadata, timeout=20)
        return raised.value

    error = await called(proxy, monkeypatch, call)
    assert error.code() is not grpc.StatusCode.OK
    assert placeholder not in b"".join(ledger.received)
    assert [e["outcome"] for e in await proxy.settled() if e["kind"] == "outcome"] == ["withheld"]
