"""Accepts connections on one socket, one at a time, when it is their turn at the event loop.

asyncio's own server accepts as many in one pass as there is room for in its backlog, whatever else waits: a
flood of connections is then served before anybody's request. Here they wait with the kernel.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

from wharfinger import turns

logger = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted."""
PAUSE = 1.0
"""Seconds without accepting where it failed: there may be nothing left to accept with."""

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Accepting:
    """One listening socket, which is closed with it."""

    def __init__(self, sock: socket.socket, serve: Serve, agent: str) -> None:
        """Begin at once. `agent`: whose all connections are; empty where they have to say it."""
        sock.setblocking(False)
        sock.listen(BACKLOG)
        self._sock, self._serve, self._agent = sock, serve, agent
        self._opening: set[asyncio.Task[object]] = set()
        context = turns.serving(agent)
        self._work = asyncio.get_running_loop().create_task(self._accept(), context=context)

    def close(self) -> None:
        """Accept no more. What has been accepted goes on."""
        self._work.cancel()
        if self._sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()

    async def _accept(self) -> None:
        while True:
            try:
                connection, _ = await asyncio.get_running_loop().sock_accept(self._sock)
            except ConnectionAbortedError:
                await asyncio.sleep(0)
            except OSError as error:  # out of descriptors, for example
                logger.error("no connection can be accepted: %s", error)
                await asyncio.sleep(PAUSE)
            else:
                self._open(connection)
                await asyncio.sleep(0)

    def _open(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), self._serve, loop=loop)
        opening = loop.create_task(
            loop.connect_accepted_socket(lambda: protocol, connection), context=turns.serving(self._agent)
        )
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
