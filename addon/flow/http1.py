"""HTTP/1 at both ends, read strictly and within limits before anything else looks at it.

What mitmproxy 12.3.1 lets through and this refuses (each seen in an experiment): heads without end, bare
CR, NUL and folded lines in header values, whitespace other than a space in the request line, unknown
versions, origin-form sent straight to the proxy, trailers (which crash its connection). A refusal here is
answered, reported and closes the connection; nothing has been opened upstream.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import h11
from h11._readers import ChunkedReader, ContentLengthReader, Http10Reader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _http1 as base
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestProtocolError,
    ResponseHeaders,
    ResponseProtocolError,
)
from wharfinger.answers import Answer
from wharfinger.rules import spelling
from wharfinger.rules.refusal import Refused
from wharfinger.rules.types import Code

# RFC 9112 section 3 and RFC 9110 section 5.5, without the leniencies.
_REQUEST_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/1\.[01]", re.ASCII)
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*", re.ASCII)
_RESPONSE_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*", re.ASCII)

RESPONSE_HEAD_LIMIT = 256 * 1024
"""Bytes of an upstream's response head."""

MAX_FIELDS = 200
"""Header fields of one request."""

type Report = Callable[[Answer], Answer]
"""Records a refusal made before a request could be read, and returns it with its decision id."""


class _NoTrailers(ChunkedReader):
    """Chunked body of a request: trailers are refused."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        event = super().__call__(buf)
        if isinstance(event, h11.EndOfMessage) and event.headers:
            raise h11.RemoteProtocolError("trailers are not accepted")
        return event


class _DropTrailers(ChunkedReader):
    """Chunked body of a response: trailers are dropped, as RFC 9110 section 6.5.1 allows."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


def _reader(size: int | None, chunked: type[ChunkedReader]) -> base.TBodyReader:
    if size is None:
        return chunked()
    return Http10Reader() if size == -1 else ContentLengthReader(size)


class AgentSide(base.Http1Server):
    """The connection to the agent."""

    def __init__(self, context: Context, *, tunnel: bool, head_limit: int, report: Report) -> None:
        super().__init__(context)
        self._tunnel = tunnel
        self._head_limit = head_limit
        self._report = report

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read one request head, or answer why not."""
        if not isinstance(event, events.DataReceived):
            yield from super().read_headers(event)
            return
        lines = self.buf.maybe_extract_lines()
        if not lines:
            if len(self.buf) > self._head_limit:
                yield from self._refuse("the request head is larger than this proxy accepts", status=431)
            return
        head = [bytes(line) for line in lines]
        problem = self._problem(head)
        if problem is not None:
            yield from self._refuse(problem)
            return
        try:
            self.request = http1.read_request_head(head)
            size = http1.expected_http_body_size(self.request)
            self._settle_destination(head[0].split(b" ")[1])
        except ValueError:
            yield from self._refuse("the request's framing can be read in more than one way")
            return
        except Refused as refused:
            yield from self._refuse(refused.refusal.reason)
            return
        yield ReceiveHttp(RequestHeaders(self.stream_id, self.request, size == 0))
        self.body_reader = _reader(size, _NoTrailers)
        self.state = self.read_body
        yield from self.state(event)

    def _problem(self, head: list[bytes]) -> str | None:
        if sum(map(len, head)) > self._head_limit or len(head) > MAX_FIELDS:
            return "the request head is larger than this proxy accepts"
        line, *fields = head
        if not _REQUEST_LINE.fullmatch(line):
            return "the request line is not a method, a target and HTTP/1.0 or 1.1, one space apart"
        if not all(map(_FIELD.fullmatch, fields)):
            return "a header field is folded, unnamed or holds a control byte"
        method, target, _ = line.split(b" ")
        if self._tunnel:
            return None if target.startswith(b"/") else "inside a tunnel the target starts with /"
        if method != b"CONNECT" and not target.lower().startswith(b"http://"):
            return "a proxy is sent CONNECT, or an absolute http:// target"
        return None

    def _settle_destination(self, target: bytes) -> None:
        """Read the authority strictly and make the request say the same. Raises `Refused`."""
        if self._tunnel or self.request is None:
            return
        text = target.decode("latin-1")
        if self.request.method == "CONNECT":
            host, port = spelling.authority(text, None)
        else:
            host, port = spelling.authority(re.split(r"[/?#]", text[len("http://") :], maxsplit=1)[0], 80)
        self.request.data.host, self.request.data.port = host, port

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read the body; a broken one is answered before the connection closes."""
        for command in super().read_body(event):
            if isinstance(command, commands.CloseConnection) and not self.request_done and not self.response:
                answer = self._report(
                    Answer(Code.BAD_REQUEST, "the request body is broken or carries trailers", close=True)
                )
                yield commands.SendData(self.conn, answer.raw())
            yield command

    def _refuse(self, reason: str, status: int = 400) -> layer.CommandGenerator[None]:
        answer = self._report(Answer(Code.BAD_REQUEST, reason, status=status, close=True))
        yield commands.SendData(self.conn, answer.raw())
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def refuse(self, answer: Answer) -> layer.CommandGenerator[None]:
        """Answer the request in flight with a refusal and close; a response already begun is cut off."""
        if self.response is None and self.conn.connected:
            yield commands.SendData(self.conn, answer.raw())
        yield commands.CloseConnection(self.conn)
        self.state = self.done


class UpstreamSide(base.Http1Client):
    """The connection to the upstream."""

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read one response head; interim responses other than 101 are skipped."""
        if not isinstance(event, events.DataReceived) or not self.request:
            yield from super().read_headers(event)
            return
        while True:
            lines = self.buf.maybe_extract_lines()
            if not lines:
                if len(self.buf) > RESPONSE_HEAD_LIMIT:
                    yield from self._broken("the upstream's response head is too large")
                return
            head = [bytes(line) for line in lines]
            if len(head) < 1 or not all(map(_RESPONSE_FIELD.fullmatch, head[1:])):
                yield from self._broken("the upstream's response head is malformed")
                return
            try:
                response = http1.read_response_head(head)
                size = http1.expected_http_body_size(self.request, response)
            except ValueError:
                yield from self._broken("the upstream's response head is malformed")
                return
            if not 100 <= response.status_code < 200 or response.status_code == 101:
                break
        yield from self._begin(response, size, event)

    def _begin(
        self, response: http.Response, size: int | None, event: events.DataReceived
    ) -> layer.CommandGenerator[None]:
        if self.stream_id is None:
            yield commands.CloseConnection(self.conn)
            return
        self.response = response
        yield ReceiveHttp(ResponseHeaders(self.stream_id, response, size == 0))
        self.body_reader = _reader(size, _DropTrailers)
        self.state = self.read_body
        yield from self.state(event)

    def _broken(self, reason: str) -> layer.CommandGenerator[None]:
        yield commands.CloseConnection(self.conn)
        if self.stream_id is not None:
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, reason, ErrorCode.GENERIC_SERVER_ERROR))
        self.state = self.done


__all__ = ["AgentSide", "Report", "RequestProtocolError", "UpstreamSide"]
