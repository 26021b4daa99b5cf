"""One client connection: feeds the layers, runs hooks, and carries out what the layers say.

mitmproxy's own handler starts a task and takes a lock twice for each hook. Here an event is processed to
its end at once, in arrival order; a hook that completes at once costs no task. What the layers write
within one event leaves in one write per connection.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, layer, server, server_hooks
from mitmproxy.proxy.layers import modes
from wharfinger.flow import apart
from wharfinger.flow.dialling import Upstreams
from wharfinger.flow.kept import Adopt, Part
from wharfinger.flow.paced import Paced
from wharfinger.flow.sealed import SealedHttpLayer
from wharfinger.flow.sessions import Link, Stage
from wharfinger.flow.stream import Stream
from wharfinger.flow.websocket import Goodbye

if TYPE_CHECKING:
    from mitmproxy import options as moptions
    from mitmproxy.proxy.mode_specs import ProxyMode
    from wharfinger.flow.dial import Dialer
    from wharfinger.flow.dispatch import Table
    from wharfinger.flow.sessions import Sessions
    from wharfinger.flow.ways import Way
    from wharfinger.isolation.attaching import Hello

logger = logging.getLogger(__name__)

HEAD_TIMEOUT = 30.0
"""Seconds an agent may take to say who it is, to shake hands, and for the head of one request."""
LINGER = 1.0
"""Seconds without a byte from an agent that was told goodbye, after which its connection is cut…"""
LINGERS = 10
"""… and how many times over these may go by while it still sends."""
CHECK_EVERY = 5.0
"""Seconds between two looks at a connection's deadlines."""


