"""mitmproxy's life of one request, going on at once after a hook that is done at once.

mitmproxy ends the event, makes a new one out of the hook's completion and passes that through every layer
again. Here the handler, having run the hook, takes the block off its command (`blocking = False`), and the
stream goes on from where it stands. A hook that has to wait (an `ask`, the book) blocks the stream as ever.

Overrides internals of mitmproxy 12.3.1 (`Layer.handle_event`).
"""

from __future__ import annotations

from typing import Any

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import http as base


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
