"""Which server connection a request goes out on: one of its own route, and never without a permit.

A connection serves one route: one agent, one set of credentials, one place, one generation of the
configuration. It is opened only once a request with a permit waits for it, or taken over from an earlier
connection of the agent's that has left it (`kept`). One that speaks HTTP/2 takes many requests at a time; of
those that speak HTTP/1 there are as many as are needed, up to a limit, and beyond it requests wait for one to
be done.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestProtocolError
from wharfinger.deciding.permits import Permit
from wharfinger.flow.http1_upstream import UpstreamSide
from wharfinger.flow.http2 import ALPN, Credit
from wharfinger.flow.http2_agent import Http2AgentSide
from wharfinger.flow.http2_upstream import Http2UpstreamSide
from wharfinger.flow.kept import Adopt, Part
from wharfinger.flow.passages import UNOPENED, Passages
from wharfinger.flow.records import UpstreamTls
from wharfinger.flow.sessions import Route, Sessions
from wharfinger.flow.switchboard import Switchboard
from wharfinger.rules.types import Place

PER_ROUTE = 32
"""Connections of one route that one agent connection may have open."""

type Side = UpstreamSide | Http2UpstreamSide


class UpstreamClient(base.HttpClient):
    """Opens the server connection and speaks on it what its upstream has chosen, read strictly."""

    def __init__(self, context: Context, opened: Callable[[Server, Side], None]) -> None:
        super().__init__(context)
        self._opened = opened

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        error: str | None = None
        server = self.context.server
        if not server.connected:
            error = yield commands.OpenConnection(server)
        if not error:
            side = Http2UpstreamSide(self.context) if server.alpn == ALPN else UpstreamSide(self.context)
            self._opened(server, side)
            self.child_layer = side
            self.handle_event = self._handle_event = side.handle_event  # type: ignore[method-assign]
            yield from self._handle_event(event)
        yield base.RegisterHttpConnection(server, error)


def route_of(permit: Permit) -> Route:
    """The route of what is sent on `permit`: a client certificate serves what it was meant for alone."""
    put_in = zip(permit.decision.placements, permit.secrets, strict=False)
    certificates = [(secret.name, number) for placed, (secret, number) in put_in if placed.place is Place.TLS]
    return Route(
        permit.request.host,
        permit.request.port,
        permit.request.scheme,
        permit.session.who.agent_id,
        tuple(sorted(secret.name for secret, _ in permit.secrets)),
        permit.generation,
        certificates[0] if certificates else None,
    )


class Routes:
    """The server connections of one HTTP layer."""

    def __init__(self, board: Switchboard, passages: Passages, sessions: Sessions) -> None:
        self._board = board
        self._passages = passages
        self._sessions = sessions
        self._sides: WeakKeyDictionary[Server, Side] = WeakKeyDictionary()
        self._shared: WeakKeyDictionary[Server, Http2UpstreamSide] = WeakKeyDictionary()
        """Those of them that take many requests at a time."""
        self._held_back = False
        """Whether one of the others is not read until the agent makes room."""
        self._queue: list[base.GetHttpConnection] = []

    # Which one.

    def connect(self, event: base.GetHttpConnection) -> layer.CommandGenerator[None]:
        """Give a stream with a permit a connection of its route; without a permit there is none."""
        board = self._board
        stream = board.command_sources[event]
        permit = self._passages.permit(stream) if isinstance(stream, base.HttpStream) else None
        if permit is None:
            yield from self._reply(event, (None, UNOPENED.reason))
            return
        route = route_of(permit)
        free = self._free(route)
        if free is not None:
            yield from self._reply(event, (free, None))
            return
        alive = tuple(one for one in board.connections if isinstance(one, Server) and self._is(one, route))
        coming = next((one for one in alive if one in board.waiting_for_establishment), None)
        if coming is not None and not any(isinstance(self._sides.get(one), UpstreamSide) for one in alive):
            board.waiting_for_establishment[coming].append(event)
        elif len(alive) >= PER_ROUTE:
            self._queue.append(event)
        else:
            yield from self._open(event, route)

    def _free(self, route: Route) -> Server | None:
        """A connection of `route` that one more request may be sent on."""
        for connection, side in self._sides.items():
            if side.has_room() and self._is(connection, route):
                return connection
        return None

    def _is(self, connection: Server, route: Route) -> bool:
        """Whether this is a connection of `route` that is open, or about to be."""
        if self._sessions.route(connection) != route or connection not in self._board.connections:
            return False
        opened = connection.state is ConnectionState.OPEN
        return opened or connection in self._board.waiting_for_establishment

    def _reply(
        self, event: base.GetHttpConnection, reply: tuple[None, str] | tuple[Server, None]
    ) -> layer.CommandGenerator[None]:
        stream = self._board.command_sources.pop(event)
        yield from self._board.event_to_child(stream, base.GetHttpConnectionCompleted(event, reply))

    def _open(self, event: base.GetHttpConnection, route: Route) -> layer.CommandGenerator[None]:
        board = self._board
        yield from self._forget(route)
        context = board.context.fork()
        spare = None if isinstance(board.agent_side, Http2AgentSide) else self._sessions.kept.take(route)
        context.server = Server(address=(route.host, route.port)) if spare is None else spare.as_new()
        stack = tunnel.LayerStack()
        if route.scheme == "https":
            context.server.sni = route.host.strip("[]")
            outer = UpstreamTls(context)
            if spare is not None and spare.tls is not None:
                outer.adopt(spare.tls)
            stack /= outer
        stack /= UpstreamClient(context, self._opened)
        self._sessions.open_route(context.server, route)
        if spare is not None:
            yield Adopt(context.server, spare)
        board.connections[context.server] = stack[0]
        board.waiting_for_establishment[context.server].append(event)
        yield from board.event_to_child(stack[0], events.Start())

    def _opened(self, connection: Server, side: Side) -> None:
        self._sides[connection] = side
        if isinstance(side, Http2UpstreamSide):
            self._shared[connection] = side

    def established(self, command: base.RegisterHttpConnection) -> layer.CommandGenerator[None]:
        """A connection is there, or cannot be: tell the streams that wait for it."""
        waiting = self._board.waiting_for_establishment.pop(command.connection)
        for event in waiting:
            if not isinstance(command.connection, Server) or command.err:
                yield from self._reply(event, (None, command.err or UNOPENED.reason))
            else:
                yield from self.connect(event)

    def release(self) -> layer.CommandGenerator[None]:
        """Let requests that wait for a connection have those that are free by now."""
        if self._queue:
            waiting, self._queue = self._queue, []
            for event in waiting:
                yield from self.connect(event)

    def _forget(self, route: Route) -> layer.CommandGenerator[None]:
        """Drop closed server connections, which mitmproxy keeps, and the last request on each, for ever.

        And close those that wait for requests under a configuration that is not in force any more.
        """
        for connection in tuple(self._board.connections):
            if not isinstance(connection, Server):
                continue
            if connection.state is ConnectionState.CLOSED and connection.timestamp_end is not None:
                del self._board.connections[connection]
                self._sides.pop(connection, None)  # which knows its connection, and so would keep it
                self._shared.pop(connection, None)
                continue
            known, side = self._sessions.route(connection), self._sides.get(connection)
            if known is not None and known.generation != route.generation and side and side.is_idle():
                yield commands.CloseConnection(connection)

    def part(self) -> layer.CommandGenerator[None]:
        """The agent has left: another connection of its may have those on which nothing is under way."""
        for connection, outer in tuple(self._board.connections.items()):
            if not isinstance(connection, Server) or not connection.connected:
                continue
            route, side = self._sessions.route(connection), self._sides.get(connection)
            if route is not None and isinstance(side, UpstreamSide) and side.is_idle():
                yield Part(connection, route, outer.tls if isinstance(outer, UpstreamTls) else None)

    # What passes on them.

    def abandon(self, stream: base.HttpStream) -> layer.CommandGenerator[None]:
        """Cut the upstream off from a stream: with its connection, unless others are on that, too."""
        connection = stream.flow.server_conn
        if isinstance(self._sides.get(connection), Http2UpstreamSide):
            gone = RequestProtocolError(stream.stream_id, "cut off", ErrorCode.CANCEL)
            yield from self._board.give(self._board.connections[connection], gone)
        else:
            yield commands.CloseConnection(connection)

    def backlog(self, stream: base.HttpStream) -> int:
        """Bytes of a request that wait for its upstream to make room."""
        side = self._sides.get(stream.flow.server_conn)
        return side.backlog(stream.stream_id) if isinstance(side, Http2UpstreamSide) else 0

    def pace(self, agent: Http2AgentSide) -> layer.CommandGenerator[None]:
        """Take up from upstreams only what the agent makes room for, each stream by itself."""
        full = agent.full()
        for connection, shared in tuple(self._shared.items()) if self._shared else ():
            for stream_id in shared.waiting():
                if stream_id not in full:
                    yield from self._board.give(self._board.connections[connection], Credit(stream_id))
        link = self._passages.link
        if link is not None and (full or self._held_back):
            self._held_back = bool(full)
            for connection, side in self._sides.items():
                if isinstance(side, UpstreamSide):
                    link.ear(connection).allow(side.stream_id not in full)
