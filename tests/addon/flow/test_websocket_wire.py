"""What hostile peers put on the wire of a WebSocket, and how much of it: frames, fragments, sizes, speed."""

from __future__ import annotations

import asyncio
import os
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.flow import websocket_frames
from wharfinger.flow.websocket_frames import Broken, ConnectionType, Frames, Heard, Kind, closing

from tests.addon.flow.conftest import SETTINGS
from tests.addon.flow.sockets import (
    BINARY,
    CLOSE,
    FOLDER,
    PING,
    PONG,
    TEXT,
    close_payload,
    frame,
    lurking,
    raw,
    serving,
)

LIMIT = 1 << 20
"""`limits.body` of the tests' configuration."""

BAD_FRAMES = {
    "a reserved bit": (1002, lambda m: frame(TEXT, b"a", masked=m, reserved=4)),
    "another reserved bit": (1002, lambda m: frame(TEXT, b"a", masked=m, reserved=1)),
    "a reserved opcode": (1002, lambda m: frame(3, b"a", masked=m)),
    "a reserved control opcode": (1002, lambda m: frame(11, b"a", masked=m)),
    "the other side's masking": (1002, lambda m: frame(TEXT, b"a", masked=not m)),
    "a fragmented ping": (1002, lambda m: frame(PING, b"a", masked=m, fin=False)),
    "a fragmented close": (1002, lambda m: frame(CLOSE, close_payload(1000), masked=m, fin=False)),
    "a long ping": (1002, lambda m: frame(PING, b"a" * 126, masked=m)),
    "a continuation of nothing": (1002, lambda m: frame(0, b"a", masked=m)),
    "a message within a message": (1002, lambda m: frame(TEXT, b"a", masked=m, fin=False)
                                   + frame(TEXT, b"b", masked=m)),
    "text that is not UTF-8": (1007, lambda m: frame(TEXT, b"\xc3\x28", masked=m)),
    "text cut in a character": (1007, lambda m: frame(TEXT, b"\xc3", masked=m)),
    "a surrogate": (1007, lambda m: frame(TEXT, b"\xed\xa0\x80", masked=m)),
    "a close of one byte": (1002, lambda m: frame(CLOSE, b"\x03", masked=m)),
    "a close with a reserved code": (1002, lambda m: frame(CLOSE, close_payload(1005), masked=m)),
    "a close with no code of a close": (1002, lambda m: frame(CLOSE, close_payload(99), masked=m)),
    "a close with a bad reason": (1007, lambda m: frame(CLOSE, close_payload(1000) + b"\xff", masked=m)),
    "a length longer than needed": (1002, lambda m: bytes([0x81, (0x80 if m else 0) | 126, 0, 1]) + b"aaaaa"),
    "a length with its first bit set": (
        1002, lambda m: bytes([0x81, (0x80 if m else 0) | 127]) + struct.pack("!Q", 1 << 63) + b"aaaa"),
    "a message over the limit": (1009, lambda m: frame(BINARY, b"a" * (LIMIT + 1), masked=m)),
    "fragments over the limit": (1009, lambda m: frame(BINARY, b"a" * 600_000, masked=m, fin=False)
                                 + frame(0, b"a" * 600_000, masked=m)),
    "fragments without end": (
        1009, lambda m: frame(BINARY, b"", masked=m, fin=False)
        + frame(0, b"", masked=m, fin=False) * (websocket_frames.MAX_FRAGMENTS + 1)),
}  # fmt: skip


class Wide:
    """Room without an end, which notes how much of it is taken."""

    taken = 0

    def take(self, size: int) -> bool:
        self.taken += size
        return True

    def give_back(self, size: int) -> None:
        self.taken -= size


def heard(kind: ConnectionType, data: bytes, size: int = 1 << 30) -> list[Heard]:
    """What is heard in `data`, taken in pieces of `size` bytes."""
    frames, found = Frames(kind, LIMIT, Wide()), []
    for at in range(0, len(data), size):
        frames.receive(data[at : at + size])
        while (one := frames.next()) is not None:
            found.append(one)
    return found


@pytest.mark.parametrize("side", [ConnectionType.SERVER, ConnectionType.CLIENT])
@pytest.mark.parametrize("name", BAD_FRAMES)
def test_frames_that_break_the_protocol_or_a_limit_are_broken(name: str, side: ConnectionType) -> None:
    code, make = BAD_FRAMES[name]
    with pytest.raises(Broken) as caught:
        heard(side, make(side is ConnectionType.SERVER))
    assert caught.value.code == code


