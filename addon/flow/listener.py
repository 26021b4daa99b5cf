"""The listener: accepts agents' connections, within limits, and hands each to its handler.

There is one socket that all agents share, and one for each door to an API; and for each isolated run the
like of its own, on which nobody else can come.

Takes the place of mitmproxy's `Proxyserver` and keeps its name and options, which its console asks for.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from mitmproxy import options as moptions
from mitmproxy.addons import proxyserver
from mitmproxy.connection import Address
from mitmproxy.proxy import mode_specs
from wharfinger.faults import Fault
from wharfinger.flow.accepting import Accepting
from wharfinger.flow.handler import ClientHandler
from wharfinger.flow.names import Names
from wharfinger.flow.ways import Reverse, Transparent, Way
from wharfinger.isolation import attaching
from wharfinger.isolation.attaching import Hello

logger = logging.getLogger(__name__)

type MakeHandler = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter, moptions.Options, mode_specs.ProxyMode, Hello | None, Way],
    ClientHandler,
]
type Doors = Mapping[socket.socket, Reverse]

CLOSE_TIMEOUT = 5.0
"""Seconds that open connections may take to end."""


class Listener(proxyserver.Proxyserver):
    """The shared socket, and the doors."""

    name = "proxyserver"

    def __init__(
        self,
        sock: socket.socket,
        make: MakeHandler,
        options: moptions.Options,
        most: int,
        *,
        doors: Doors = MappingProxyType({}),
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._socket = sock
        self._apis = doors
        self._make = make
        self._options = options
        self._most = most
        self._servers: list[Accepting] = []
        self._mode = mode_specs.ProxyMode.parse("regular")
        self._open: dict[ClientHandler, asyncio.Task[None]] = {}
        self._strangers: dict[ClientHandler, None] = {}
        """Those of them that have not said who they are, the oldest first."""
        self._doors: dict[str, list[Accepting | Names]] = {}
        self._reserved: set[int] = set()

    def configure(self, updated: set[str]) -> None:
        """Check options as mitmproxy does, but for its modes: there is one listener, and it is ours."""
        super().configure(updated - {"mode", "server"})

    async def setup_servers(self) -> bool:
        """Start to accept."""
        self._servers.append(Accepting(self._socket, self._serve, ""))
        for sock, way in self._apis.items():
            serve = functools.partial(self._serve, way=way)
            self._servers.append(Accepting(sock, serve, ""))
        return True

    async def open_door(self, sock: socket.socket, door: Hello, entrance: str = attaching.PROXY) -> None:
        """Accept on a socket of an isolated run, whose connections are all its own. Raises `Fault`."""
        opened = self._doors.setdefault(door.run, [])
        if entrance == attaching.NAMES:
            opened.append(Names(sock, door.agent))
        else:
            serve = functools.partial(self._serve, door=door, way=self._way(sock, entrance))
            opened.append(Accepting(sock, serve, door.agent))

    def _way(self, sock: socket.socket, entrance: str) -> Way:
        """How what comes in at an entrance of a run comes."""
        if entrance == attaching.PROXY:
            return None
        port = sock.getsockname()[1]
        if entrance == attaching.TRANSPARENT:
            return Transparent(port)
        found = next((way for way in self._apis.values() if way.listens[1] == port), None)
        if entrance != attaching.API or found is None:
            raise Fault("there is no such door", "start the proxy again, if the settings name it since then")
        return found

    def close_door(self, run_id: str) -> None:
        """Accept nothing more there, and end what is open."""
        for opened in self._doors.pop(run_id, []):
            opened.close()
        for handler in tuple(self._open):
            if handler.door is not None and handler.door.run == run_id:
                handler.cut()

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        door: Hello | None = None,
        way: Way = None,
    ) -> None:
        peer = writer.get_extra_info("peername")
        own = door is None and way is None and peer is not None and peer[1] in self._reserved
        if peer is None or (len(self._open) >= self._most and not own):
            writer.close()
            return
        self._make_room()
        handler = self._make(reader, writer, self._options, self._mode, door, way)
        if door is None:
            self._strangers[handler] = None
            handler.identified = functools.partial(self._strangers.pop, handler, None)
        task = asyncio.current_task()
        if task is not None:
            self._open[handler] = task
        try:
            await handler.handle_client()
        finally:
            self._open.pop(handler, None)
            self._strangers.pop(handler, None)

    def _make_room(self) -> None:
        """Cut off who has been silent about itself the longest, once half of all places are held by such.

        Nobody knows whose they are, so nobody's share is counted; who is in earnest says so at once.
        """
        if self._strangers and len(self._strangers) >= self._most // 2:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.cut()

    @contextlib.contextmanager
    def reserved(self, port: int) -> Iterator[None]:
        """Have a place, however many are taken, for a connection from this port: it is our own."""
        self._reserved.add(port)
        try:
            yield
        finally:
            self._reserved.discard(port)

    def listen_addrs(self) -> list[Address]:
        """Where the proxy listens."""
        return [self._socket.getsockname()[:2]]

    async def close(self) -> None:
        """Stop accepting, and end every open connection: what was under way on it is recorded by then."""
        for server in self._servers:
            server.close()
        for run_id in tuple(self._doors):
            self.close_door(run_id)
        serving = tuple(self._open.values())
        for handler in tuple(self._open):
            handler.cut()
        if serving:
            await asyncio.wait(serving, timeout=CLOSE_TIMEOUT)
