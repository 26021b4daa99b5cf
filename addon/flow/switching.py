"""What a stream does once it has become a WebSocket: all that comes on it goes through a relay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook
from wharfinger.audit.event import Outcome
from wharfinger.flow.parts import Parts
from wharfinger.flow.passages import Passage, Passages
from wharfinger.flow.response import Incoming, Withheld
from wharfinger.flow.switchboard import Switchboard
from wharfinger.flow.websocket import Goodbye, Relay
from wharfinger.flow.websocket_handshake import NotSwitched, granting


class Switching:
    """The WebSockets of one HTTP layer."""

    def __init__(self, board: Switchboard, passages: Passages, parts: Parts) -> None:
        self._board = board
        self._passages = passages
        self._parts = parts

    def relays(self) -> Iterator[Relay]:
        """Those that are open."""
        return (passage.relay for passage in self._passages.values() if passage.relay is not None)

    def switch(
        self, stream: base.HttpStream, event: ResponseHeaders, passage: Passage, incoming: Incoming
    ) -> layer.CommandGenerator[None]:
        """The upstream speaks WebSocket from here on: let the agent do so, with a relay in between."""
        permit, agent, context = passage.exchange.permit, self._board.agent_side, self._board.context
        if permit is None or passage.asked is None:
            raise Withheld("the upstream switched protocols, which was not asked for")
        try:
            granted = granting(stream.flow.request, passage.asked, event.response)
        except NotSwitched as error:
            raise Withheld(f"the upstream's WebSocket handshake cannot be used: {error}") from None
        head = incoming.switch(event.response, granted)
        yield from self._board.give(stream, replace(event, response=head))
        if not agent.is_switched():
            raise Withheld("the agent's connection could not be switched to WebSocket")
        live, who = self._parts.live, permit.session.who.agent
        passage.relay = Relay(
            context,
            stream.flow,
            stream.stream_id,
            permit,
            gate=self._parts.gate,
            limits=self._parts.limits,
            room=self._passages.room(passage),
            secrets=lambda: live.secrets.kept_from(who),
            pseudonyms=live.secrets.pseudonyms(who),
        )
        yield from self._board.give(agent, events.DataReceived(context.client, b""))  # what it sent ahead

    def enter(self, stream: base.HttpStream, relay: Relay, event: HttpEvent) -> layer.CommandGenerator[None]:
        """What comes on either side, as the relay takes it: bytes, or that there will be no more."""
        client, server = self._board.context.client, stream.flow.server_conn
        match event:
            case RequestData():
                yield from self.relay(relay, events.DataReceived(client, event.data))
            case ResponseData():
                yield from self.relay(relay, events.DataReceived(server, event.data))
            case RequestEndOfMessage() | RequestProtocolError():
                yield from self.relay(relay, events.ConnectionClosed(client))
            case ResponseEndOfMessage() | ResponseProtocolError():
                yield from self.relay(relay, events.ConnectionClosed(server))

    def relay(self, relay: Relay, event: events.Event) -> layer.CommandGenerator[None]:
        """Give `event` to the relay; once it has ended, so does all that belongs to it."""
        before = relay.ended
        yield from self._board.give(relay, event)
        passage = self._passages.get(relay.stream_id)
        if before is not None or relay.ended is None or passage is None:
            return
        self._passages.end(passage, *relay.ended)
        yield commands.CloseConnection(relay.flow.server_conn)
        yield commands.CloseConnection(self._board.context.client)
        relay.flow.live = False
        hook = HttpResponseHook(relay.flow)
        hook.blocking = False
        yield hook

    def time_out(self, relay: Relay, passage: Passage, reason: str) -> layer.CommandGenerator[None]:
        """Its time is over."""
        self._passages.end(passage, Outcome.TIMED_OUT, reason)
        yield from self.relay(relay, Goodbye(passage.exchange.flow_id, reason))