@given(
    st.lists(
        st.one_of(
            st.builds(Heard, st.just(Kind.TEXT), st.text(max_size=300).map(lambda text: text.encode())),
            st.builds(Heard, st.just(Kind.BINARY), st.binary(max_size=300)),
            st.builds(Heard, st.sampled_from([Kind.PING, Kind.PONG]), st.binary(max_size=125)),
        ),
        max_size=6,
    ),
    st.integers(1, 20),
    st.booleans(),
)
def test_what_is_said_is_heard_the_same_however_it_is_cut(said: list[Heard], size: int, agent: bool) -> None:
    kinds = (ConnectionType.CLIENT, ConnectionType.SERVER)
    speaker, listener = kinds if agent else kinds[::-1]
    frames = Frames(speaker, LIMIT, Wide())
    goodbye = closing(4000, "bye")
    wire = b"".join(map(frames.say, said)) + frames.say(goodbye)
    assert heard(listener, wire, size) == [*said, goodbye]
    assert frames.say(Heard(Kind.TEXT, b"late")) == b""


def test_control_frames_between_fragments_come_first() -> None:
    wire = frame(TEXT, "ä".encode()[:1], fin=False) + frame(PING, b"p") + frame(0, "ä".encode()[1:])
    for size in range(1, len(wire)):
        assert heard(ConnectionType.SERVER, wire, size) == [
            Heard(Kind.PING, b"p"),
            Heard(Kind.TEXT, "ä".encode()),
        ]


def test_nothing_is_heard_after_a_close() -> None:
    wire = frame(CLOSE, close_payload(1000)) + frame(TEXT, b"late")
    assert heard(ConnectionType.SERVER, wire) == [Heard(Kind.CLOSE, b"", 1000)]
    frames = Frames(ConnectionType.SERVER, LIMIT, Wide())
    frames.receive(frame(CLOSE, close_payload(1000)))
    assert frames.next() is not None
    frames.receive(frame(TEXT, b"late"))
    assert (frames.next(), frames.heard_close, frames.closed) == (None, True, False)
    assert frames.say(closing(1000)) != b""
    assert (frames.say(closing(1000)), frames.closed) == (b"", True)


def test_the_reason_of_a_close_is_cut_so_that_its_end_stays() -> None:
    said = closing(1008, "ä" * 200, " (d_1)")
    assert len(said.data) <= websocket_frames.MAX_REASON
    assert said.data.decode().endswith("ä (d_1)")


