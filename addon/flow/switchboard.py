"""The HTTP layer's mechanics: events and commands on their way between the socket sides and the streams.

Every HTTP event passes one of three places, which `sealed` fills in: `to_flow`, `to_agent`, `to_server`.

Overrides internals of mitmproxy 12.3.1 (`HttpLayer.event_to_child`, `make_stream`), which is why that
version is pinned.
"""

from __future__ import annotations

import copy
from abc import abstractmethod

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, HttpEvent, RequestHeaders, ResponseProtocolError
from wharfinger.flow import apart
from wharfinger.flow.http1_agent import AgentSide
from wharfinger.flow.http2_agent import Http2AgentSide
from wharfinger.flow.passages import UNOPENED, Passage
from wharfinger.flow.stream import Stream
from wharfinger.flow.websocket import Relay


class Switchboard(base.HttpLayer):
    """See the module's head."""

    agent_side: AgentSide | Http2AgentSide

    @abstractmethod
    def to_flow(self, stream: base.HttpStream, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Something of a message, from either side, on its way into the flow."""

    @abstractmethod
    def to_agent(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Something of a response, on its way to the agent."""

    @abstractmethod
    def to_server(self, child: layer.Layer, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Something of a request, on its way to the upstream behind `child`."""

    @abstractmethod
    def to_relay(self, relay: Relay, event: events.Event) -> layer.CommandGenerator[None]:
        """An event for an open WebSocket."""

    @abstractmethod
    def resume(self, stream: Stream, event: events.Event) -> layer.CommandGenerator[None]:
        """Let a stream go on with what it waited for."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Process `event`. Nothing here waits for a reply itself, so nothing pauses."""
        handled: layer.CommandGenerator[None] = self._handle_event(event)
        return handled

    def event_to_child(self, child: layer.Layer, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(child, Relay):
            return self.to_relay(child, event)
        if not isinstance(event, HttpEvent):
            return self.resume(child, event) if isinstance(child, Stream) else self.give(child, event)
        if isinstance(child, Stream):
            return self.to_flow(child, event)
        if child is self.agent_side:
            return self.to_agent(event)
        return self.to_server(child, event)

    def give(self, child: layer.Layer, event: events.Event) -> layer.CommandGenerator[None]:
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
                        yield from self.to_flow(stream, command.event)
                case base.SendHttp():
                    receiver = self.connections[command.connection]
                    if receiver is self.agent_side:
                        yield from self.to_agent(command.event)
                    else:
                        yield from self.to_server(receiver, command.event)
                case base.DropStream():
                    if (ended := self.streams.pop(command.stream_id, None)) is not None:
                        apart.soon(ended)
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
        yield from self.give(stream, events.Start())


def refuse(board: Switchboard, stream_id: int, passage: Passage) -> layer.CommandGenerator[None]:
    """End a stream with its passage's refusal."""
    stream = board.streams.get(stream_id)
    if stream is not None:
        reason = (passage.answer or UNOPENED).reason
        error = ResponseProtocolError(stream_id, reason, ErrorCode.GENERIC_SERVER_ERROR)
        yield from board.give(stream, error)
