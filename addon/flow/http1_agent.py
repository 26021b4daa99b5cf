"""HTTP/1 towards the agent: one request at a time is read, strictly, and its response written.

A refusal here is answered, reported and closes the connection; nothing has been opened upstream.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import h11
from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
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
)
from wharfinger.deciding.answers import Answer
from wharfinger.flow.framing import FIELD, NoTrailers, frames_twice, next_head, read_part, reader
from wharfinger.flow.http1 import Direct
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Code

# RFC 9112 section 3, without the leniencies.
_REQUEST_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/1\.[01]", re.ASCII)

MAX_FIELDS = 200
"""Header fields of one request."""

_LARGE = "the request head is larger than this proxy accepts"
_NOT_A_REQUEST = "the request line is not a method, a target and HTTP/1.0 or 1.1, one space apart"
_TWO_FRAMINGS = "the request's framing can be read in more than one way"

type Report = Callable[[Answer], Answer]
"""Records a refusal made before a request could be read, and returns it with its decision id."""


class AgentSide(Direct, base.Http1Server):
    """The connection to the agent."""

    _chunked = False

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
        head = next_head(self.buf)
        if head is None:
            if len(self.buf) > self._head_limit:
                yield from self._refuse(_LARGE, status=431)
            elif not self._may_be_request():
                yield from self._refuse(_NOT_A_REQUEST)
            return
        problem = self._problem(head)
        if problem is not None:
            yield from self._refuse(problem, status=431 if problem is _LARGE else 400)
            return
        try:
            self.request = http1.read_request_head(head)
            size = http1.expected_http_body_size(self.request)
            if size != 0 and self.request.method == "CONNECT":
                raise ValueError("a tunnel has no body")
            self._settle_destination(head[0].split(b" ")[1])
        except ValueError:
            yield from self._refuse(_TWO_FRAMINGS)
            return
        except Refused as refused:
            yield from self._refuse(refused.refusal.reason)
            return
        self._last = http1.connection_close(self.request.http_version, self.request.headers)
        yield ReceiveHttp(RequestHeaders(self.stream_id, self.request, size == 0))
        if self.state != self.read_headers:
            return  # refused on its head
        self.body_reader = reader(size, NoTrailers)
        self.state = self.read_body
        yield from self.state(event)

    def _may_be_request(self) -> bool:
        """Whether what came so far can become a request: another protocol's client would wait for ever."""
        line, end, _ = bytes(self.buf).partition(b"\n")
        return not end or bool(_REQUEST_LINE.fullmatch(line.removesuffix(b"\r")))

    def _problem(self, head: list[bytes]) -> str | None:
        if sum(map(len, head)) > self._head_limit or len(head) > MAX_FIELDS:
            return _LARGE
        line, *fields = head
        if not _REQUEST_LINE.fullmatch(line):
            return _NOT_A_REQUEST
        if not all(map(FIELD.fullmatch, fields)):
            return "a header field is folded, unnamed or holds a control byte"
        method, target, version = line.split(b" ")
        if frames_twice(version, fields):
            return _TWO_FRAMINGS
        if self._tunnel:
            inside = target.startswith(b"/") and method.upper() != b"CONNECT"
            return None if inside else "inside a tunnel the target starts with /"
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
        try:
            data, ended = read_part(self.body_reader, self.buf, event)
        except h11.ProtocolError:
            yield from self._broken()
            return
        if data:
            yield ReceiveHttp(RequestData(self.stream_id, data))
        if ended and self.state == self.read_body and self.request is not None:
            if self.request.method != "CONNECT":
                yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)

    def _broken(self) -> layer.CommandGenerator[None]:
        reason = "the request body is broken, cut short or carries trailers"
        if self.response is None:
            answer = self._report(Answer(Code.BAD_REQUEST, reason, close=True))
            yield commands.SendData(self.conn, answer.raw(head_alone=self._head_alone))
        yield commands.CloseConnection(self.conn)
        self.state = self.done
        yield ReceiveHttp(RequestProtocolError(self.stream_id, reason, ErrorCode.GENERIC_CLIENT_ERROR))

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Send a part of the response; an interim one leaves the request unanswered."""
        if event.stream_id != self.stream_id:
            raise RuntimeError("a part of a response to another request")
        if isinstance(event, ResponseHeaders):
            yield commands.SendData(self.conn, http1.assemble_response_head(event.response))
            if event.response.status_code >= 200:
                self._answer(event.response)
            elif event.response.status_code == 101:
                self.response = event.response
                self.state = self.switched
        elif isinstance(event, ResponseData):
            if event.data and not self._head_alone:
                data = b"%x\r\n%b\r\n" % (len(event.data), event.data) if self._chunked else event.data
                yield commands.SendData(self.conn, data)
        elif isinstance(event, ResponseEndOfMessage):
            if self._chunked and not self._head_alone:
                yield commands.SendData(self.conn, b"0\r\n\r\n")
            yield from self.mark_done(response=True)
        else:
            yield from super().send(event)

    @property
    def _head_alone(self) -> bool:
        """Whether nothing follows the head of the answer, whatever that says (RFC 9110, 9.3.2)."""
        return self.request is not None and self.request.data.method == b"HEAD"

    def _answer(self, response: http.Response) -> None:
        """Note what the head of the response says of what follows it."""
        self.response = response
        fields = response.headers
        self._chunked = "chunked" in fields.get("transfer-encoding", "").lower()
        self._last = self._last or http1.connection_close(response.http_version, fields)
        if not (self._last or self._chunked or self.request is None):
            self._last = http1.expected_http_body_size(self.request, response) == -1

    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        """Go on with the next request once this one and its response have passed."""
        if self.request is None or self.request.data.method == b"CONNECT":
            yield from super().mark_done(request=request, response=response)
            return
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if self.request_done and self.response_done:
            self.stream_id += 2
            yield from self._next_message()
        elif self.request_done:
            self.state = self.wait

    def _refuse(self, reason: str, status: int = 400) -> layer.CommandGenerator[None]:
        answer = self._report(Answer(Code.BAD_REQUEST, reason, status=status, close=True))
        yield commands.SendData(self.conn, answer.raw())
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def is_full(self) -> bool:
        """Whether requests sent ahead of their turn wait here, as many as may."""
        return self.state == self.wait and len(self.buf) > self._head_limit

    def has_part(self) -> bool:
        """Whether a head has begun to come and has not ended."""
        return self.state == self.read_headers and len(self.buf) > 0

    def is_switched(self) -> bool:
        """Whether the connection speaks another protocol now."""
        return self.state == self.switched

    def refuse(self, stream_id: int, answer: Answer) -> layer.CommandGenerator[None]:
        """Answer the request in flight with a refusal and close; a response already begun is cut off."""
        if self.response is None and self.conn.connected:
            yield commands.SendData(self.conn, answer.raw(head_alone=self._head_alone))
        yield from self.hang_up(stream_id)

    def hang_up(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Close the connection, whatever else may come on it: a request in flight is the only one."""
        yield commands.CloseConnection(self.conn)
        self.state = self.done
