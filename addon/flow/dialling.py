"""The upstream connections of one agent's connection: dialled, kept for the agent's next one, ended.

Only what the gate has opened a route for is dialled. mitmproxy asks for a connection (`OpenConnection`), and
is told how that went; what comes on it is read by the same handler that reads the agent's own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, cast

from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, server, server_hooks
from wharfinger.flow.kept import Adopt, Part, Spare
from wharfinger.flow.paced import Paced

if TYPE_CHECKING:
    from wharfinger.flow.dial import Dialer
    from wharfinger.flow.handler import ClientHandler

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 15.0
"""Seconds an upstream may take for the TLS handshake."""


class Upstreams:
    """Those of one handler, which keeps them in its `transports` beside the agent's own connection."""

    def __init__(self, handler: ClientHandler, dialer: Dialer) -> None:
        self._handler = handler
        self._dialer = dialer
        self._parting: dict[Connection, Part] = {}
        self._given: dict[Connection, Spare] = {}
        """Those that are kept for others, and not the handler's any more."""

    def has_given(self, connection: Connection) -> bool:
        """Whether a connection is kept for others: what comes on it is nobody's here."""
        return connection in self._given

    async def open(self, command: commands.OpenConnection) -> None:
        """Dial the route that the gate has opened for this connection; without one, nothing is dialled."""
        connection, handler = command.connection, self._handler
        route = handler.sessions.route(connection)
        hook_data = server_hooks.ServerConnectionHookData(client=handler.client, server=connection)
        if route is None:
            self._failed(command, "no route was opened for this connection")
            return
        try:
            connection.timestamp_start = time.time()
            reader, writer = await self._dialer.dial(route.host, route.port, route.agent_id)
        except asyncio.CancelledError:
            self._failed(command, "connection cancelled")
            raise
        except OSError as error:
            self._failed(command, str(error))
            return
        except Exception:
            logger.exception("dialling failed")
            self._failed(command, "internal error while connecting")
            return
        connection.timestamp_tcp_setup = time.time()
        connection.state = ConnectionState.OPEN
        connection.peername = writer.get_extra_info("peername")
        connection.sockname = writer.get_extra_info("sockname")
        handler.transports[connection] = server.ConnectionIO(
            handler=asyncio.current_task(), reader=self._hearing(connection, reader), writer=writer
        )
        await handler.handle_hook(server_hooks.ServerConnectedHook(hook_data))
        handler.feed(events.OpenConnectionCompleted(command, None))
        stalled = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, self._check_handshake, connection)
        try:
            await handler.handle_connection(connection)
        finally:
            stalled.cancel()
            connection.timestamp_end = time.time()
            await handler.handle_hook(server_hooks.ServerDisconnectedHook(hook_data))

    def leave(self, part: Part) -> None:
        """The agent has no more to do on a connection; it may be kept when the agent leaves."""
        self._parting[part.connection] = part

    def keep(self) -> None:
        """Keep for others what the agent has left, unless something has come on it meanwhile."""
        transports = self._handler.transports
        for connection, part in self._parting.items():
            io = transports.get(connection)
            reader = cast(object, io.reader) if io is not None else None
            if io is None or io.handler is None or not isinstance(reader, Paced) or not reader.waits():
                continue
            del transports[connection]
            known, writer = cast(Server, connection), cast(asyncio.StreamWriter, io.writer)
            self._given[connection] = Spare(part.route, known, reader.reader, writer, part.tls)
            io.handler.cancel("kept for others")
        self._parting.clear()

    def give(self, connection: Connection) -> None:
        """Keep it for others now: it is open, and nobody reads it any more."""
        self._handler.sessions.kept.put(self._given[connection])

    def adopt(self, adopted: Adopt) -> None:
        """Go on with a connection that was kept."""
        connection, spare = adopted.connection, adopted.spare
        reader = self._hearing(connection, spare.reader)
        io = server.ConnectionIO(reader=reader, writer=spare.writer)
        self._handler.transports[connection] = io
        io.handler = asyncio.get_running_loop().create_task(self._go_on(connection))

    def end(self) -> bool:
        """Close all of them; whether there was one."""
        agent = self._handler.client
        handlers = [
            io.handler
            for connection, io in self._handler.transports.items()
            if connection is not agent and io.handler
        ]
        for each in handlers:
            each.cancel("the agent's connection ends")
        return bool(handlers)

    def come_apart(self) -> None:
        """Let go of the handler, which is at its end."""
        del self._handler

    def _hearing(self, connection: Connection, reader: asyncio.StreamReader) -> asyncio.StreamReader:
        """What an upstream is read by: as the agent takes it up."""
        link = self._handler.sessions.link(self._handler.client)
        ears = () if link is None else (link.may_hear, link.ear(connection))
        return cast(asyncio.StreamReader, Paced(reader, *ears))

    async def _go_on(self, connection: Connection) -> None:
        try:
            await self._handler.handle_connection(connection)
        finally:
            connection.timestamp_end = time.time()

    def _check_handshake(self, connection: Connection) -> None:
        io = self._handler.transports.get(connection)
        if connection.tls and not connection.tls_established and io is not None and io.handler is not None:
            io.handler.cancel("no handshake in time")

    def _failed(self, command: commands.OpenConnection, reason: str) -> None:
        command.connection.error = reason
        self._handler.transports.pop(command.connection, None)
        self._handler.feed(events.OpenConnectionCompleted(command, reason))
