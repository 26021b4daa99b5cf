"""One side of a WebSocket (RFC 6455): whole messages come out of it, and frames go into it.

Rules: wsproto does the framing (reserved bits and opcodes, masks, lengths, fragments of control frames,
UTF-8, close codes); here fragments are put together within limits. No extension is known, so a message
is what its frames hold. What is put together is counted, until the next is asked for: there is only so much
room for all of it. A reason given here never quotes what the peer sent.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from wharfinger.flow.held import Room
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

MAX_FRAGMENTS = 1024
"""Most frames of one message, each of which takes some time, however little it holds…"""

FRAGMENT = 256
"""… beyond one for each so many bytes."""

MAX_REASON = 123
"""Bytes of the reason in a Close frame (RFC 6455 section 5.5)."""

_REASONS = {
    CloseReason.INVALID_FRAME_PAYLOAD_DATA: "text that is not UTF-8",
    CloseReason.MESSAGE_TOO_BIG: "the message is larger than this proxy accepts",
    CloseReason.TRY_AGAIN_LATER: "more than this proxy keeps in memory",
}


class Kind(enum.StrEnum):
    """What a frame, or the frames of one message, hold."""

    TEXT = "text"
    BINARY = "binary"
    PING = "ping"
    PONG = "pong"
    CLOSE = "close"


MESSAGES = frozenset({Kind.TEXT, Kind.BINARY})


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, whole, or a control frame."""

    kind: Kind
    data: bytes
    """Text as UTF-8; of a Close frame its reason."""
    code: int = CloseReason.NO_STATUS_RCVD
    """Of a Close frame."""


class Broken(Exception):
    """What the peer sent breaks the protocol, or a limit; the message says how, in our words."""

    def __init__(self, code: int) -> None:
        super().__init__(_REASONS.get(CloseReason(code), "frames that break the WebSocket protocol"))
        self.code = code
        """For the Close frame that answers it."""


class Frames:
    """See the module's head. Nothing is heard after a Close frame."""

    def __init__(self, kind: ConnectionType, limit: int, room: Room) -> None:
        """The proxy's end of a connection, as its client or its server; `limit` is bytes of a message."""
        self._wire = Connection(kind)
        self._limit = limit
        self._room = room
        self._told = 0
        """Bytes of the last message that was heard, which may still be in use."""
        self._parts = bytearray()
        self._fragments = 0

    @property
    def open(self) -> bool:
        """Whether messages may be said: neither side has sent a Close frame."""
        return self._wire.state is ConnectionState.OPEN

    @property
    def heard_close(self) -> bool:
        """Whether the peer has sent its Close frame."""
        return self._wire.state in {ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED}

    @property
    def closed(self) -> bool:
        """Whether both sides have sent theirs."""
        return self._wire.state is ConnectionState.CLOSED

    def receive(self, data: bytes) -> None:
        """Take bytes as they come; `next` says what they hold."""
        if not self.heard_close:
            self._wire.receive_data(data)

    def next(self) -> Heard | None:
        """The next message or control frame, None until more bytes have come. Raises `Broken`.

        Whoever asks has done with the one before.
        """
        if self._told:
            self._room.give_back(self._told)
            self._told = 0
        for event in self._wire.events():
            if isinstance(event, TextMessage | BytesMessage):
                if self._add(event):
                    return self._whole(event)
            elif isinstance(event, CloseConnection):
                if not self.heard_close:
                    raise Broken(event.code)
                return Heard(Kind.CLOSE, (event.reason or "").encode(), event.code)
            elif isinstance(event, Ping | Pong):
                return Heard(Kind.PING if isinstance(event, Ping) else Kind.PONG, bytes(event.payload))
        return None

    def _add(self, event: TextMessage | BytesMessage) -> bool:
        """Add a piece to the message under way; whether that was the last. Raises `Broken`."""
        piece = event.data.encode() if isinstance(event, TextMessage) else event.data
        self._fragments += event.frame_finished
        size = len(self._parts) + len(piece)
        if size > self._limit or self._fragments > MAX_FRAGMENTS + size // FRAGMENT:
            raise Broken(CloseReason.MESSAGE_TOO_BIG)
        if not self._room.take(len(piece)):
            raise Broken(CloseReason.TRY_AGAIN_LATER)
        self._parts += piece
        return event.message_finished

    def _whole(self, event: TextMessage | BytesMessage) -> Heard:
        data = bytes(self._parts)
        self._parts.clear()
        self._fragments, self._told = 0, len(data)
        return Heard(Kind.TEXT if isinstance(event, TextMessage) else Kind.BINARY, data)

    def say(self, heard: Heard) -> bytes:
        """The frame that says the same to this side; none where it may not be said any more."""
        if heard.kind is Kind.CLOSE:
            if not self.open and self._wire.state is not ConnectionState.REMOTE_CLOSING:
                return b""
            code = None if heard.code == CloseReason.NO_STATUS_RCVD else heard.code
            reason = heard.data.decode("utf-8", "replace") if code is not None else None
            return bytes(self._wire.send(CloseConnection(code or CloseReason.NO_STATUS_RCVD, reason)))
        return bytes(self._wire.send(_event(heard))) if self.open else b""


def _event(heard: Heard) -> Event:
    if heard.kind is Kind.TEXT:
        return TextMessage(heard.data.decode("utf-8", "replace"))
    if heard.kind is Kind.BINARY:
        return BytesMessage(heard.data)
    return Ping(heard.data) if heard.kind is Kind.PING else Pong(heard.data)


def closing(code: int, reason: str = "", suffix: str = "") -> Heard:
    """A Close frame of our own; the reason is cut so that it and `suffix` fit."""
    room = MAX_REASON - len(suffix.encode())
    cut = reason.encode()[:room].decode("utf-8", "ignore")
    return Heard(Kind.CLOSE, (cut + suffix).encode(), code)


__all__ = ["MESSAGES", "Broken", "ConnectionType", "Frames", "Heard", "Kind", "closing"]
