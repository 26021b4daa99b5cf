"""The proxy's side of `isolation.attaching`: takes runs on, opens the doors of those that are isolated.

A run lives as long as the connection it attached by, whichever way its process ends. A run hands over all
of its sockets at once, and nothing but sockets of another network namespace is taken for a door.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from wharfinger.faults import Fault
from wharfinger.isolation import attaching
from wharfinger.isolation.attaching import Hello
from wharfinger.keeping import private
from wharfinger.keeping.sockets import address, peer_is_ours
from wharfinger.rules.types import JSON
from wharfinger.running.tasks import Tasks

logger = logging.getLogger(__name__)

MOST = 64
"""Runs at once."""
_HELLO_SECONDS = 10.0
_NOT_HERE = b"there is no such run"
_NO_DOOR = b"this is no listening socket in a network namespace of its own"
_HAS_ONE = b"this run has its door already"


class Runs(Protocol):
    """What knows of runs: `wharfinger.deciding.callers.Callers`."""

    def has_run(self, run_id: str, *, isolated: bool) -> bool:
        """Whether this run is open, and is isolated or not."""
        ...

    def knows_token(self, run_id: str, name: str, token: str) -> bool:
        """Whether this is the token of that run of that agent."""
        ...


class Gates(Protocol):
    """What accepts on sockets: `wharfinger.flow.listener.Listener`."""

    async def open_door(self, sock: socket.socket, door: Hello, entrance: str) -> None:
        """Accept on it, for that run. Raises `Fault` where that entrance is none."""
        ...

    def close_door(self, run_id: str) -> None:
        """End that."""
        ...


class Doors:
    """Serves `doors.sock` of one data folder, for the holder of its lock."""

    def __init__(self, data: Path, runs: Runs, gates: Gates, end: Callable[[str], Awaitable[JSON]]) -> None:
        """`end` notes that a run has ended, a second time as well."""
        self._data, self._runs, self._gates, self._end = data, runs, gates, end
        self._listening: socket.socket | None = None
        self._tasks = Tasks()
        self._attached: set[str] = set()

    async def start(self) -> None:
        """Open the socket, in the place of one that an earlier runtime has left."""
        path = private.folder(self._data) / attaching.SOCKET
        if path.is_socket():
            path.unlink()
        elif path.is_symlink() or path.exists():
            raise Fault(f'"{path}" is in the way of the socket for runs', "move it away")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with address(self._data, attaching.SOCKET) as name:
                sock.bind(name)
            path.chmod(0o600)
            sock.listen()
            sock.setblocking(False)
        except BaseException:
            sock.close()
            raise
        self._listening = sock
        self._tasks.start(self._accept(sock), name="doors")

    async def close(self) -> None:
        """Take no more runs, and end those that are attached."""
        if self._listening is None:
            return
        await self._tasks.cancel_all()
        self._listening.close()
        self._listening = None
        (self._data / attaching.SOCKET).unlink(missing_ok=True)

    async def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(sock)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            if len(self._tasks) > MOST or not peer_is_ours(connection):
                connection.close()
            else:
                self._tasks.start(self._serve(connection), name="run")

    async def _serve(self, connection: socket.socket) -> None:
        taken: Hello | None = None
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                await _readable(connection)
            text, handles, _, _ = socket.recv_fds(connection, attaching.LIMIT, attaching.ENTRANCES)
            taken, why = await self._take(Hello.read(text), [socket.socket(fileno=one) for one in handles])
            connection.send(why or b"ok")
            while taken is not None and await _says_more(connection):
                pass
        except (OSError, TimeoutError):
            pass
        finally:
            connection.close()
            if taken is not None:
                await self._let_go(taken)

    async def _take(self, hello: Hello | None, socks: list[socket.socket]) -> tuple[Hello | None, bytes]:
        """The run that is attached now, or why not."""
        with contextlib.ExitStack() as undo:
            for sock in socks:
                undo.callback(sock.close)
            if hello is None or not self._runs.has_run(hello.run, isolated=bool(socks)):
                return None, _NOT_HERE
            if not self._runs.knows_token(hello.run, hello.agent, hello.token):
                return None, _NOT_HERE
            if hello.run in self._attached:
                return None, _HAS_ONE
            given = list(zip(hello.entrances, socks, strict=False))
            if len(given) != len(socks) or not all(attaching.is_elsewhere(sock, at) for at, sock in given):
                return None, _NO_DOOR
            undo.callback(self._gates.close_door, hello.run)
            for entrance, sock in given:
                sock.setblocking(False)
                try:
                    await self._gates.open_door(sock, hello, entrance)
                except Fault as fault:
                    return None, fault.message.encode()
            self._attached.add(hello.run)
            undo.pop_all()
            return hello, b""

    async def _let_go(self, hello: Hello) -> None:
        self._attached.discard(hello.run)
        self._gates.close_door(hello.run)
        try:
            await self._end(hello.run)
        except Fault as fault:
            logger.warning("a run could not be ended in the store: %s", fault.message)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    sock.setblocking(False)
    loop.add_reader(sock, tell)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


async def _says_more(connection: socket.socket) -> bool:
    """Wait for what the other end says, which is nothing but that it ends; False once it has."""
    await _readable(connection)
    return bool(connection.recv(attaching.LIMIT))
