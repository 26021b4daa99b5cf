"""HTTP/2 towards the agent: many requests at a time, each a stream that is decided and answered by itself.

What `h2` refuses itself ends the connection: pseudo-header fields that are missing, repeated, unknown or
late, upper-case names, connection control, control bytes, a length that is not the body's, streams beyond the
limit, heads without end. What it lets through and this refuses, one stream at a time: CONNECT (the extended
one of RFC 8441, too), targets that are no path, a scheme other than the tunnel's, trailers, heads that are
too large, and two lengths. Each refusal is answered and reported; nothing has been opened upstream.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import h2.events
from h2.errors import ErrorCodes
from mitmproxy import http
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
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
    ResponseTrailers,
)
from wharfinger.deciding.answers import Answer
from wharfinger.flow.http1_agent import MAX_FIELDS
from wharfinger.flow.http2 import BACKLOG, HOP_BY_HOP, Fields, Http2Side, Outbox
from wharfinger.rules.types import Code

WINDOW = 256 * 1024
"""Bytes of one request's body that may be on their way to here."""

_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_PATH = re.compile(rb"/[\x21-\x7e]*", re.ASCII)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*", re.ASCII)

_LARGE = "the request head is larger than this proxy accepts"
_TRAILERS = "the request body is broken, cut short or carries trailers"

type Report = Callable[[Answer], Answer]
"""Records a refusal made before a request could be read, and returns it with its decision id."""


@dataclass(slots=True)
class _Exchange:
    """One stream, until both halves have ended."""

    grpc: bool
    head_alone: bool
    """Whether nothing follows the head of its answer (RFC 9110, 9.3.2)."""
    sending: bool
    """Whether the agent has not ended its half."""
    begun: bool = False
    """Whether the head of the response has gone out."""


