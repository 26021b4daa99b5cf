"""The sealed HTTP layer: below the flow, above the socket, and closed until the gate has opened it.

Outward, a request goes to a server connection only by redeeming its permit, in the step that emits its
first byte; what is sent is the sealed copy, not the flow. Inward, a response enters the flow only stripped
and redacted. No hook is trusted here: a flow that no hook has opened meets `_unopened`, whatever became
of the hooks.

Overrides internals of mitmproxy 12.3.1 (`HttpLayer.event_to_child`, `make_stream`, `get_connection`), which
is why that version is pinned.
"""

from __future__ import annotations

import copy
import time
from asyncio import Event
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mitmproxy import http
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http._base import HttpCommand, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook
from wharfinger.audit.events import Outcome, Sent
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.gate import Ending, Permit, Withdrawn
from wharfinger.flow import adapter, upstream
from wharfinger.flow.http1 import AgentSide, UpstreamSide
from wharfinger.flow.parts import Parts
from wharfinger.flow.records import UpstreamTls
from wharfinger.flow.response import Incoming, Withheld
from wharfinger.flow.sessions import Exchange, Route, Stage
from wharfinger.flow.stream import RequestOpened, Stream
from wharfinger.flow.websocket import Goodbye, Relay
from wharfinger.flow.websocket_handshake import NotSwitched, granting
from wharfinger.rules.recognition import redirecting
from wharfinger.rules.requests.placeholders import StreamScan
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Code

_NO_ROOM = Answer(
    Code.LIMIT,
    "the requests under way hold as much as this proxy keeps in memory",
    "Send fewer large requests at the same time.",
)
UNOPENED = Answer(Code.DENIED, "the request was not opened by the gate, so nothing was sent")


def _answer(refused: Refused) -> Answer:
    refusal = refused.refusal
    return Answer(refusal.code, refusal.reason, refusal.help)


@dataclass(slots=True, eq=False)
class Passage:
    """What the layer keeps of one stream."""

    exchange: Exchange
    permit: Permit | None = None
    incoming: Incoming | None = None
    answer: Answer | None = None
    """The refusal the agent is to see in place of a protocol error."""
    scan: StreamScan | None = None
    body: bytes | None = None
    """The sealed copy's, where it is not streamed."""
    asked: http.Request | None = None
    """The sealed copy, where it asks for a WebSocket."""
    relay: Relay | None = None
    """What the stream has become, once the upstream has switched."""
    blocked: bool = False
    """Nothing of this stream may go upstream any more."""
    answered: bool = False
    """The upstream has answered whole while the agent was still sending: the rest goes nowhere."""
    held: bytearray = field(default_factory=bytearray)
    """What has come of an opening that is not whole yet."""
    received: int = 0
    address: str = ""
    """Where it was sent."""
    sent_at: float = 0.0
    over_at: float = 0.0
    """When its time is over, on the monotonic clock; 0 where it has as much as it takes."""
    first_byte: float = 0.0


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