ENOUGH = 3
"""Bytes by which a TLS record is told from anything else."""


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
        door: Hello | None = None,
        way: Way = None,
    ) -> None:
        super().__init__(reader, writer, options, mode)
        self.door, self.way = door, way
        self.identified: Callable[[], object] = lambda: None
        """Called once it has been said which agent speaks."""
        self.layer = modes.HttpProxy(self.layer.context)
        self.sessions = sessions
        self._table = table
        self._upstreams = Upstreams(self, dialer)
        self._inside = False
        self._queue: collections.deque[events.Event] = collections.deque()
        self._feeding = False
        self._hooks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._over = False
        self._outermost = self.layer
        self._late = 0
        self._shaking_since = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def handle_client(self) -> None:
        """Serve the connection; whatever it left open is ended and recorded."""
        link = self.sessions.connected(self.client, self.cut, self._withdraw, self.door, self.way)
        link.identified = self.identified
        io = self.transports[self.client]
        writer = cast(asyncio.StreamWriter, io.writer)
        reader = cast(asyncio.StreamReader, io.reader)
        io.reader = cast(asyncio.StreamReader, Paced(reader, link.may_read))
        self._later("deadlines", CHECK_EVERY, self._check_deadlines, link)
        try:
            await super().handle_client()
        finally:
            self._end_rest()
            for timer in self._timers.values():
                timer.cancel()
            self.sessions.disconnected(self.client)
            _flush_or_abort(writer.transport, writer.transport.get_write_buffer_size())
            asyncio.get_running_loop().call_later(LINGER, self._come_apart)

    async def handle_connection(self, connection: Connection) -> None:
        """Read one connection to its end."""
        try:
            await super().handle_connection(connection)
        except asyncio.CancelledError as cancelled:
            # The frame keeps the exception, whose traceback keeps the frame, until the collector comes by.
            raise cancelled.with_traceback(None) from None
        except KeyError as missing:
            if not self._upstreams.has_given(connection):
                raise
            traceback.clear_frames(missing.__traceback__)  # they keep the same
            self._upstreams.give(connection)

    def _later(self, name: str, seconds: float, call: Callable[..., None], *arguments: object) -> None:
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, call, *arguments)

    def _check_deadlines(self, link: Link) -> None:
        """Cut a connection off that keeps its place without saying who it is, or what it wants."""
        now = time.monotonic()
        shaking = self.client.tls and not self.client.tls_established
        self._shaking_since = (self._shaking_since or now) if shaking else 0.0
        since = link.since if link.session is None else link.unfinished or self._shaking_since
        if since and now - since > HEAD_TIMEOUT:
            self.cut()
        else:
            self._later("deadlines", CHECK_EVERY, self._check_deadlines, link)

    async def on_timeout(self) -> None:
        """Nothing has passed for a long time: an upstream that owes an answer is given up, else the agent."""
        link = self.sessions.link(self.client)
        owing = link is not None and any(one.stage is Stage.SENT for one in link.exchanges.values())
        if not (owing and self._upstreams.end()):
            await super().on_timeout()

    async def handle_hook(self, hook: commands.StartHook) -> None:
        if isinstance(hook, server_hooks.ClientDisconnectedHook):
            self._upstreams.keep()
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

    def _come_apart(self) -> None:
        """Free what served the connection, once its upstreams have ended, too."""
        if any(not task.done() for task in self._unfinished()):
            asyncio.get_running_loop().call_later(LINGER, self._come_apart)
            return
        self._over = True
        apart.take(self._outermost)
        apart.empty(self.timeout_watchdog)
        del self.identified
        self._upstreams.come_apart()
        for part in (self.transports, self._timers, self._queue):
            part.clear()

    def _unfinished(self) -> Iterator[asyncio.Task[Any]]:
        yield from self._hooks
        yield from self.wakeup_timer
        yield from (io.handler for io in self.transports.values() if io.handler is not None)

    async def server_event(self, event: events.Event) -> None:
        since = time.monotonic()
        self.feed(event)
        if (
            isinstance(event, events.DataReceived)
            and (io := self.transports.get(event.connection)) is not None
        ):
            cast(Paced, io.reader).took(len(event.data), time.monotonic() - since)

    def feed(self, event: events.Event) -> None:
        """Process `event` and everything that follows from it at once."""
        if self._over:
            return
        if isinstance(event, events.ConnectionEvent) and self._upstreams.has_given(event.connection):
            return
        if isinstance(event, events.ConnectionEvent) and event.connection is self.client:
            if self._closing:
                self._late += len(event.data) if isinstance(event, events.DataReceived) else 0
                return
            if isinstance(event, events.ConnectionClosed):
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
            self.cut()
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
                open_ = command.connection.state & ConnectionState.CAN_WRITE
                if open_ and command.connection in self.transports:
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
                    if half or command.connection is not self.client or not self._say_goodbye():
                        self.close_connection(command.connection, half)
            case Part():
                self._upstreams.leave(command)
            case Adopt():
                self._upstreams.adopt(command)
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
            self._cut_if_undecided(hook)
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
        self._cut_if_undecided(hook)
        if hook.blocking:
            self.feed(events.HookCompleted(hook, None))

    def _cut_if_undecided(self, hook: commands.StartHook) -> None:
        """Where nobody has said what is to read what comes, though it is enough to tell, nothing reads it."""
        if isinstance(hook, layer.NextLayerHook):
            pending = hook.data
            if pending.layer is None and len(pending.data_client()) >= ENOUGH:
                self.cut()

    def _say_goodbye(self) -> bool:
        """Close the agent's connection in a way that lets it read what it was told; False where it cannot be.

        Closing a socket on which bytes wait to be read resets it, and the reset takes away the answer that
        is on its way: an agent in the middle of an upload would see no refusal. So what it still sends is
        read and dropped for a while. Only for agents that are known, since it keeps their place occupied.
        """
        if self._closing:
            return True
        link, io = self.sessions.link(self.client), self.transports[self.client]
        if link is None or link.session is None or io.handler is None or io.writer is None:
            return False
        try:
            io.writer.write_eof()
        except (OSError, RuntimeError):
            return False
        self._closing = True
        self.client.state = ConnectionState.CLOSED
        self.sessions.leaving(self.client)
        self._queue.append(events.ConnectionClosed(self.client))
        link.may_read.set()
        asyncio.get_running_loop().call_soon(self._end_rest)
        self._later("linger", LINGER, self._linger, 0, LINGERS)
        return True

    def _linger(self, before: int, more: int) -> None:
        if self._late != before and more > 0:
            self._later("linger", LINGER, self._linger, self._late, more - 1)
        elif (io := self.transports.get(self.client)) is not None and io.handler is not None:
            io.handler.cancel("told goodbye")

    def _end_rest(self) -> None:
        """End all but the agent's own connection."""
        for task in tuple(self._hooks):
            task.cancel()
        self._upstreams.keep()
        self._upstreams.end()

    def _withdraw(self, flow_id: str, reason: str) -> bool:
        """Say goodbye to a flow that is not allowed any more; whether that ends the connection."""
        self.feed(Goodbye(flow_id, reason))
        return self._closing

    def cut(self) -> None:
        """End the connection and everything behind it, now."""
        for connection in tuple(self.transports):
            io = self.transports[connection]
            if io.handler is not None:
                io.handler.cancel("cut off")

    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Dial what the gate has opened, and nothing else; mitmproxy's own would dial anything."""
        await self._upstreams.open(command)


def _flush_or_abort(transport: asyncio.WriteTransport, before: int) -> None:
    """Give up on what a peer does not read any more: a closed transport would keep it, and its socket."""
    if before == 0:
        return
    left = transport.get_write_buffer_size()

    def look() -> None:
        if transport.get_write_buffer_size() >= left:
            transport.abort()
        else:
            _flush_or_abort(transport, left)

    asyncio.get_running_loop().call_later(LINGER * LINGERS, look)
