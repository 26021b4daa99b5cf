"""What of an exchange is gRPC's own: messages with lengths of their own, which nothing is masked in.

A mask has another length than what it hides, so the message around it could not be read any more, and the
next neither. Where a secret stands in a message the call ends there, withheld. Compressed messages could not
be looked through: none are asked for, and those that come all the same are withheld.

Who has said something may wait for the answer before going on. So a message that is whole goes out to its
last byte, where elsewhere bytes wait that could begin something; what begins there is found in what follows.
"""

from __future__ import annotations

from mitmproxy import http
from wharfinger.flow.response import Incoming, Withheld
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.placeholders import Owner, Placeholders, StreamScan

TELLING = 4
"""Bytes of a secret's beginning that tell nothing of it: so much is let go at the end of a message."""
REACH = 8 * 1024
"""Bytes of an answer that are remembered, to find a secret that is told in several messages."""


def is_grpc(message: http.Message) -> bool:
    """Whether a request or response says that it is gRPC."""
    return str(message.headers.get("content-type", "")).startswith("application/grpc")


class Frames:
    """Follows messages by their frames: a flag, four bytes of length, and so many bytes."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def whole(self, data: bytes) -> bool:
        """Take up `data`; whether a message ends where it does."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
            else:
                step = min(5 - len(self._head), len(data) - at)
                self._head += data[at : at + step]
                if len(self._head) == 5:
                    self._left, self._head = int.from_bytes(self._head[1:]), b""
            at += step
        return not self._left and not self._head


class Messages:
    """The messages of one answer, on their way to the agent."""

    __slots__ = ("_before", "_found", "_frames", "_incoming", "_secrets", "_split")

    def __init__(self, head: http.Response, incoming: Incoming, secrets: SecretSet) -> None:
        """Raises `Withheld` where they are compressed."""
        if head.headers.get("grpc-encoding", "identity") != "identity":
            raise Withheld("the answer's messages are compressed, which was not asked for")
        self._incoming = incoming
        self._secrets = secrets
        self._frames = Frames()
        self._before = b""
        self._split = False
        """Whether something of what is remembered has been let go."""
        self._found = self._count()

    def data(self, data: bytes) -> bytes:
        """What may go to the agent now. Raises `Withheld`."""
        known = self._before + data
        if self._split and self._secrets.within(known):
            raise Withheld("a secret stands in several messages")
        self._before = known[-REACH:]
        clean = self._incoming.data(data)
        self._check()
        if self._frames.whole(data) and (rest := self._incoming.let_go(TELLING)):
            self._split = True
            clean += rest
        return clean

    def trailers(self, trailers: http.Headers) -> http.Headers:
        """The fields after the last message: nothing there has a length, and secrets are masked."""
        self._check()
        clean = self._incoming.trailers(trailers)
        self._found = self._count()
        return clean

    def finish(self) -> bytes:
        """What is left once the last message has ended. Raises `Withheld`."""
        rest = self._incoming.finish()
        self._check()
        return rest

    def _count(self) -> int:
        return sum(self._incoming.findings.values())

    def _check(self) -> None:
        if self._count() != self._found:
            raise Withheld("a secret stands in a message, of which nothing can be masked")


class MessageScan(StreamScan):
    """The scan of a streamed request, on its way to the upstream."""

    __slots__ = ("_before", "_frames")

    def __init__(self, placeholders: Placeholders) -> None:
        super().__init__(placeholders)
        self._before = b""
        self._frames = Frames()

    def feed(self, data: bytes) -> tuple[bytes, Owner | None]:
        """As `StreamScan.feed`."""
        known = self._before + data
        if found := self.placeholders.scan(known):
            return b"", found[0]
        self._before = known[-self.reach :]
        clean, owner = super().feed(data)
        if owner is None and self._frames.whole(data):
            rest, owner = super().finish()
            clean += rest
        return (clean, None) if owner is None else (b"", owner)