class Http2AgentSide(Http2Side):
    """The connection to the agent, inside its tunnel."""

    def __init__(self, context: Context, *, head_limit: int, report: Report) -> None:
        super().__init__(context, context.client, client=False, window=WINDOW, head_limit=head_limit)
        self._report = report
        self._scheme = b"https" if context.client.tls else b"http"
        self._streams: dict[int, _Exchange] = {}
        self._greeted = False

    # From the agent.

    def _take(self, event: h2.events.Event) -> layer.CommandGenerator[None]:
        match event:
            case h2.events.RequestReceived():
                yield from self._request(event)
            case h2.events.DataReceived():
                if event.data:
                    yield ReceiveHttp(RequestData(event.stream_id, bytes(event.data)))
            case h2.events.StreamEnded():
                self._heard_all(event.stream_id)
                yield ReceiveHttp(RequestEndOfMessage(event.stream_id))
            case h2.events.TrailersReceived():
                answer = Answer(Code.BAD_REQUEST, _TRAILERS)
                self._refuse(event.stream_id, self._report(answer))
                yield from self._gone(event.stream_id, _TRAILERS)
            case h2.events.StreamReset():
                self._streams.pop(event.stream_id, None)
                self._out.pop(event.stream_id, None)
                yield from self._gone(event.stream_id, "the agent has reset the stream")
            case h2.events.RemoteSettingsChanged():
                self._greeted = True
            case _:
                return

    def _request(self, event: h2.events.RequestReceived) -> layer.CommandGenerator[None]:
        stream_id, ended = event.stream_id, event.stream_ended is not None
        pseudo = {name: value for name, value in event.headers if name.startswith(b":")}
        fields = [(bytes(name), bytes(value)) for name, value in event.headers if not name.startswith(b":")]
        kind = next((value for name, value in fields if name == b"content-type"), b"")
        self._streams[stream_id] = _Exchange(
            grpc=kind.startswith(b"application/grpc"),
            head_alone=pseudo.get(b":method") == b"HEAD",
            sending=not ended,
        )
        self._out[stream_id] = Outbox()
        problem = self._problem(pseudo, fields, ended=ended)
        if problem is not None:
            status = 431 if problem is _LARGE else 400
            self._refuse(stream_id, self._report(Answer(Code.BAD_REQUEST, problem, status=status)))
            return
        if b":authority" in pseudo and not any(name == b"host" for name, _ in fields):
            fields.insert(0, (b"host", pseudo[b":authority"]))
        now = time.time()
        request = http.Request(
            host="",
            port=0,
            method=pseudo[b":method"],
            scheme=self._scheme,
            authority=b"",
            path=pseudo[b":path"],
            http_version=b"HTTP/2.0",
            headers=http.Headers(fields),
            content=None,
            trailers=None,
            timestamp_start=now,
            timestamp_end=now if ended else None,
        )
        yield ReceiveHttp(RequestHeaders(stream_id, request, ended))

    def _problem(self, pseudo: dict[bytes, bytes], fields: Fields, *, ended: bool) -> str | None:
        """Why a request is refused on its head, if it is; `h2` has looked at it before."""
        if len(fields) > MAX_FIELDS:
            return _LARGE
        if not _METHOD.fullmatch(pseudo[b":method"]):
            return "the method is not a token"
        if pseudo[b":method"].upper() == b"CONNECT" or b":protocol" in pseudo:
            return "inside a tunnel there is no other tunnel, and no WebSocket by CONNECT"
        if pseudo[b":scheme"] != self._scheme:
            return "the scheme is not the tunnel's"
        if not _PATH.fullmatch(pseudo[b":path"]):
            return "inside a tunnel the target starts with /"
        if not all(_VALUE.fullmatch(value) for _, value in fields):
            return "a header field is folded, unnamed or holds a control byte"
        lengths = [value for name, value in fields if name == b"content-length"]
        if len(lengths) > 1 or (ended and any(value.strip(b"0") for value in lengths)):
            return "the request's framing can be read in more than one way"
        return None

    def _heard_all(self, stream_id: int) -> None:
        exchange = self._streams.get(stream_id)
        if exchange is not None:
            exchange.sending = False
            if stream_id not in self._out:
                del self._streams[stream_id]

    def _gone(self, stream_id: int, reason: str) -> layer.CommandGenerator[None]:
        yield ReceiveHttp(RequestProtocolError(stream_id, reason, ErrorCode.CANCEL))

    def _lost(self, reason: str) -> layer.CommandGenerator[None]:
        streams, self._streams = tuple(self._streams), {}
        for stream_id in streams:
            yield from self._gone(stream_id, reason)

    def _fault(self, what: str = "breaks the protocol") -> layer.CommandGenerator[None]:
        self._report(Answer(Code.BAD_REQUEST, f"the agent's HTTP/2 connection {what}"))
        yield from super()._fault(what)

    # To the agent.

    def _send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        exchange, box = self._streams.get(event.stream_id), self._out.get(event.stream_id)
        if exchange is None or box is None or box.ended:
            return
        match event:
            case ResponseHeaders() if event.response.status_code < 200:
                self.h2.send_headers(event.stream_id, [(b":status", b"%d" % event.response.status_code)])
            case ResponseHeaders():
                self._head(event.stream_id, exchange, event.response, ended=event.end_stream)
            case ResponseData() if event.data and not exchange.head_alone:
                self._put(event.stream_id, event.data)
            case ResponseTrailers():
                box.trailers = _lowered(event.trailers.fields)
            case ResponseEndOfMessage():
                box.ended = True
                self._dirty.add(event.stream_id)
        yield from ()

    def _head(self, stream_id: int, exchange: _Exchange, response: http.Response, *, ended: bool) -> None:
        exchange.begun = True
        fields = [(b":status", b"%d" % response.status_code), *_lowered(response.headers.fields)]
        self.h2.send_headers(stream_id, fields, end_stream=ended)
        if ended:
            del self._out[stream_id]
            self._said_all(stream_id)

    def _sent_all(self, wire: int, box: Outbox) -> None:
        super()._sent_all(wire, box)
        if box.reset is not None:
            self._streams.pop(wire, None)
        self._said_all(wire)

    def _said_all(self, stream_id: int) -> None:
        exchange = self._streams.get(stream_id)
        if exchange is not None and not exchange.sending:
            del self._streams[stream_id]

    def _refuse(self, stream_id: int, answer: Answer) -> None:
        exchange, box = self._streams.get(stream_id), self._out.get(stream_id)
        if exchange is None or box is None or box.ended:
            return
        if exchange.begun:
            self._reset(stream_id, ErrorCodes.INTERNAL_ERROR)
            self._streams.pop(stream_id, None)
            return
        told = replace(answer, grpc=exchange.grpc, close=False)
        body = told.body()
        fields = tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in told.headers(len(body)))
        if exchange.head_alone:
            body = b""
        if exchange.sending:
            box.reset = ErrorCodes.NO_ERROR
        exchange.begun = True
        status = (b":status", b"%d" % told.http_status)
        self.h2.send_headers(stream_id, [status, *_lowered(fields)], end_stream=not body)
        if not body:
            self._sent_all(stream_id, box)
            return
        self._put(stream_id, body)
        box.ended = True
        self._pump(stream_id)

    def refuse(self, stream_id: int, answer: Answer) -> layer.CommandGenerator[None]:
        """Answer a request with a refusal; a response already begun is cut off."""
        if not self._over:
            self._refuse(stream_id, answer)
            yield from self._flush()

    def hang_up(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Take nothing more of a request whose response has ended."""
        exchange, box = self._streams.get(stream_id), self._out.get(stream_id)
        if exchange is None or self._over:
            return
        if box is not None:
            box.reset = ErrorCodes.NO_ERROR
        elif exchange.sending:
            self._reset(stream_id, ErrorCodes.NO_ERROR)
            del self._streams[stream_id]
        yield from self._flush()

    # How far it is.

    def backlog(self, stream_id: int) -> int:
        """Bytes of a response that wait for the agent to make room."""
        box = self._out.get(stream_id)
        return 0 if box is None else box.size

    def full(self) -> frozenset[int]:
        """Streams whose response is not read any further until the agent makes room."""
        return frozenset([wire for wire, box in self._out.items() if box.size >= BACKLOG])

    def is_switched(self) -> bool:
        """Whether the connection speaks another protocol now: never, one stream cannot take it over."""
        return False

    def is_full(self) -> bool:
        """Whether requests sent ahead of their turn wait here: every stream has its own window instead."""
        return False

    def has_part(self) -> bool:
        """Whether the agent has connected and not said hello."""
        return not self._greeted


def _lowered(fields: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
    """Fields as HTTP/2 has them: names in lower case, without what is for HTTP/1 alone."""
    lowered = [(name.lower(), value.strip(b" \t")) for name, value in fields]
    return [(name, value) for name, value in lowered if name not in HOP_BY_HOP]
