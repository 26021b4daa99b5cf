"""Which server connection a request goes out on: one of its own route, and never without a permit.

A connection serves one route: one agent, one set of credentials, one place, one generation of the
configuration. It is opened only once a request with a permit waits for it.
"""

from __future__ import annotations

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.layers import http as base
from wharfinger.deciding.gate import Permit
from wharfinger.flow.http1_upstream import UpstreamSide
from wharfinger.flow.passages import UNOPENED, Passages
from wharfinger.flow.records import UpstreamTls
from wharfinger.flow.sessions import Route, Sessions
from wharfinger.flow.switchboard import Switchboard


class UpstreamClient(base.HttpClient):
    """Opens the server connection and speaks HTTP/1 on it, read strictly."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        error: str | None = None
        if not self.context.server.connected:
            error = yield commands.OpenConnection(self.context.server)
        if not error:
            self.child_layer = UpstreamSide(self.context)
            self.handle_event = self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            yield from self._handle_event(event)
        yield base.RegisterHttpConnection(self.context.server, error)


def route_of(permit: Permit) -> Route:
    """The route of what is sent on `permit`."""
    return Route(
        permit.request.host,
        permit.request.port,
        permit.request.scheme,
        permit.session.who.agent_id,
        tuple(sorted(secret.name for secret, _ in permit.secrets)),
        permit.generation,
    )


class Routes:
    """The server connections of one HTTP layer."""

    def __init__(self, board: Switchboard, passages: Passages, sessions: Sessions) -> None:
        self._board = board
        self._passages = passages
        self._sessions = sessions

    def connect(self, event: base.GetHttpConnection) -> layer.CommandGenerator[None]:
        """Give a stream with a permit the connection of its route; without a permit there is none."""
        board = self._board
        stream = board.command_sources[event]
        permit = self._passages.permit(stream) if isinstance(stream, base.HttpStream) else None
        if permit is None:
            yield from self._reply(event, (None, UNOPENED.reason))
            return
        route = route_of(permit)
        for connection in board.connections:
            if not isinstance(connection, Server) or self._sessions.route(connection) != route:
                continue
            if connection in board.waiting_for_establishment:
                board.waiting_for_establishment[connection].append(event)
                return
            if connection.state is ConnectionState.OPEN:
                yield from self._reply(event, (connection, None))
                return
        yield from self._open(event, route)

    def _reply(
        self, event: base.GetHttpConnection, reply: tuple[None, str] | tuple[Server, None]
    ) -> layer.CommandGenerator[None]:
        stream = self._board.command_sources.pop(event)
        yield from self._board.event_to_child(stream, base.GetHttpConnectionCompleted(event, reply))

    def _open(self, event: base.GetHttpConnection, route: Route) -> layer.CommandGenerator[None]:
        board = self._board
        self._forget_closed()
        context = board.context.fork()
        context.server = Server(address=(route.host, route.port))
        stack = tunnel.LayerStack()
        if route.scheme == "https":
            context.server.sni = route.host.strip("[]")
            stack /= UpstreamTls(context)
        stack /= UpstreamClient(context)
        self._sessions.open_route(context.server, route)
        board.connections[context.server] = stack[0]
        board.waiting_for_establishment[context.server].append(event)
        yield from board.event_to_child(stack[0], events.Start())

    def _forget_closed(self) -> None:
        """Drop closed server connections: mitmproxy keeps them, and the last request on each, for ever."""
        for connection in tuple(self._board.connections):
            if (
                isinstance(connection, Server)
                and connection.state is ConnectionState.CLOSED
                and connection.timestamp_end is not None
            ):
                del self._board.connections[connection]
