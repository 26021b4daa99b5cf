"""HTTP/1 towards an upstream: the sealed copy is written, and what is answered is read, strictly."""

from __future__ import annotations

import re

import h11
from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1 as base
from mitmproxy.proxy.layers.http._base import ReceiveHttp
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
)
from wharfinger.flow.framing import FIELD, DropTrailers, frames_twice, next_head, read_part, reader
from wharfinger.flow.http1 import Direct
from wharfinger.flow.websocket_handshake import asks

# RFC 9112 section 4, without the leniencies.
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?", re.ASCII)

RESPONSE_HEAD_LIMIT = 256 * 1024
"""Bytes of an upstream's response head."""

MAX_INTERIM = 64
"""Interim responses (RFC 9110 section 15.2) before the response itself."""


class UpstreamSide(Direct, base.Http1Client):
    """The connection to the upstream. No message from here quotes a byte of it: it may be the secret."""

    _interim = 0
    _chunked = False

    def has_room(self) -> bool:
        """Whether a request may be sent on it: there is none under way."""
        return self.stream_id is None and self.state == self.read_headers

    def is_idle(self) -> bool:
        """Whether nothing is under way on it."""
        return self.has_room()

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Send a part of the request, which is the sealed copy: HTTP/1.1, framed, to be kept alive."""
        if self.stream_id != (
            None if isinstance(event, RequestHeaders) else event.stream_id
        ) and not isinstance(event, RequestProtocolError):
            raise RuntimeError("a part of a request while another is under way")
        if isinstance(event, RequestHeaders):
            self.stream_id, self.request = event.stream_id, event.request
            self._chunked = "transfer-encoding" in event.request.headers
            yield commands.SendData(self.conn, http1.assemble_request_head(event.request))
        elif isinstance(event, RequestData):
            if event.data:
                data = b"%x\r\n%b\r\n" % (len(event.data), event.data) if self._chunked else event.data
                yield commands.SendData(self.conn, data)
        elif isinstance(event, RequestEndOfMessage):
            if self._chunked:
                yield commands.SendData(self.conn, b"0\r\n\r\n")
            yield from self.mark_done(request=True)
        else:
            yield from super().send(event)

    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        """Be ready for the next request once this one and its response have passed."""
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if self.request_done and self.response_done:
            self.stream_id = None
            yield from self._next_message()

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read one response head; interim responses other than 101 are skipped."""
        if not self.request:
            # Closed while idle, or a response that nobody has asked for.
            yield commands.CloseConnection(self.conn)
            self.state = self.done
            return
        if not isinstance(event, events.DataReceived):
            yield from self._broken("the upstream closed the connection without an answer")
            return
        while (head := next_head(self.buf)) is not None:
            try:
                response = self._response(head)
                size = http1.expected_http_body_size(self.request, response)
            except ValueError:
                yield from self._broken("the upstream's response head is malformed")
                return
            if not 100 <= response.status_code < 200 or response.status_code == 101:
                self._interim = 0
                yield from self._begin(response, size, event)
                return
            self._interim += 1
            if self._interim > MAX_INTERIM:
                yield from self._broken("the upstream sends interim responses only")
                return
        if len(self.buf) > RESPONSE_HEAD_LIMIT:
            yield from self._broken("the upstream's response head is too large")

    @staticmethod
    def _response(head: list[bytes]) -> http.Response:
        line, *fields = head
        if not _STATUS_LINE.fullmatch(line) or not all(map(FIELD.fullmatch, fields)):
            raise ValueError("a line of the head is malformed")
        if sum(map(len, head)) > RESPONSE_HEAD_LIMIT or frames_twice(line[:8], fields):
            raise ValueError("the framing can be read in more than one way")
        return http1.read_response_head(head)

    def _begin(
        self, response: http.Response, size: int | None, event: events.DataReceived
    ) -> layer.CommandGenerator[None]:
        if self.stream_id is None:
            yield commands.CloseConnection(self.conn)
            return
        self.response = response
        if response.status_code == 101 and asks(self.request):
            yield ReceiveHttp(ResponseHeaders(self.stream_id, response, end_stream=False))
            self.state = self.switched
            yield from self.state(event)
            return
        self._last = (
            size == -1
            or response.status_code == 101
            or http1.connection_close(response.http_version, response.headers)
        )
        yield ReceiveHttp(ResponseHeaders(self.stream_id, response, size == 0))
        self.body_reader = reader(size, DropTrailers)
        self.state = self.read_body
        yield from self.state(event)

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read the body of the response."""
        if self.stream_id is None:
            yield commands.CloseConnection(self.conn)
            return
        try:
            data, ended = read_part(self.body_reader, self.buf, event)
        except h11.ProtocolError:
            yield from self._broken("the upstream's response body is broken or cut short")
            return
        if data:
            yield ReceiveHttp(ResponseData(self.stream_id, data))
        if ended:
            # Where the request is still being sent, nothing more is read until it is.
            self.state = self.done
            yield ReceiveHttp(ResponseEndOfMessage(self.stream_id))
            yield from self.mark_done(response=True)

    def _broken(self, reason: str) -> layer.CommandGenerator[None]:
        yield commands.CloseConnection(self.conn)
        if self.stream_id is not None:
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, reason, ErrorCode.GENERIC_SERVER_ERROR))
        self.state = self.done
