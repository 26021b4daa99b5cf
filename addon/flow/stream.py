"""mitmproxy's life of one request, going on at once after a hook that is done at once.

mitmproxy ends the event, makes a new one out of the hook's completion and passes that through every layer
again. Here the handler, having run the hook, takes the block off its command (`blocking = False`), and the
stream goes on from where it stands. A hook that has to wait (an `ask`, the book) blocks the stream as ever.

Overrides internals of mitmproxy 12.3.1 (`Layer.handle_event`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http._events import HttpEvent, RequestData


@dataclass
class RequestOpeningHook(commands.StartHook):
    """What the body of a streamed request begins with has been read; nothing of it has been sent."""

    flow: http.HTTPFlow
    name = "requestopening"


@dataclass
class RequestOpened(HttpEvent):
    """All that has come of a body whose opening is whole."""

    data: bytes


class Stream(base.HttpStream):
    """One request and its response."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Process `event`, or keep it for later while a command blocks."""
        paused = self._paused
        if paused is None:
            yield from self._run(self._handle_event(event), None)
        elif isinstance(event, events.CommandCompleted) and event.command is paused.command:
            self._paused = None
            yield from self._run(paused.generator, event.reply)
            while self._paused is None and self._paused_event_queue:  # type: ignore[redundant-expr]
                yield from self._run(self._handle_event(self._paused_event_queue.popleft()), None)
        else:
            self._paused_event_queue.append(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, RequestOpened):
            yield from super()._handle_event(event)
            return
        yield RequestOpeningHook(self.flow)
        if (yield from self.check_killed(True)) or self.flow.response is not None:
            return
        yield from self.start_request_stream()
        if self.client_state == self.state_stream_request_body:
            yield from self.client_state(RequestData(self.stream_id, event.data))

    def _run(self, generator: layer.CommandGenerator[Any], reply: Any) -> layer.CommandGenerator[None]:
        """Pass on the commands of `generator` until it ends, or until one of them blocks."""
        try:
            command = generator.send(reply)
            while True:
                if command.blocking is not True:
                    yield command
                    command = next(generator)
                    continue
                command.blocking = self  # the layers above do not block as well
                self._paused = layer.Paused(command, generator)
                yield command
                still: object = command.blocking  # false once the handler has run the hook to its end
                if still:
                    return
                self._paused = None
                command = generator.send(None)
        except StopIteration:
            return
