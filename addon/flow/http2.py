"""HTTP/2 (RFC 9113) at both ends, on the `h2` library: its frames in and out, within windows and limits.

What the peer sends is given credit for only once it has been taken up (`Credit`), and what goes to it waits
here for its window, so that memory stays flat whichever side is slow. A peer that breaks the protocol, or
that makes more work than its requests are worth, is told so by GOAWAY and hung up on; nothing that it said
in the same breath is acted on.

Not mitmproxy's own layers for HTTP/2: those give credit at once, keep what a slow peer does not read without
end, and go on with a request whose stream has been reset.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from h2.errors import ErrorCodes
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import HttpConnection
from mitmproxy.proxy.layers.http._events import HttpEvent

if TYPE_CHECKING:
    from hyperframe.frame import Frame, GoAwayFrame

type Fields = Sequence[tuple[bytes, bytes]]

ALPN = b"h2"
STREAMS = 100
"""Streams that may be open on one connection."""
BACKLOG = 256 * 1024
"""Bytes of one stream that wait for its reader; beyond that its source is not read any further."""
SMALL_STEP = 256
"""Bytes of a window update below which it is no help: a peer that sends many wants many small frames."""
CONTROL_BURST, CONTROL_RATE = 1000.0, 100.0
"""Frames that carry nothing of a message: so many at once, and so many a second."""
RESET_COST = 5.0
"""What a reset counts as: it makes the work of a request."""
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
)
"""Fields that have no place in HTTP/2 (RFC 9113 section 8.2.2)."""


@dataclass
class Credit(HttpEvent):
    """What has come of a stream so far has been taken up: its sender may send more."""


class Library(h2.connection.H2Connection):
    """`h2`'s connection, which goes on with its streams once the peer has said that it takes no new ones.

    As it stands it takes a GOAWAY for the end of all streams, those that the peer is answering included
    (seen with nginx, which says so every thousand requests).
    """

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[h2.events.Event]]:
        event = h2.events.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


@dataclass(slots=True)
class Outbox:
    """What waits to be sent on one stream."""

    parts: deque[bytes] = field(default_factory=deque)
    size: int = 0
    trailers: Fields | None = None
    ended: bool = False
    reset: ErrorCodes | None = None
    """How to end the peer's half of the stream once all is out."""


@dataclass(slots=True)
class Budget:
    """How many frames a peer may send that bring nothing, as a bucket that fills with time."""

    left: float = CONTROL_BURST
    at: float = field(default_factory=time.monotonic)

    def spend(self, cost: float) -> bool:
        """Take `cost`; False where there is not so much left."""
        now = time.monotonic()
        self.left = min(CONTROL_BURST, self.left + (now - self.at) * CONTROL_RATE)
        self.at = now
        self.left -= cost
        return self.left >= 0


