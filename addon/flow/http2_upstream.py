"""HTTP/2 towards an upstream: the requests of one route, each a stream of the one connection.

No message from here quotes a byte of what the upstream sent: it may be the secret. Pushed streams are
refused, alternative services ignored, and interim responses dropped.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import h2.events
from h2.errors import ErrorCodes
from mitmproxy import http
from mitmproxy.proxy import commands, layer
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
    ResponseProtocolError,
    ResponseTrailers,
)
from wharfinger.flow.http1_upstream import MAX_INTERIM, RESPONSE_HEAD_LIMIT
from wharfinger.flow.http2 import HOP_BY_HOP, STREAMS, Credit, Fields, Http2Side, Outbox

WINDOW = 1024 * 1024
"""Bytes of one response's body that may be on their way to here."""
_LAST_ID = 2**31 - 1

_STATUS = re.compile(rb"[1-9][0-9]{2}", re.ASCII)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*", re.ASCII)


@dataclass(slots=True)
class _Sent:
    """A request that was sent, until its response has ended."""

    stream_id: int
    """The agent's."""
    interim: int = 0


class Http2UpstreamSide(Http2Side):
    """The connection to the upstream. Its streams have numbers of their own."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, context.server, client=True, window=WINDOW, head_limit=RESPONSE_HEAD_LIMIT)
        self._sent: dict[int, _Sent] = {}
        self._wires: dict[int, int] = {}
        self._going = False
        """Whether the upstream takes no new streams."""
        self._greeted = False

    def has_room(self) -> bool:
        """Whether one more request may be sent on this connection."""
        most = min(self.h2.remote_settings.max_concurrent_streams, STREAMS) if self._greeted else STREAMS
        ends = self.h2.highest_outbound_stream_id >= _LAST_ID - 2
        return not (self._over or self._going or ends) and len(self._sent) < most

    def is_idle(self) -> bool:
        """Whether nothing is under way on it."""
        return not self._sent

    def backlog(self, stream_id: int) -> int:
        """Bytes of a request that wait for the upstream to make room."""
        box = self._out.get(self._wires.get(stream_id, 0))
        return 0 if box is None else box.size

    def waiting(self) -> tuple[int, ...]:
        """The agent's streams of which something has come that nobody has given credit for."""
        return tuple(self._sent[wire].stream_id for wire in self.unread() if wire in self._sent)

    # To the upstream.

    def _send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestHeaders):
            self._head(event)
            return
        wire = self._wires.get(event.stream_id)
        if wire is None:
            return
        box = self._out.get(wire)
        match event:
            case Credit():
                self._credit(wire)
            case RequestData() if event.data and box is not None and not box.ended:
                self._put(wire, event.data)
                self._pump(wire)
            case RequestEndOfMessage() if box is not None:
                box.ended = True
                self._pump(wire)
            case RequestProtocolError():
                yield from self._give_up(wire)

    def _head(self, event: RequestHeaders) -> None:
        wire = self.h2.get_next_available_stream_id()
        self._sent[wire], self._wires[event.stream_id] = _Sent(event.stream_id), wire
        self.h2.send_headers(wire, _outgoing(event.request), end_stream=event.end_stream)
        if not event.end_stream:
            self._out[wire] = Outbox()

    def _give_up(self, wire: int) -> layer.CommandGenerator[None]:
        self._reset(wire, ErrorCodes.CANCEL)
        yield from self._forget(wire)

    def _forget(self, wire: int) -> layer.CommandGenerator[None]:
        """A stream is over; the connection with it, if it was the last and no other will come."""
        sent = self._sent.pop(wire, None)
        if sent is not None:
            del self._wires[sent.stream_id]
        if wire in self._out:
            self._reset(wire, ErrorCodes.NO_ERROR)
        self._credit(wire)
        if self._going and not self._sent:
            yield from self._flush()
            yield commands.CloseConnection(self.conn)
            yield from self._end("the upstream has closed the connection")

    # From the upstream.

    def _take(self, event: h2.events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self._greeted = True
        elif isinstance(event, h2.events.ConnectionTerminated):
            yield from self._leaves(event)
        elif (wire := getattr(event, "stream_id", None)) in self._sent:
            yield from self._take_part(event, wire, self._sent[wire])
        elif isinstance(event, h2.events.DataReceived):
            self._credit(event.stream_id)  # of a stream that was given up

    def _take_part(self, event: h2.events.Event, wire: int, sent: _Sent) -> layer.CommandGenerator[None]:
        match event:
            case h2.events.ResponseReceived():
                ended = event.stream_ended is not None
                response = _incoming(event.headers)
                if response is None:
                    yield from self._broken(wire, sent, "the upstream's response head is malformed")
                    return
                yield ReceiveHttp(ResponseHeaders(sent.stream_id, response, ended))
            case h2.events.InformationalResponseReceived():
                sent.interim += 1
                if sent.interim > MAX_INTERIM:
                    yield from self._broken(wire, sent, "the upstream sends interim responses only")
            case h2.events.DataReceived():
                if event.data:
                    yield ReceiveHttp(ResponseData(sent.stream_id, bytes(event.data)))
            case h2.events.TrailersReceived():
                fields = [(bytes(name), bytes(value)) for name, value in event.headers]
                if not all(_VALUE.fullmatch(value) for _, value in fields):
                    yield from self._broken(wire, sent, "the upstream's trailers are malformed")
                    return
                yield ReceiveHttp(ResponseTrailers(sent.stream_id, http.Headers(fields)))
            case h2.events.StreamEnded():
                yield ReceiveHttp(ResponseEndOfMessage(sent.stream_id))
                yield from self._forget(wire)
            case h2.events.StreamReset():
                yield from self._failed(wire, sent, "the upstream has reset the stream")
            case _:
                return

    def _broken(self, wire: int, sent: _Sent, reason: str) -> layer.CommandGenerator[None]:
        self._reset(wire, ErrorCodes.PROTOCOL_ERROR)
        yield from self._failed(wire, sent, reason)

    def _failed(self, wire: int, sent: _Sent, reason: str) -> layer.CommandGenerator[None]:
        self._out.pop(wire, None)
        yield ReceiveHttp(ResponseProtocolError(sent.stream_id, reason, ErrorCode.GENERIC_SERVER_ERROR))
        yield from self._forget(wire)

    def _leaves(self, event: h2.events.ConnectionTerminated) -> layer.CommandGenerator[None]:
        """The upstream takes no new streams: those that it has taken go on, the others have failed."""
        self._going = True
        last = event.last_stream_id if event.last_stream_id is not None else 0
        for wire, sent in tuple(self._sent.items()):
            if wire > last:
                yield from self._failed(wire, sent, "the upstream did not take the request")
        if not self._sent and not self._over:
            yield commands.CloseConnection(self.conn)
            yield from self._end("the upstream has closed the connection")

    def _lost(self, reason: str) -> layer.CommandGenerator[None]:
        streams = tuple(self._wires)
        self._sent, self._wires = {}, {}
        for stream_id in streams:
            message = f"the upstream's HTTP/2 connection is over: {reason}"
            yield ReceiveHttp(ResponseProtocolError(stream_id, message, ErrorCode.GENERIC_SERVER_ERROR))


def _outgoing(request: http.Request) -> Fields:
    """The sealed copy as HTTP/2 has it."""
    data = request.data
    host = next((value for name, value in data.headers.fields if name.lower() == b"host"), b"")
    fields = [
        (b":method", data.method),
        (b":scheme", data.scheme),
        (b":authority", host),
        (b":path", data.path),
    ]
    grpc = False
    for name, value in data.headers.fields:
        low = name.lower()
        if low != b"host" and low not in HOP_BY_HOP:
            fields.append((low, value.strip(b" \t")))
        grpc = grpc or (low == b"content-type" and value.startswith(b"application/grpc"))
    if grpc:
        fields.append((b"te", b"trailers"))  # by which gRPC tells that nothing between drops them
    return fields


def _incoming(headers: Fields) -> http.Response | None:
    """The head of a response; None where it has something that must not stand in one."""
    status, *rest = [(bytes(name), bytes(value)) for name, value in headers]
    if status[0] != b":status" or not _STATUS.fullmatch(status[1]) or status[1] == b"101":
        return None
    if not all(_VALUE.fullmatch(value) for _, value in rest):
        return None
    return http.Response(
        http_version=b"HTTP/2.0",
        status_code=int(status[1]),
        reason=b"",
        headers=http.Headers(rest),
        content=None,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )
