"""The sealed HTTP layer: below the flow, above the socket, and closed until the gate has opened it.

Outward, a request goes to a server connection only by redeeming its permit, in the step that emits its
first byte; what is sent is the sealed copy, not the flow. Inward, a response enters the flow only stripped
and redacted. No hook is trusted here: a flow that no hook has opened meets `UNOPENED`, whatever became
of the hooks.

The way of a request, in order: `to_flow` (`Outward.enter`), the hooks, `get_connection` (`Routes`),
`to_server` (`Outward.leave`); and of its response: `to_flow` (`Inward.enter`), `to_agent` (`Inward.leave`).
"""

from __future__ import annotations

from asyncio import Event

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseTrailers,
)
from wharfinger.audit.event import Outcome
from wharfinger.deciding.answers import Answer
from wharfinger.flow.deadlines import Deadlines
from wharfinger.flow.http1_agent import AgentSide
from wharfinger.flow.http2 import ALPN, BACKLOG
from wharfinger.flow.http2_agent import Http2AgentSide
from wharfinger.flow.inward import Inward
from wharfinger.flow.outward import Outward
from wharfinger.flow.parts import Parts
from wharfinger.flow.passages import Passages
from wharfinger.flow.routes import Routes
from wharfinger.flow.stream import Stream
from wharfinger.flow.switchboard import Switchboard
from wharfinger.flow.switching import Switching
from wharfinger.flow.websocket import Goodbye, Relay
from wharfinger.rules.types import Code


class SealedHttpLayer(Switchboard):
    """See the module's head. One per tunnel, and one for the proxy connection around it."""

    def __init__(self, context: Context, mode: HTTPMode, parts: Parts) -> None:
        super().__init__(context, mode)
        self._passages = Passages(context.client, parts)
        self._deadlines = Deadlines(self._passages)
        self._switching = Switching(self, self._passages, parts)
        self._outward = Outward(self, self._passages, self._deadlines, parts)
        self._routes = Routes(self, self._passages, parts.sessions)
        self._inward = Inward(self, self._passages, self._routes, self._switching, parts)
        self.agent_side = self._agent_side(mode, parts.limits.head)
        self.connections[context.client] = self.agent_side

    def _agent_side(self, mode: HTTPMode, head_limit: int) -> AgentSide | Http2AgentSide:
        """What reads the agent: inside a tunnel, what the agent and our side of TLS have agreed on."""
        context, report, tunnel = self.context.fork(), self._passages.report, mode is HTTPMode.transparent
        if not tunnel or context.client.alpn != ALPN:
            return AgentSide(context, tunnel=tunnel, head_limit=head_limit, report=report)
        if (link := self._passages.link) is not None:
            link.multiplexed = True
        return Http2AgentSide(context, head_limit=head_limit, report=report)

    def inner(self) -> layer.Layer | None:
        """What runs inside the CONNECT answered here, once this layer only passes on bytes; else None."""
        side = self.agent_side
        if isinstance(side, Http2AgentSide) or side.state != side.passthrough or self.command_sources:
            return None
        inside = [stream.child_layer for stream in self.streams.values()]
        if len(inside) != 1:
            return None
        return inside[0].layer if isinstance(inside[0], layer.NextLayer) else inside[0]

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, Goodbye):
            yield from self._withdraw(event)
        elif isinstance(event, events.Wakeup) and self._deadlines.is_over(event):
            yield from self._time_out(event)
        elif isinstance(event, events.Start):
            yield from self.give(self.agent_side, event)
        else:
            side = self.connections.get(event.connection) if isinstance(event, events.DataReceived) else None
            yield from super()._handle_event(event) if side is None else self.give(side, event)
            if isinstance(event, events.ConnectionClosed) and event.connection is self.context.client:
                yield from self._routes.part()
        if isinstance(self.agent_side, Http2AgentSide):
            yield from self._share(self.agent_side)
        else:
            self._pace(self.agent_side)

    # Where every HTTP event passes.

    def to_flow(self, stream: base.HttpStream, event: HttpEvent) -> layer.CommandGenerator[None]:
        """A part of a request, to be decided on; or of a response, stripped and redacted."""
        passage = self._passages.get(stream.stream_id)
        if passage is not None and passage.relay is not None:
            return self._switching.enter(stream, passage.relay, event)
        if isinstance(event, ResponseHeaders | ResponseData | ResponseEndOfMessage | ResponseTrailers):
            return self._inward.enter(stream, event)
        return self._outward.enter(stream, event)

    def resume(self, stream: Stream, event: events.Event) -> layer.CommandGenerator[None]:
        """Go on after a hook, which may have refused."""
        yield from self.give(stream, event)
        yield from self._outward.refuse_early(stream)

    def get_connection(
        self, event: base.GetHttpConnection, *, reuse: bool = True
    ) -> layer.CommandGenerator[None]:
        """A connection of its own route, for a stream with a permit."""
        return self._routes.connect(event)

    def register_connection(self, command: base.RegisterHttpConnection) -> layer.CommandGenerator[None]:
        """A connection that streams wait for is there, or cannot be."""
        return self._routes.established(command)

    def to_server(self, child: layer.Layer, event: HttpEvent) -> layer.CommandGenerator[None]:
        """The sealed copy, once its permit is redeemed."""
        return self._outward.leave(child, event)

    def to_agent(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """What has been redacted, or a refusal."""
        return self._inward.leave(event)

    def to_relay(self, relay: Relay, event: events.Event) -> layer.CommandGenerator[None]:
        """An event for an open WebSocket."""
        return self._switching.relay(relay, event)

    # What does not come from a peer.

    def _withdraw(self, goodbye: Goodbye) -> layer.CommandGenerator[None]:
        """Something under way is not allowed any more: say so where that can be, record how far it got."""
        for stream_id, passage in tuple(self._passages.items()):
            if passage.exchange.flow_id != goodbye.flow_id:
                continue
            reason, stream = f"cut off: {goodbye.reason}", self.streams.get(stream_id)
            if passage.relay is not None:
                yield from self.to_relay(passage.relay, goodbye)
            elif stream is not None and isinstance(self.agent_side, Http2AgentSide):
                yield from self._inward.cut_off(
                    stream, passage, Answer(Code.DENIED, reason), Outcome.WITHHELD
                )
            self._passages.end(passage, Outcome.WITHHELD, reason)

    def _time_out(self, wakeup: events.Wakeup) -> layer.CommandGenerator[None]:
        """Cut off what had until now, and wait for what has longer."""
        for stream_id, passage, answer in self._deadlines.over(wakeup):
            stream = self.streams.get(stream_id)
            if stream is None:
                continue
            if passage.relay is not None:
                yield from self._switching.time_out(passage.relay, passage, answer.reason)
            else:
                yield from self._inward.cut_off(stream, passage, answer, Outcome.TIMED_OUT)
        yield from self._deadlines.wait()

    def _pace(self, agent_side: AgentSide) -> None:
        """Leave in the socket what the agent sends faster than it can be taken up; note what it does not end.

        That is a body while its head is being decided or its upstream dialled, requests sent ahead, and what
        is said on a WebSocket while something said before is being decided. The same for the upstream.
        """
        link = self._passages.link
        if link is None:
            return
        relays = tuple(self._switching.relays())
        paused = any(stream._paused_event_queue for stream in self.streams.values())
        _allow(link.may_read, not (agent_side.is_full() or paused or any(r.waits for r in relays)))
        _allow(link.may_hear, not any(relay.rests for relay in relays))
        link.await_rest(part=agent_side.has_part())

    def _share(self, agent_side: Http2AgentSide) -> layer.CommandGenerator[None]:
        """The same for each stream of HTTP/2: what cannot be taken up yet is not given credit for."""
        yield from agent_side.settle()
        yield from agent_side.credit(one for one in agent_side.unread() if self._is_taken_up(one))
        yield from self._routes.pace(agent_side)
        yield from self._routes.release()
        if (link := self._passages.link) is not None:
            link.await_rest(part=agent_side.has_part())

    def _is_taken_up(self, stream_id: int) -> bool:
        """Whether what has come of a request has gone on: it waits neither here nor for its upstream."""
        stream = self.streams.get(stream_id)
        return stream is None or not (stream._paused_event_queue or self._routes.backlog(stream) >= BACKLOG)


def _allow(event: Event, allowed: bool) -> None:
    if allowed:
        event.set()
    else:
        event.clear()