class SealedHttpLayer(base.HttpLayer):
    """See the module's head. One per tunnel, and one for the proxy connection around it."""

    def __init__(self, context: Context, mode: HTTPMode, parts: Parts) -> None:
        super().__init__(context, mode)
        self._parts = parts
        self._passages: dict[int, Passage] = {}
        self._wakes: dict[commands.Command, float] = {}
        """Wake-ups that were asked for, each with its time on the monotonic clock."""
        self._agent_side = AgentSide(
            context.fork(),
            tunnel=mode is HTTPMode.transparent,
            head_limit=parts.limits.head,
            report=self._report,
        )
        self.connections[context.client] = self._agent_side

    def inner(self) -> layer.Layer | None:
        """What runs inside the CONNECT answered here, once this layer only passes on bytes; else None."""
        if self._agent_side.state != self._agent_side.passthrough or self.command_sources:
            return None
        inside = [stream.child_layer for stream in self.streams.values()]
        if len(inside) != 1:
            return None
        return inside[0].layer if isinstance(inside[0], layer.NextLayer) else inside[0]

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Process `event`. Nothing here waits for a reply itself, so nothing pauses."""
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, Goodbye):
            yield from self._withdraw(event)
        elif isinstance(event, events.Wakeup) and event.command in self._wakes:
            yield from self._time_out_all(self._wakes.pop(event.command))
        else:
            side = self.connections.get(event.connection) if isinstance(event, events.DataReceived) else None
            yield from super()._handle_event(event) if side is None else self._pass(side, event)
        self._pace()

    def _pace(self) -> None:
        """Leave in the socket what the agent sends faster than it can be taken up; note what it does not end.

        That is a body while its head is being decided or its upstream dialled, requests sent ahead, and what
        is said on a WebSocket while something said before is being decided. The same for the upstream.
        """
        link = self._parts.sessions.link(self.context.client)
        if link is None:
            return
        relays = [passage.relay for passage in self._passages.values() if passage.relay is not None]
        paused = any(stream._paused_event_queue for stream in self.streams.values())
        _allow(link.may_read, not (self._agent_side.is_full() or paused or any(r.waits for r in relays)))
        _allow(link.may_hear, not any(relay.rests for relay in relays))
        if not self._agent_side.has_part():
            link.unfinished = 0.0
        elif not link.unfinished:
            link.unfinished = time.monotonic()

    # Towards the children: where every HTTP event passes.

    def event_to_child(self, child: layer.Layer, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(child, Relay):
            return self._relay(child, event)
        if not isinstance(event, HttpEvent):
            return self._resume(child, event) if isinstance(child, Stream) else self._pass(child, event)
        if isinstance(child, Stream):
            return self._to_flow(child, event)
        if child is self._agent_side:
            return self._to_agent(event)
        return self._to_server(child, event)

    def _resume(self, stream: Stream, event: events.Event) -> layer.CommandGenerator[None]:
        """Let a stream go on with what it waited for."""
        yield from self._pass(stream, event)
        yield from self._refuse_early(stream)

    def _pass(self, child: layer.Layer, event: events.Event) -> layer.CommandGenerator[None]:
        """Give `event` to `child`, and see to what comes of it.

        Does what `HttpLayer.event_to_child` does, in fewer steps, and knows hooks that are done at once.
        """
        for command in child.handle_event(event):
            match command:
                case commands.SendData():
                    yield command
                case ReceiveHttp():
                    if isinstance(command.event, RequestHeaders):
                        yield from self.make_stream(command.event.stream_id)
                    stream = self.streams.get(command.event.stream_id)
                    if stream is not None:
                        yield from self._to_flow(stream, command.event)
                case base.SendHttp():
                    receiver = self.connections[command.connection]
                    if receiver is self._agent_side:
                        yield from self._to_agent(command.event)
                    else:
                        yield from self._to_server(receiver, command.event)
                case base.DropStream():
                    self.streams.pop(command.stream_id, None)
                case base.GetHttpConnection():
                    self.command_sources[command] = child
                    yield from self.get_connection(command)
                case base.RegisterHttpConnection():
                    yield from self.register_connection(command)
                case _:
                    yield from self._upwards(child, command)

    def _upwards(self, child: layer.Layer, command: commands.Command) -> layer.CommandGenerator[None]:
        """Pass on a command of `child` that is for the layers above, and note who waits for its end."""
        if isinstance(command, commands.OpenConnection):
            self.connections[command.connection] = child
        if command.blocking or isinstance(command, commands.RequestWakeup):
            self.command_sources[command] = child
        yield command
        if command in self.command_sources and not (
            command.blocking or isinstance(command, commands.RequestWakeup)
        ):
            del self.command_sources[command]

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        context = copy.copy(self.context)  # `fork` makes a server connection that is thrown away
        context.layers = self.context.layers.copy()
        stream = self.streams[stream_id] = Stream(context, stream_id)
        yield from self._pass(stream, events.Start())

    def _to_flow(self, stream: base.HttpStream, event: HttpEvent) -> layer.CommandGenerator[None]:
        passage = self._passages.get(stream.stream_id)
        if passage is not None and passage.relay is not None:
            yield from self._into_relay(stream, passage.relay, event)
            return
        match event:
            case RequestHeaders():
                yield from self._pass(stream, event)
                if stream.flow.request.method != "CONNECT":
                    self._passage(event.stream_id)
                    yield from self._refuse_early(stream)
            case RequestData() if stream.flow.request.method != "CONNECT":
                yield from self._request_body(stream, event)
            case RequestEndOfMessage() if self._is_answered(event.stream_id):
                return
            case RequestEndOfMessage():
                yield from self._end_opening(stream)
                yield from self._pass(stream, event)
            case ResponseHeaders() | ResponseData() | ResponseEndOfMessage() | ResponseTrailers():
                yield from self._inward(stream, event)
            case _:
                yield from self._pass(stream, event)

    # Outward.

    def _passage(self, stream_id: int) -> Passage | None:
        passage = self._passages.get(stream_id)
        if passage is None:
            stream = self.streams.get(stream_id)
            flow = getattr(stream, "flow", None)
            if flow is None:
                return None
            exchange = self._parts.sessions.exchange(self.context.client, flow.id)
            if exchange is None:
                return None
            passage = self._passages[stream_id] = Passage(exchange)
        return passage

    def _is_answered(self, stream_id: int) -> bool:
        passage = self._passages.get(stream_id)
        return passage is not None and passage.answered

    def _refuse_early(self, stream: base.HttpStream) -> layer.CommandGenerator[None]:
        """Refuse at once what was refused on its head, be there a body to come or not."""
        early = self._parts.sessions.early(self.context.client, stream.flow.id)
        if early is not None and stream.client_state == stream.state_consume_request_body:
            yield from self._refuse_unread(stream, early)

    def _refuse_unread(self, stream: base.HttpStream, answer: Answer) -> layer.CommandGenerator[None]:
        passage = self._passage(stream.stream_id)
        if passage is not None:
            passage.answer = answer
        error = RequestProtocolError(stream.stream_id, answer.reason, ErrorCode.REQUEST_TOO_LARGE)
        yield from self._agent_side.refuse(replace(answer, close=True))
        yield from self._pass(stream, error)

    def _request_body(self, stream: base.HttpStream, event: RequestData) -> layer.CommandGenerator[None]:
        """Pass body bytes into the flow, within the limit for those that are kept there."""
        passage = self._passage(stream.stream_id)
        if passage is not None and passage.answered:
            return
        if passage is not None and passage.exchange.opening is not None:
            yield from self._request_opening(stream, event, passage)
            return
        if passage is not None and stream.client_state == stream.state_consume_request_body:
            passage.received += len(event.data)
            if passage.received > self._parts.limits.body:
                answer = Answer(Code.TOO_LARGE, "the request body is larger than this proxy accepts")
                yield from self._refuse_unread(stream, self._report(answer))
                return
            if not self._hold(passage, len(event.data)):
                yield from self._refuse_unread(stream, self._report(_NO_ROOM))
                return
        yield from self._pass(stream, event)

    def _hold(self, passage: Passage, size: int) -> bool:
        return self._parts.sessions.hold(
            self._parts.sessions.link(self.context.client), passage.exchange, size
        )

    def _request_opening(
        self, stream: base.HttpStream, event: RequestData, passage: Passage
    ) -> layer.CommandGenerator[None]:
        """Keep what a streamed body begins with until it is whole; then it is decided on, and all goes on."""
        exchange = passage.exchange
        if not self._hold(passage, len(event.data)):
            yield from self._refuse_unread(stream, self._report(_NO_ROOM))
            return
        passage.held += event.data
        try:
            end = exchange.opening.feed(event.data) if exchange.opening is not None else None
        except Refused as refused:
            yield from self._refuse_unread(stream, self._report(_answer(refused)))
            return
        if end is None:
            return
        exchange.opened, exchange.opening = bytes(passage.held[:end]), None
        held = bytes(passage.held)
        passage.held.clear()
        yield from self._pass(stream, RequestOpened(event.stream_id, held))
        yield from self._refuse_early(stream)

    def _end_opening(self, stream: base.HttpStream) -> layer.CommandGenerator[None]:
        """A body that ends within its opening is decided on like any other."""
        passage = self._passages.get(stream.stream_id)
        if passage is not None and passage.exchange.opening is not None:
            passage.exchange.opening = None
            held = bytes(passage.held)
            passage.held.clear()
            yield from self._pass(stream, RequestData(stream.stream_id, held))

    def get_connection(
        self, event: base.GetHttpConnection, *, reuse: bool = True
    ) -> layer.CommandGenerator[None]:
        """Give a stream with a permit the connection of its route; without a permit there is none."""
        stream = self.command_sources[event]
        permit = self._permit_of(stream)
        if permit is None:
            self.command_sources.pop(event)
            reply = base.GetHttpConnectionCompleted(event, (None, UNOPENED.reason))
            yield from self.event_to_child(stream, reply)
            return
        route = Route(
            permit.request.host,
            permit.request.port,
            permit.request.scheme,
            permit.session.who.agent_id,
            tuple(sorted(secret.name for secret, _ in permit.secrets)),
            permit.generation,
        )
        for connection in self.connections:
            if not isinstance(connection, Server) or self._parts.sessions.route(connection) != route:
                continue
            if connection in self.waiting_for_establishment:
                self.waiting_for_establishment[connection].append(event)
                return
            if connection.state is ConnectionState.OPEN:
                self.command_sources.pop(event)
                yield from self.event_to_child(
                    stream, base.GetHttpConnectionCompleted(event, (connection, None))
                )
                return
        yield from self._new_connection(event, route)

    def _permit_of(self, stream: layer.Layer) -> Permit | None:
        if not isinstance(stream, base.HttpStream):
            return None
        passage = self._passage(stream.stream_id)
        if passage is None or passage.exchange.stage is not Stage.OPEN:
            return None
        return passage.exchange.permit

    def _new_connection(self, event: base.GetHttpConnection, route: Route) -> layer.CommandGenerator[None]:
        self._forget_closed()
        context = self.context.fork()
        context.server = Server(address=(route.host, route.port))
        stack = tunnel.LayerStack()
        if route.scheme == "https":
            context.server.sni = route.host.strip("[]")
            stack /= UpstreamTls(context)
        stack /= UpstreamClient(context)
        self._parts.sessions.open_route(context.server, route)
        self.connections[context.server] = stack[0]
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _forget_closed(self) -> None:
        """Drop closed server connections: mitmproxy keeps them, and the last request on each, for ever."""
        for connection in tuple(self.connections):
            if (
                isinstance(connection, Server)
                and connection.state is ConnectionState.CLOSED
                and connection.timestamp_end is not None
            ):
                del self.connections[connection]

    def _to_server(self, child: layer.Layer, event: HttpEvent) -> layer.CommandGenerator[None]:
        passage = self._passage(event.stream_id)
        if passage is None:
            return
        match event:
            case RequestHeaders():
                yield from self._send_head(child, event, passage)
            case RequestData() if passage.relay is not None:
                yield from self._pass(child, event)
            case RequestData() if not passage.blocked and passage.permit is not None:
                yield from self._send_data(child, event, passage)
            case RequestEndOfMessage():
                yield from self._send_end(child, event, passage)
            case RequestProtocolError() if passage.permit is not None:
                self._end(passage, Outcome.CLIENT_GONE, "the agent left")
                yield from self._pass(child, event)
            case _:
                return

    def _send_head(
        self, child: layer.Layer, event: RequestHeaders, passage: Passage
    ) -> layer.CommandGenerator[None]:
        """Redeem the permit and emit the first byte, in one step."""
        stream = self.streams[event.stream_id]
        permit = passage.exchange.permit
        try:
            if permit is None or passage.exchange.stage is not Stage.OPEN:
                raise Withdrawn(UNOPENED.reason)
            body = None if permit.request.body is None else stream.flow.request.data.content or b""
            opening = None if body is not None else passage.exchange.opened
            agent = permit.session.who.agent
            self._parts.gate.redeem(permit, adapter.read(stream.flow.request, agent, body, opening))
            sealed = upstream.sealed(permit, stream.flow.request)
        except Withdrawn as withdrawn:
            self._block(passage, Answer(Code.DENIED, str(withdrawn), "Send the request again."))
            if not event.end_stream and stream.flow.request.stream:
                yield from self._refuse_stream(event.stream_id, passage)
            return
        passage.exchange.move(Stage.SENT)
        passage.permit, passage.body = permit, sealed.body
        passage.sent_at = time.monotonic()
        if peer := stream.flow.server_conn.peername:
            passage.address = f"{peer[0]}:{peer[1]}"
        if permit.request.body is None:
            passage.scan = StreamScan(self._parts.live.placeholders)
        if permit.decision.response.switch:
            passage.asked = sealed.head
        yield from self._pass(child, replace(event, request=sealed.head))
        if (timeout := permit.decision.timeout) is not None:
            passage.over_at = passage.sent_at + timeout.total_seconds()
            yield from self._wake()

    def _block(self, passage: Passage, answer: Answer) -> None:
        decision = passage.exchange.permit.decision_id if passage.exchange.permit else ""
        passage.blocked = True
        passage.answer = replace(answer, decision=decision) if decision else self._report(answer)

    def _send_data(
        self, child: layer.Layer, event: RequestData, passage: Passage
    ) -> layer.CommandGenerator[None]:
        if passage.scan is None:
            data = passage.body
        else:
            data, found = passage.scan.feed(event.data)
            if found is not None:
                yield from self._reset(child, event.stream_id, passage)
                return
        passage.received += len(data or b"") if passage.scan is not None else 0
        if data:
            yield from self._pass(child, RequestData(event.stream_id, data))

    def _reset(self, child: layer.Layer, stream_id: int, passage: Passage) -> layer.CommandGenerator[None]:
        """A placeholder in a streamed body: cut both sides off."""
        self._block(
            passage,
            Answer(
                Code.MISUSE,
                "a credential's placeholder stands in the request body",
                "Send placeholders only where the API expects the key.",
                close=True,
            ),
        )
        self._end(passage, Outcome.WITHHELD, "a placeholder stood in the streamed body")
        yield from self._pass(child, RequestProtocolError(stream_id, "reset", ErrorCode.CANCEL))
        yield from self._refuse_stream(stream_id, passage)

    def _send_end(
        self, child: layer.Layer, event: RequestEndOfMessage, passage: Passage
    ) -> layer.CommandGenerator[None]:
        if passage.answered:
            return  # upstream must not take the part it has for the whole
        if passage.blocked or passage.permit is None:
            yield from self._refuse_stream(event.stream_id, passage)
            return
        if passage.scan is not None:
            rest, found = passage.scan.finish()
            if found is not None:
                yield from self._reset(child, event.stream_id, passage)
                return
            if rest:
                yield from self._pass(child, RequestData(event.stream_id, rest))
        yield from self._pass(child, event)

    def _refuse_stream(self, stream_id: int, passage: Passage) -> layer.CommandGenerator[None]:
        """End the stream with the passage's refusal."""
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        reason = (passage.answer or UNOPENED).reason
        error = ResponseProtocolError(stream_id, reason, ErrorCode.GENERIC_SERVER_ERROR)
        yield from self._pass(stream, error)

    # Inward.

    def _inward(self, stream: base.HttpStream, event: HttpEvent) -> layer.CommandGenerator[None]:
        passage = self._passage(stream.stream_id)
        if passage is None or passage.permit is None or passage.blocked:
            return
        try:
            match event:
                case ResponseHeaders() if event.response.status_code == 101 and passage.asked is not None:
                    yield from self._switch(stream, event, passage, passage.asked)
                case ResponseHeaders():
                    head = self._incoming(passage, stream).begin(event.response, end_stream=event.end_stream)
                    self._may_follow(passage, head)
                    yield from self._pass(stream, replace(event, response=head))
                case ResponseData() if passage.incoming is not None:
                    clean = passage.incoming.data(event.data)
                    if clean:
                        yield from self._body_inward(stream, ResponseData(event.stream_id, clean))
                case ResponseEndOfMessage() if passage.incoming is not None:
                    rest = passage.incoming.finish()
                    if rest:
                        yield from self._pass(stream, ResponseData(event.stream_id, rest))
                    if stream.client_state == stream.state_stream_request_body:
                        passage.answered = True
                        yield from self._pass(stream, RequestEndOfMessage(event.stream_id))
                        yield commands.CloseConnection(stream.flow.server_conn)
                    yield from self._pass(stream, event)
                case _:
                    return
        except Withheld as withheld:
            yield from self._withhold(stream, passage, str(withheld))

    def _body_inward(self, stream: base.HttpStream, event: ResponseData) -> layer.CommandGenerator[None]:
        """Give the agent a piece of the body; a stream that would only pass it on is spared that."""
        response = stream.flow.response
        passed_on = stream._paused is None and response is not None and response.stream is True
        if passed_on and stream.server_state == stream.state_stream_response_body:
            yield from self._to_agent(event)
        else:
            yield from self._pass(stream, event)

    def _incoming(self, passage: Passage, stream: base.HttpStream) -> Incoming:
        permit = passage.permit
        if permit is None:  # pragma: no cover - _inward has looked
            raise Withheld(UNOPENED.reason)
        passage.first_byte = time.monotonic()
        passage.incoming = Incoming(
            permit.decision.response,
            self._parts.live.secrets_for(permit.session.who.agent),
            decision_id=permit.decision_id,
            method=permit.request.method,
            http_version=stream.flow.request.http_version,
            parse_limit=self._parts.limits.parse,
        )
        return passage.incoming

    def _may_follow(self, passage: Passage, head: http.Response) -> None:
        """Let the agent follow a redirect that its tool lists, as the agent gets to see it."""
        permit = passage.permit
        if permit is None or head.status_code not in redirecting.STATUSES:
            return
        locations = head.headers.get_all("location")
        if permit.decision.response.redirects and len(locations) == 1:
            self._parts.live.let_follow(permit.session, locations[0], permit.decision)

    def _withhold(
        self, stream: base.HttpStream, passage: Passage, reason: str
    ) -> layer.CommandGenerator[None]:
        decision = passage.permit.decision_id if passage.permit else ""
        passage.blocked = True
        passage.answer = Answer(Code.UPSTREAM, reason, decision=decision, close=True)
        self._end(passage, Outcome.WITHHELD, reason)
        yield commands.CloseConnection(stream.flow.server_conn)
        yield from self._refuse_stream(stream.stream_id, passage)

    def _wake(self) -> layer.CommandGenerator[None]:
        """Ask to be woken when the first time is over, if that has not been asked for.

        One timer for all streams: one for each would be kept long after most of them have ended.
        """
        times = [passage.over_at for passage in self._passages.values() if passage.over_at]
        if times and not any(at <= min(times) for at in self._wakes.values()):
            wake = commands.RequestWakeup(max(min(times) - time.monotonic(), 0.0))
            self._wakes[wake] = min(times)
            yield wake

    def _time_out_all(self, now: float) -> layer.CommandGenerator[None]:
        """End what had until `now`, and wait for what has longer."""
        for stream_id, passage in tuple(self._passages.items()):
            if 0 < passage.over_at <= now:
                passage.over_at = 0.0
                yield from self._time_out(stream_id)
        yield from self._wake()

    def _time_out(self, stream_id: int) -> layer.CommandGenerator[None]:
        """The time that a tool or rule gives is over: cut both sides off, and say so where it can be said."""
        passage, stream = self._passages.get(stream_id), self.streams.get(stream_id)
        permit = passage.permit if passage is not None else None
        if passage is None or stream is None or permit is None or passage.exchange.stage is not Stage.SENT:
            return
        seconds = permit.decision.timeout.total_seconds() if permit.decision.timeout is not None else 0
        reason = f"the exchange took longer than the {seconds:g} s it is given, and was cut off"
        if passage.relay is not None:
            self._end(passage, Outcome.TIMED_OUT, reason)
            yield from self._relay(passage.relay, Goodbye(passage.exchange.flow_id, reason))
            return
        passage.blocked = True
        help_ = "It may have been carried out; look before sending it again."
        passage.answer = Answer(Code.UPSTREAM, reason, help_, permit.decision_id, status=504, close=True)
        self._end(passage, Outcome.TIMED_OUT, reason)
        yield commands.CloseConnection(stream.flow.server_conn)
        yield from self._refuse_stream(stream_id, passage)

    # WebSockets.

    def _switch(
        self, stream: base.HttpStream, event: ResponseHeaders, passage: Passage, asked: http.Request
    ) -> layer.CommandGenerator[None]:
        """The upstream speaks WebSocket from here on: let the agent do so, with a relay in between."""
        permit, agent = passage.exchange.permit, self._agent_side
        try:
            granted = granting(stream.flow.request, asked, event.response)
        except NotSwitched as error:
            raise Withheld(f"the upstream's WebSocket handshake cannot be used: {error}") from None
        head = self._incoming(passage, stream).switch(event.response, granted)
        yield from self._pass(stream, replace(event, response=head))
        if permit is None or agent.state != agent.switched:
            raise Withheld("the agent's connection could not be switched to WebSocket")
        live, who = self._parts.live, permit.session.who.agent
        passage.relay = Relay(
            self.context,
            stream.flow,
            stream.stream_id,
            permit,
            gate=self._parts.gate,
            limits=self._parts.limits,
            secrets=lambda: live.secrets_for(who),
        )
        yield from self._pass(agent, events.DataReceived(self.context.client, b""))  # what it sent ahead

    def _into_relay(
        self, stream: base.HttpStream, relay: Relay, event: HttpEvent
    ) -> layer.CommandGenerator[None]:
        """What comes on either side, as the relay takes it: bytes, or that there will be no more."""
        client, server = self.context.client, stream.flow.server_conn
        match event:
            case RequestData():
                yield from self._relay(relay, events.DataReceived(client, event.data))
            case ResponseData():
                yield from self._relay(relay, events.DataReceived(server, event.data))
            case RequestEndOfMessage() | RequestProtocolError():
                yield from self._relay(relay, events.ConnectionClosed(client))
            case ResponseEndOfMessage() | ResponseProtocolError():
                yield from self._relay(relay, events.ConnectionClosed(server))

    def _relay(self, relay: Relay, event: events.Event) -> layer.CommandGenerator[None]:
        """Give `event` to the relay; once it has ended, so does all that belongs to it."""
        before = relay.ended
        yield from self._pass(relay, event)
        passage = self._passages.get(relay.stream_id)
        if before is not None or relay.ended is None or passage is None:
            return
        self._end(passage, *relay.ended)
        yield commands.CloseConnection(relay.flow.server_conn)
        yield commands.CloseConnection(self.context.client)
        relay.flow.live = False
        hook = HttpResponseHook(relay.flow)
        hook.blocking = False
        yield hook

    def _withdraw(self, goodbye: Goodbye) -> layer.CommandGenerator[None]:
        """Something under way is not allowed any more: say so where that can be, record how far it got."""
        for passage in self._passages.values():
            if passage.exchange.flow_id == goodbye.flow_id:
                if passage.relay is not None:
                    yield from self._relay(passage.relay, goodbye)
                self._end(passage, Outcome.WITHHELD, f"cut off: {goodbye.reason}")
                return

    # To the agent.

    def _to_agent(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        passage = self._passages.get(event.stream_id)
        match event:
            case ResponseProtocolError():
                yield from self._tell(event, passage)
            case ResponseEndOfMessage():
                if passage is not None:
                    self._end(passage, Outcome.COMPLETED)
                self._passages.pop(event.stream_id, None)
                yield from self._pass(self._agent_side, event)
                if passage is not None and passage.answered:
                    yield from self._agent_side.hang_up()
            case ResponseHeaders() if event.response.status_code < 200 and self._is_refused(event.stream_id):
                return  # no `100 Continue` for what is refused on its head
            case _:
                yield from self._pass(self._agent_side, event)

    def _is_refused(self, stream_id: int) -> bool:
        stream = self.streams[stream_id]
        return self._parts.sessions.early(self.context.client, stream.flow.id) is not None

    def _tell(self, event: ResponseProtocolError, passage: Passage | None) -> layer.CommandGenerator[None]:
        """Answer a protocol error in our own words, and record how the request ended."""
        if event.code is ErrorCode.PASSTHROUGH_CLOSE:
            yield from self._pass(self._agent_side, event)
            return
        answer = passage.answer if passage is not None else None
        if answer is None and (passage is None or passage.exchange.permit is None):
            answer = self._report(UNOPENED)
        elif answer is None and passage is not None and passage.exchange.permit is not None:
            reason = f"the upstream cannot be used: {event.message}"
            answer = Answer(Code.UPSTREAM, reason, decision=passage.exchange.permit.decision_id)
        if passage is not None and answer is not None:
            self._end(passage, Outcome.UPSTREAM_FAILED, answer.reason)
        self._passages.pop(event.stream_id, None)
        yield from self._agent_side.refuse(replace(answer or UNOPENED, close=True))

    def _end(self, passage: Passage, outcome: Outcome, reason: str = "") -> None:
        """End the exchange with its measurements."""
        incoming, counts = passage.incoming, passage.relay.counts if passage.relay else None
        now = time.monotonic()
        sent = Sent(
            status=incoming.status if incoming else None,
            request_bytes=counts.said_bytes if counts else passage.received,
            response_bytes=counts.heard_bytes if counts else incoming.received if incoming else None,
            request_messages=counts.said if counts else None,
            response_messages=counts.heard if counts else None,
            findings=self._findings(passage),
            timings_ms={
                "total": round((now - passage.exchange.started) * 1000, 3),
                **(
                    {"upstream": round((passage.first_byte - passage.sent_at) * 1000, 3)}
                    if passage.first_byte
                    else {}
                ),
            },
            address=passage.address,
        )
        link = self._parts.sessions.link(self.context.client)
        self._parts.sessions.end(link, passage.exchange, Ending(outcome, sent, reason))

    @staticmethod
    def _findings(passage: Passage) -> Mapping[str, int]:
        found = Counter(passage.incoming.findings if passage.incoming else {})
        if passage.relay is not None:
            found.update(passage.relay.counts.findings)
        return found

    def _report(self, answer: Answer) -> Answer:
        """Record a refusal made here, where no request could be decided."""
        link = self._parts.sessions.link(self.context.client)
        who = link.session.who if link is not None and link.session is not None else None
        return self._parts.gate.reject_soon(answer, who)


def _allow(event: Event, allowed: bool) -> None:
    if allowed:
        event.set()
    else:
        event.clear()


__all__ = ["HttpCommand", "SealedHttpLayer"]
