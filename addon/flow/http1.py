"""HTTP/1 at both ends, read strictly and within limits before anything else looks at it.

What mitmproxy 12.3.1 lets through and `http1_agent` and `http1_upstream` refuse (each seen in an
experiment): heads and chunk lines without end, bare CR, NUL and folded lines in header values, whitespace
other than a space in the request line, unknown versions, transfer codings besides chunked, origin-form sent
straight to the proxy, trailers (which crash its connection), an empty line before a request (which hangs it).
"""

from __future__ import annotations

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1 as base
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import HttpEvent


class Direct(base.Http1Connection):
    """A side is fed directly: it never waits for a reply, so it needs none of `Layer.handle_event`."""

    _last = False
    """Whether the connection ends with the message under way."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Process an event from the socket, or send a part of a message."""
        if isinstance(event, HttpEvent):
            return self.send(event)
        if isinstance(event, events.DataReceived) and self.state != self.passthrough:
            self.buf += event.data
        return self.state(event)

    def switched(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Pass on everything as it comes: the connection speaks another protocol now."""
        if self.stream_id is None:
            yield commands.CloseConnection(self.conn)
        elif isinstance(event, events.DataReceived):
            if data := self.buf.maybe_extract_at_most(len(self.buf)):
                yield ReceiveHttp(self.ReceiveData(self.stream_id, bytes(data)))
        else:
            yield ReceiveHttp(self.ReceiveEndOfMessage(self.stream_id))

    def _next_message(self) -> layer.CommandGenerator[None]:
        """Both messages are done: close, or read the next."""
        if self._last:
            yield commands.CloseConnection(self.conn)
            self.state = self.done
            return
        self.request_done = self.response_done = False
        self.request = self.response = None
        self.state = self.read_headers
        if self.buf:
            yield from self.state(events.DataReceived(self.conn, b""))
