"""One client connection: feeds the layers, runs hooks, and opens the sockets that the gate has opened.

mitmproxy's own handler starts a task and takes a lock twice for each hook. Here an event is processed to
its end at once, in arrival order; a hook that completes at once costs no task. What the layers write
within one event leaves in one write per connection.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, cast

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, server, server_hooks
from mitmproxy.proxy.layers import modes
from wharfinger.flow.dial import Dialer
from wharfinger.flow.sealed import SealedHttpLayer
from wharfinger.flow.stream import Stream

if TYPE_CHECKING:
    from mitmproxy import options as moptions
    from mitmproxy.proxy.mode_specs import ProxyMode
    from wharfinger.flow.dispatch import Table
    from wharfinger.flow.sessions import Sessions

logger = logging.getLogger(__name__)


class _Paced:
    """A reader that waits until what it reads can be taken up."""

    def __init__(self, reader: asyncio.StreamReader, may_read: asyncio.Event) -> None:
        self._reader, self._may_read = reader, may_read

    async def read(self, size: int) -> bytes:
        if not self._may_read.is_set():
            await self._may_read.wait()
        return await self._reader.read(size)


class ClientHandler(server.LiveConnectionHandler):
    """Handles one agent connection from accept to close."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        options: moptions.Options,
        mode: ProxyMode,
        *,
        table: Table,
        dialer: Dialer,
        sessions: Sessions,
    ) -> None:
        super().__init__(reader, writer, options, mode)
        self.layer = modes.HttpProxy(self.layer.context)
        self.sessions = sessions
        self._table = table
        self._dialer = dialer
        self._inside = False
        self._queue: collections.deque[events.Event] = collections.deque()
        self._feeding = False
        self._hooks: set[asyncio.Task[None]] = set()

    async def handle_client(self) -> None:
        """Serve the connection; whatever it left open is ended and recorded."""
        link = self.sessions.connected(self.client, self._abort)
        io = self.transports[self.client]
        io.reader = cast(asyncio.StreamReader, _Paced(cast(asyncio.StreamReader, io.reader), link.may_read))
        try:
            await super().handle_client()
        finally:
            for task in tuple(self._hooks):
                task.cancel()
            self.sessions.disconnected(self.client)

    async def handle_hook(self, hook: commands.StartHook) -> None:
        rest = self._table.run(hook)
        if rest is not None:
            with self.timeout_watchdog.disarm():
                await rest

    async def drain_writers(self) -> None:
        """Wait for peers that are slow to read; costs nothing while there is none."""
        for io in tuple(self.transports.values()):
            if (
                io.writer is not None
                and cast(asyncio.StreamWriter, io.writer).transport.get_write_buffer_size()
            ):
                await super().drain_writers()  # type: ignore[no-untyped-call]
                return

    async def server_event(self, event: events.Event) -> None:
        self.feed(event)

    def feed(self, event: events.Event) -> None:
        """Process `event` and everything that follows from it at once."""
        if isinstance(event, events.ConnectionClosed) and event.connection is self.client:
            self.sessions.leaving(self.client)
        self._queue.append(event)
        if self._feeding:
            return
        self._feeding = True
        out: dict[Connection, list[bytes]] = {}
        try:
            self.timeout_watchdog.register_activity()
            while self._queue:
                for command in self.layer.handle_event(self._queue.popleft()):
                    self._carry_out(command, out)
            if not self._inside:
                self._step_inside()
        except Exception:
            # A layer that failed is in an unknown state: nothing more may pass through it.
            logger.exception("a protocol layer failed; the connection is closed")
            self._queue.clear()
            out.clear()
            self._abort()
        finally:
            self._feeding = False
            for connection, parts in out.items():
                self._write(connection, parts)

    def _step_inside(self) -> None:
        """Feed what runs inside a CONNECT directly, once the layers around it would only pass bytes on.

        Each of those bytes was a message of the outer HTTP layer, with all that it costs.
        """
        outer = self.layer.context.layers[1:2]
        if outer and isinstance(outer[0], SealedHttpLayer) and (inner := outer[0].inner()) is not None:
            self.layer, self._inside = inner, True

    def _carry_out(self, command: commands.Command, out: dict[Connection, list[bytes]]) -> None:
        match command:
            case commands.SendData():
                if command.connection in self.transports:
                    out.setdefault(command.connection, []).append(command.data)
            case commands.StartHook():
                self._start_hook(command)
            case commands.OpenConnection():
                io = self.transports[command.connection] = server.ConnectionIO()
                io.handler = asyncio.get_running_loop().create_task(self.open_connection(command))
            case commands.CloseConnection():
                if command.connection in self.transports:
                    self._write(command.connection, out.pop(command.connection, []))
                    half = isinstance(command, commands.CloseTcpConnection) and command.half_close
                    self.close_connection(command.connection, half)
            case commands.RequestWakeup():
                timer = asyncio.get_running_loop().create_task(self.wakeup(command))
                self.wakeup_timer.add(timer)
            case commands.Log():
                self.log(command.message, command.level)
            case _:
                raise RuntimeError(f"unexpected command {type(command).__name__}")

    def _write(self, connection: Connection, parts: list[bytes]) -> None:
        io = self.transports.get(connection)
        if not parts or io is None or io.writer is None or io.writer.is_closing():
            return
        io.writer.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def _start_hook(self, hook: commands.StartHook) -> None:
        rest = self._table.run(hook)
        if rest is None:
            blocking: object = hook.blocking
            if isinstance(blocking, Stream):
                hook.blocking = False
            elif blocking:
                self._queue.append(events.HookCompleted(hook, None))
            return
        task = asyncio.get_running_loop().create_task(self._finish_hook(hook, rest))
        if not task.done():
            self._hooks.add(task)
            task.add_done_callback(self._hooks.discard)

    async def _finish_hook(self, hook: commands.StartHook, rest: Awaitable[None]) -> None:
        with self.timeout_watchdog.disarm():
            await rest
        if hook.blocking:
            self.feed(events.HookCompleted(hook, None))

    def _abort(self) -> None:
        for connection in tuple(self.transports):
            io = self.transports[connection]
            if io.handler is not None:
                io.handler.cancel("protocol layer failed")

    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Dial the route that the gate has opened for this connection; without one, nothing is dialled."""
        connection = command.connection
        route = self.sessions.route(connection)
        hook_data = server_hooks.ServerConnectionHookData(client=self.client, server=connection)
        if route is None:
            self._failed(command, "no route was opened for this connection")
            return
        try:
            connection.timestamp_start = time.time()
            reader, writer = await self._dialer.dial(route.host, route.port)
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
        self.transports[connection] = server.ConnectionIO(
            handler=asyncio.current_task(), reader=reader, writer=writer
        )
        await self.handle_hook(server_hooks.ServerConnectedHook(hook_data))
        self.feed(events.OpenConnectionCompleted(command, None))
        try:
            await self.handle_connection(connection)
        finally:
            connection.timestamp_end = time.time()
            await self.handle_hook(server_hooks.ServerDisconnectedHook(hook_data))

    def _failed(self, command: commands.OpenConnection, reason: str) -> None:
        command.connection.error = reason
        self.transports.pop(command.connection, None)
        self.feed(events.OpenConnectionCompleted(command, reason))
