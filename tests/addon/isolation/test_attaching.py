"""How runs get to the proxy: by their token, once, with a socket that is of another network namespace."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from wharfinger.faults import Fault
from wharfinger.isolation import attaching
from wharfinger.isolation.attaching import Hello, NotAttached, attach
from wharfinger.running.doors import Doors

HELLO = Hello("r1", "bot", "wr_r1_token")


class House:
    """Stands in for what knows runs, and for what accepts on sockets."""

    def __init__(self) -> None:
        self.runs = {"r1": True, "r2": False}
        self.opened: list[str] = []
        self.entrances: list[str] = []
        self.closed: list[str] = []
        self.ended: list[str] = []

    def has_run(self, run_id: str, *, isolated: bool) -> bool:
        return self.runs.get(run_id) is isolated

    def knows_token(self, run_id: str, name: str, token: str) -> bool:
        return (name, token) == ("bot", f"wr_{run_id}_token")

    async def open_door(self, sock: socket.socket, door: Hello, entrance: str) -> None:
        self.opened.append(door.run)
        self.entrances.append(entrance)
        sock.close()

    def close_door(self, run_id: str) -> None:
        self.closed.append(run_id)

    async def end(self, run_id: str) -> None:
        self.ended.append(run_id)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
async def house(data: Path) -> AsyncIterator[House]:
    made = House()
    doors = Doors(data, made, made, made.end)
    await doors.start()
    yield made
    await doors.close()
    assert not (data / attaching.SOCKET).exists()


def listening(*, elsewhere: bool, listens: bool = True) -> socket.socket:
    """A TCP socket, of a network namespace of its own where `elsewhere`."""
    made: list[socket.socket] = []

    def make() -> None:
        if elsewhere and ctypes.CDLL(None).unshare(0x40000000) != 0:
            return
        made.append(socket.socket())
        made[0].bind(("0.0.0.0", 0))
        if listens:
            made[0].listen()

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        pytest.skip("needs to make a network namespace")
    return made[0]


async def said_to(data: Path, hello: Hello, sock: socket.socket | None) -> socket.socket:
    """Attach, as a run would from another process."""
    try:
        return await asyncio.to_thread(attach, data, hello, sock)
    finally:
        if sock is not None:
            sock.close()


async def until(found: Callable[[], object]) -> None:
    for _ in range(500):
        if found():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("waited in vain")


async def test_an_isolated_run_gets_its_door_and_ends_with_its_connection(house: House, data: Path) -> None:
    connection = await said_to(data, HELLO, listening(elsewhere=True))
    assert house.opened == ["r1"]
    assert house.ended == []
    connection.close()
    await until(lambda: house.ended == ["r1"] and house.closed == ["r1"])


async def test_a_run_that_is_not_isolated_has_no_door(house: House, data: Path) -> None:
    connection = await said_to(data, Hello("r2", "bot", "wr_r2_token"), None)
    assert house.opened == []
    connection.close()
    await until(lambda: house.ended == ["r2"])


async def test_a_run_has_one_door(house: House, data: Path) -> None:
    first = await said_to(data, HELLO, listening(elsewhere=True))
    with pytest.raises(NotAttached, match="has its door already"):
        await said_to(data, HELLO, listening(elsewhere=True))
    assert house.opened == ["r1"]
    first.close()


@pytest.mark.parametrize(
    ("hello", "with_socket"),
    [
        (Hello("r9", "bot", "wr_r9_token"), True),
        (Hello("r1", "bot", "wr_r2_token"), True),
        (Hello("r1", "other", "wr_r1_token"), True),
        (HELLO, False),
        (Hello("r2", "bot", "wr_r2_token"), True),
    ],
    ids=["no such run", "another token", "another agent", "no socket", "not isolated"],
)
async def test_nothing_else_is_taken(house: House, data: Path, hello: Hello, with_socket: bool) -> None:
    sock = listening(elsewhere=True) if with_socket else None
    with pytest.raises(NotAttached, match="no such run"):
        await said_to(data, hello, sock)
    assert house.opened == []
    assert house.ended == []


async def test_a_socket_of_this_machine_is_no_door(house: House, data: Path) -> None:
    """So that nobody is called isolated who is not."""
    for sock in (listening(elsewhere=False), listening(elsewhere=True, listens=False)):
        with pytest.raises(NotAttached, match="network namespace of its own"):
            await said_to(data, HELLO, sock)
    assert house.opened == []


async def test_a_run_hands_over_all_its_sockets_at_once(house: House, data: Path) -> None:
    socks = [listening(elsewhere=True) for _ in range(3)]
    kinds = {socks[1]: attaching.API, socks[2]: attaching.TRANSPARENT}
    connection = await asyncio.to_thread(attach, data, HELLO, socks[0], kinds)
    assert house.entrances == [attaching.PROXY, attaching.API, attaching.TRANSPARENT]
    connection.close()
    await until(lambda: house.ended == ["r1"])
    for sock in socks:
        sock.close()


async def test_where_one_of_them_is_none_nothing_is_taken(house: House, data: Path) -> None:
    first = listening(elsewhere=True)
    for kind, other in (
        (attaching.API, listening(elsewhere=False)),
        (attaching.TRANSPARENT, listening(elsewhere=True, listens=False)),
        (attaching.NAMES, listening(elsewhere=True)),
    ):
        with other, pytest.raises(NotAttached, match="network namespace of its own"):
            await asyncio.to_thread(attach, data, HELLO, first, {other: kind})
    assert house.opened == []
    first.close()


async def test_more_sockets_than_were_told_of_are_refused(house: House, data: Path) -> None:
    socks = [listening(elsewhere=True) for _ in range(2)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(5)
        await asyncio.to_thread(sock.connect, str(data / attaching.SOCKET))
        socket.send_fds(sock, [HELLO.as_bytes()], [one.fileno() for one in socks])
        assert b"network namespace of its own" in await asyncio.to_thread(sock.recv, 200)
    assert house.opened == []
    for one in socks:
        one.close()


async def test_a_door_that_cannot_be_opened_closes_the_others(house: House, data: Path) -> None:
    async def refuse(sock: socket.socket, door: Hello, entrance: str) -> None:
        raise Fault("there is no such door")

    house.open_door = refuse  # type: ignore[method-assign]
    with pytest.raises(NotAttached, match="there is no such door"):
        await said_to(data, HELLO, listening(elsewhere=True))
    assert house.closed == ["r1"]
    assert house.ended == []


async def test_what_is_no_hello_is_refused(house: House, data: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(5)
        await asyncio.to_thread(sock.connect, str(data / attaching.SOCKET))
        sock.send(b'{"run": 1, "agent": "", "token": "", "entrances": []}')
        assert await asyncio.to_thread(sock.recv, 100) == b"there is no such run"
    assert os.stat(data / attaching.SOCKET).st_mode & 0o077 == 0  # noqa: PTH116 - as it is


def test_a_token_is_not_shown() -> None:
    assert "token" not in repr(HELLO)