class Http2Side(HttpConnection):
    """One end of an HTTP/2 connection; streams are named by their number on the wire."""

    def __init__(
        self, context: Context, conn: Connection, *, client: bool, window: int, head_limit: int
    ) -> None:
        """`window`: bytes of one stream that may be on their way to here; four times that of all together."""
        super().__init__(context, conn)
        self.h2 = Library(
            h2.config.H2Configuration(
                client_side=client,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=client,  # which marks credentials as never to be indexed
            )
        )
        codes = h2.settings.SettingCodes
        self.h2.local_settings = h2.settings.Settings(
            client=client,
            initial_values={
                codes.ENABLE_PUSH: 0,
                codes.MAX_CONCURRENT_STREAMS: STREAMS,
                codes.INITIAL_WINDOW_SIZE: window,
                codes.MAX_HEADER_LIST_SIZE: head_limit,
            },
        )
        self.h2.decoder.max_header_list_size = head_limit
        self._window = window
        self._out: dict[int, Outbox] = {}
        self._unread: dict[int, int] = {}
        self._dirty: set[int] = set()
        """Streams to which something has been added that `settle` is to send."""
        self._budget = Budget()
        self._over = False

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Process an event from the socket, or send a part of a message. Nothing here waits for a reply."""
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, HttpEvent):
            if not self._over:
                yield from self._send(event)
                yield from self._flush()
        elif isinstance(event, events.DataReceived):
            if not self._over:
                yield from self._receive(event.data)
        elif isinstance(event, events.Start):
            self.h2.initiate_connection()
            self.h2.increment_flow_control_window(4 * self._window - 65_535)
            yield from self._flush()
        elif isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            yield from self._end("the connection was closed")

    @abstractmethod
    def _send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Send a part of a message."""

    @abstractmethod
    def _take(self, event: h2.events.Event) -> layer.CommandGenerator[None]:
        """Take up what the peer has sent of a message."""

    @abstractmethod
    def _lost(self, reason: str) -> layer.CommandGenerator[None]:
        """Every stream has ended, for `reason`, in our words."""

    # Reading.

    def _receive(self, data: bytes) -> layer.CommandGenerator[None]:
        try:
            received = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            yield from self._fault()
            return
        if not self._budget.spend(sum(map(_cost, received))):
            self.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            yield from self._fault("sends frames that carry nothing, without end")
            return
        for event in received:
            match event:
                case h2.events.DataReceived():
                    size = event.flow_controlled_length or 0
                    self._unread[event.stream_id] = self._unread.get(event.stream_id, 0) + size
                    yield from self._take(event)
                case h2.events.WindowUpdated() if event.stream_id:
                    self._pump(event.stream_id)
                case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                    yield from self._take(event)
                    self._pump_all()
                case _:
                    yield from self._take(event)
            if self._over:
                return
        yield from self._flush()

    def unread(self) -> tuple[int, ...]:
        """Streams of which something has come that nobody has given credit for."""
        return tuple(self._unread)

    def credit(self, wires: Iterable[int]) -> layer.CommandGenerator[None]:
        """What has come of these streams has been taken up: their senders may send more."""
        for wire in wires:
            self._credit(wire)
        yield from self._flush()

    def _credit(self, wire: int) -> None:
        size = self._unread.pop(wire, 0)
        if size and not self._over:
            self.h2.acknowledge_received_data(size, wire)

    # Writing.

    def _put(self, wire: int, data: bytes) -> None:
        box = self._out[wire]
        box.parts.append(data)
        box.size += len(data)
        self._dirty.add(wire)

    def settle(self) -> layer.CommandGenerator[None]:
        """Send what has been put since, in as few frames as it takes."""
        if self._dirty and not self._over:
            dirty, self._dirty = self._dirty, set()
            for wire in dirty:
                self._pump(wire)
            yield from self._flush()

    def _pump_all(self) -> None:
        """Send of each stream what its window admits, a frame of each in turn."""
        moving = list(self._out)
        while moving:
            moving = [wire for wire in moving if self._step(wire)]

    def _pump(self, wire: int) -> None:
        while self._step(wire):
            pass

    def _step(self, wire: int) -> bool:
        """Send one frame of a stream; whether another may follow."""
        box = self._out.get(wire)
        if box is None:
            return False
        if box.parts:
            room = min(self.h2.local_flow_control_window(wire), self.h2.max_outbound_frame_size)
            if room <= 0:
                return False
            data = box.parts.popleft()
            if len(data) > room:
                box.parts.appendleft(data[room:])
                data = data[:room]
            box.size -= len(data)
            last = box.ended and not box.parts and box.trailers is None
            self.h2.send_data(wire, data, end_stream=last)
            if last:
                self._sent_all(wire, box)
            return not last
        if box.ended:
            if box.trailers is not None:
                self.h2.send_headers(wire, box.trailers, end_stream=True)
            else:
                self.h2.end_stream(wire)
            self._sent_all(wire, box)
        return False

    def _sent_all(self, wire: int, box: Outbox) -> None:
        del self._out[wire]
        if box.reset is not None:
            self._reset(wire, box.reset)

    def _reset(self, wire: int, code: ErrorCodes) -> None:
        """End a stream at once, if it has not ended."""
        self._out.pop(wire, None)
        try:
            self.h2.reset_stream(wire, code)
        except h2.exceptions.ProtocolError:
            return  # it has ended: there is nothing to reset

    def _flush(self) -> layer.CommandGenerator[None]:
        if data := self.h2.data_to_send():
            yield commands.SendData(self.conn, data)

    # Ending.

    def _fault(self, what: str = "breaks the protocol") -> layer.CommandGenerator[None]:
        """The peer is at fault: say so, as far as the protocol has words for it, and hang up."""
        yield from self._flush()
        yield commands.CloseConnection(self.conn)
        yield from self._end(what)

    def _end(self, reason: str) -> layer.CommandGenerator[None]:
        if not self._over:
            self._over = True
            self._out.clear()
            self._unread.clear()
            yield from self._lost(reason)


def _cost(event: h2.events.Event) -> float:
    """What a frame counts as that brings nothing of a message."""
    match event:
        case h2.events.StreamReset():
            return RESET_COST
        case h2.events.DataReceived():
            return 0.0 if event.data or event.stream_ended else 1.0
        case h2.events.WindowUpdated():
            return 0.0 if (event.delta or 0) >= SMALL_STEP else 1.0
        case (
            h2.events.PingReceived()
            | h2.events.RemoteSettingsChanged()
            | h2.events.PriorityUpdated()
            | h2.events.UnknownFrameReceived()
            | h2.events.AlternativeServiceAvailable()
        ):
            return 1.0
        case _:
            return 0.0