def test_a_message_may_have_as_many_fragments_as_are_not_tiny() -> None:
    size, count = websocket_frames.FRAGMENT, 3_000
    wire = frame(BINARY, b"", fin=False) + frame(0, b"a" * size, fin=False) * count + frame(0, b"")
    assert heard(ConnectionType.SERVER, wire) == [Heard(Kind.BINARY, b"a" * size * count)]
    tiny = frame(BINARY, b"", fin=False) + frame(0, b"a" * (size // 2), fin=False) * count + frame(0, b"")
    with pytest.raises(Broken) as caught:
        heard(ConnectionType.SERVER, tiny)
    assert caught.value.code == 1009


def test_a_message_is_held_until_the_next_is_asked_for() -> None:
    room = Wide()
    frames = Frames(ConnectionType.SERVER, LIMIT, room)
    frames.receive(frame(BINARY, b"a" * 600, fin=False) + frame(PING, b"p"))
    assert frames.next() == Heard(Kind.PING, b"p")
    assert room.taken == 600
    frames.receive(frame(0, b"b" * 400))
    assert frames.next() == Heard(Kind.BINARY, b"a" * 600 + b"b" * 400)
    assert room.taken == 1000, "it is being decided"
    assert (frames.next(), room.taken) == (None, 0)


# Over sockets


async def test_what_is_put_together_has_an_end_for_each_agent_and_for_all(
    start: Any, test_ca: Any, folder: Any
) -> None:
    async with serving(test_ca.context()) as server, start(folder(server)) as proxy:
        room = proxy.runtime.sessions.held
        room.most = 400_000
        begun, more = await raw(proxy), await raw(proxy)
        await begun.send(frame(BINARY, b"a" * 150_000, fin=False))
        async with asyncio.timeout(5):
            while room.total < 150_000:
                await asyncio.sleep(0.01)
        await more.send(frame(BINARY, b"b" * 100_000, fin=False))
        code, reason = await more.closing()
        assert (code, reason.startswith("more than this proxy keeps in memory")) == (1013, True)
        await begun.send(frame(0, b"c"))
        assert await begun.frame() == (BINARY, b"a" * 150_000 + b"c"), "who was first goes on"
        async with asyncio.timeout(5):
            while room.total:
                await asyncio.sleep(0.01)
        again = await raw(proxy)
        await again.send(frame(BINARY, b"d" * 190_000))
        assert await again.frame() == (BINARY, b"d" * 190_000), "it was given back"
        await again.send(frame(BINARY, b"e" * 100_000, fin=False))
        again.tunnel.writer.transport.abort()
        async with asyncio.timeout(5):
            while room.total:
                await asyncio.sleep(0.01)
        assert server.heard == [b"a" * 150_000 + b"c", b"d" * 190_000]


@pytest.fixture
def folder(plain_origin: Any) -> Any:
    return lambda server: {
        **FOLDER,
        "wharfinger.yaml": SETTINGS.format(port=server.port, plain=plain_origin.port),
    }


async def test_an_agent_that_breaks_the_protocol_is_told_and_nothing_of_it_passes(
    start: Any, test_ca: Any, folder: Any
) -> None:
    wrong = {}
    async with serving(test_ca.context()) as server, start(folder(server)) as proxy:
        for name, (code, make) in BAD_FRAMES.items():
            socket = await raw(proxy)
            sending = asyncio.get_running_loop().create_task(socket.send(make(True)))
            told = await socket.closing()
            sending.cancel()
            if told[0] != code:
                wrong[name] = told
        assert wrong == {}
        assert server.heard == []
        reasons = {event["reason"] for event in await proxy.settled() if event["kind"] == "outcome"}
        assert all(reason.startswith("the agent sent ") for reason in reasons)


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_a_server_that_breaks_the_protocol_is_not_passed_on(
    start: Any, test_ca: Any, folder: Any, name: str
) -> None:
    _, make = BAD_FRAMES[name]
    async with lurking(test_ca.context(), make(False)) as server, start(folder(server)) as proxy:
        socket = await raw(proxy)
        code, reason = await socket.closing()
        assert (code, reason.startswith("the upstream sent ")) == (1011, True)
        (said,) = [event for event in await proxy.settled() if event["kind"] == "outcome"]
        assert said["outcome"] == "upstream_failed"


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_text_split_at_every_byte_passes_whole(
    start: Any, test_ca: Any, folder: Any, size: int
) -> None:
    async with serving(test_ca.context()) as server, start(folder(server)) as proxy:
        server.piece = size
        socket = await raw(proxy)
        wire = frame(TEXT, "höll".encode(), fin=False) + frame(0, "ö 🌍".encode())
        for at in range(0, len(wire), size):
            await socket.send(wire[at : at + size])
            await asyncio.sleep(0)
        assert await socket.frame() == (TEXT, "höllö 🌍".encode())
        assert server.heard == ["höllö 🌍"]


async def test_many_short_messages_pass_in_order_while_others_have_their_turn(
    start: Any, test_ca: Any, folder: Any
) -> None:
    async with serving(test_ca.context()) as server, start(folder(server)) as proxy:
        socket, other = await raw(proxy), await raw(proxy)
        count = 2_000
        flood = asyncio.get_running_loop().create_task(
            socket.send(b"".join(frame(TEXT, str(number).encode()) for number in range(count)))
        )
        await other.send(frame(TEXT, b"hello"))
        assert await other.frame() == (TEXT, b"hello")
        echoed = server.heard.index("hello")
        assert echoed < count  # it did not wait for all of the others
        assert [int((await socket.frame())[1]) for _ in range(count)] == list(range(count))
        await flood


async def test_a_server_that_does_not_read_stops_the_agent(start: Any, test_ca: Any, folder: Any) -> None:
    """What waits in the proxy is bounded: an agent cannot send much more than the sockets' buffers hold."""
    async with serving(test_ca.context()) as server, start(folder(server)) as proxy:

        async def idle(connection: Any) -> None:
            connection.transport.pause_reading()
            await connection.wait_closed()

        server.handler = idle
        socket = await raw(proxy)
        piece, sent = frame(BINARY, os.urandom(200_000)), 0

        async def pour() -> None:
            nonlocal sent
            while sent < 1000:
                socket.tunnel.writer.write(piece)
                await socket.tunnel.writer.drain()
                sent += 1

        pouring, before = asyncio.get_running_loop().create_task(pour()), -1
        while before != sent:
            before = sent
            await asyncio.sleep(1)
        assert not pouring.done()
        assert 0 < sent < 500
        pouring.cancel()


async def test_an_agent_that_does_not_read_stops_the_server(start: Any, test_ca: Any, folder: Any) -> None:
    sent = 0

    async def pour(connection: Any) -> None:
        nonlocal sent
        while sent < 400:
            await connection.send(os.urandom(500_000))
            sent += 1

    async with serving(test_ca.context()) as server, start(folder(server)) as proxy:
        server.handler = pour
        socket = await raw(proxy)
        socket.tunnel.writer.transport.pause_reading()  # type: ignore[attr-defined]
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(1)
        assert 0 < sent < 200


async def test_a_connection_on_which_nothing_passes_is_ended(
    start: Any, test_ca: Any, folder: Any, monkeypatch: Any
) -> None:
    async with serving(test_ca.context()) as server, start(folder(server)) as proxy:
        socket = await raw(proxy)
        await socket.send(frame(PONG, b""))
        (link,) = proxy.runtime.sessions.links()
        await link.close.__self__.on_timeout()  # what the watchdog calls after ten minutes
        code, _ = await socket.closing()
        assert code == 1011
