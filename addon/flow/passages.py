"""What the sealed layer keeps of each stream, and how each of them ends in the book."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wharfinger.audit.event import Outcome, Sent
from wharfinger.credentials.chunks import Chunks
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import Ending, Permit
from wharfinger.flow.sessions import Exchange, Link, Stage
from wharfinger.rules.types import Code

if TYPE_CHECKING:
    from mitmproxy import http
    from mitmproxy.connection import Client
    from mitmproxy.proxy.layers.http import HttpStream
    from mitmproxy.proxy.layers.http._events import ResponseHeaders
    from wharfinger.flow.grpc import Messages
    from wharfinger.flow.held import Room
    from wharfinger.flow.parts import Parts
    from wharfinger.flow.response import Incoming
    from wharfinger.flow.websocket import Relay
    from wharfinger.rules.requests.placeholders import StreamScan

UNOPENED = Answer(Code.DENIED, "the request was not opened by the gate, so nothing was sent")


@dataclass(slots=True, eq=False)
class Passage:
    """What the layer keeps of one stream."""

    exchange: Exchange
    permit: Permit | None = None
    incoming: Incoming | None = None
    head: ResponseHeaders | None = None
    """Of an answer, while it waits for the first of the body."""
    messages: Messages | None = None
    """Of an answer that is gRPC."""
    answer: Answer | None = None
    """The refusal the agent is to see in place of a protocol error."""
    scan: StreamScan | None = None
    chunks: Chunks | None = None
    """Where a streamed body is in signed chunks: what signs them anew."""
    body: bytes | None = None
    """The sealed copy's, where it is not streamed."""
    asked: http.Request | None = None
    """The sealed copy, where it asks for a WebSocket."""
    relay: Relay | None = None
    """What the stream has become, once the upstream has switched."""
    blocked: bool = False
    """Nothing of this stream may go upstream any more."""
    answered: bool = False
    """The upstream has answered whole while the agent was still sending: the rest goes nowhere."""
    held: bytearray = field(default_factory=bytearray)
    """What has come of an opening that is not whole yet."""
    received: int = 0
    address: str = ""
    """Where it was sent."""
    sent_at: float = 0.0
    over_at: float = 0.0
    """When its time is over, on the monotonic clock; 0 where it has as much as it takes."""
    first_byte: float = 0.0

    def sent(self) -> Sent:
        """Its measurements."""
        incoming, counts = self.incoming, self.relay.counts if self.relay else None
        timings = {"total": round((time.monotonic() - self.exchange.started) * 1000, 3)}
        if self.first_byte:
            timings["upstream"] = round((self.first_byte - self.sent_at) * 1000, 3)
        return Sent(
            status=incoming.status if incoming else None,
            request_bytes=counts.said_bytes if counts else self.received,
            response_bytes=counts.heard_bytes if counts else incoming.received if incoming else None,
            request_messages=counts.said if counts else None,
            response_messages=counts.heard if counts else None,
            findings=self._findings(),
            timings_ms=timings,
            address=self.address,
        )

    def _findings(self) -> Mapping[str, int]:
        found = Counter(self.incoming.findings if self.incoming else {})
        if self.relay is not None:
            found.update(self.relay.counts.findings)
        return found


@dataclass(frozen=True, slots=True)
class _Room:
    """Knows the exchange and not the passage, which knows it: a circle would be left to the collector."""

    passages: Passages
    exchange: Exchange

    def take(self, size: int) -> bool:
        return self.passages.take(self.exchange, size)

    def give_back(self, size: int) -> None:
        self.passages.give_back(self.exchange, size)


class Passages(dict[int, Passage]):
    """The passages of one HTTP layer, by stream."""

    def __init__(self, client: Client, parts: Parts) -> None:
        super().__init__()
        self._client = client
        self._parts = parts

    @property
    def link(self) -> Link | None:
        """The agent's connection; None once it has ended."""
        return self._parts.sessions.link(self._client)

    def of(self, stream: HttpStream | None) -> Passage | None:
        """The passage of `stream`, made at first sight; None while there is no flow, or no agent any more."""
        flow = getattr(stream, "flow", None)
        if stream is None or flow is None:
            return None
        passage = self.get(stream.stream_id)
        if passage is None:
            exchange = self._parts.sessions.exchange(self._client, flow.id)
            if exchange is None:
                return None
            passage = self[stream.stream_id] = Passage(exchange)
        return passage

    def permit(self, stream: HttpStream) -> Permit | None:
        """The permit that `stream` may be sent on; None where the gate has not opened it."""
        passage = self.of(stream)
        if passage is None or passage.exchange.stage is not Stage.OPEN:
            return None
        return passage.exchange.permit

    def early(self, stream: HttpStream) -> Answer | None:
        """The refusal of `stream` on its head, if there was one."""
        return self._parts.sessions.early(self._client, stream.flow.id)

    def take(self, exchange: Exchange, size: int) -> bool:
        """Hold so many bytes more in memory; False where there is no room."""
        return self._parts.sessions.hold(self.link, exchange, size)

    def give_back(self, exchange: Exchange, size: int) -> None:
        """Give back some of what is held before the exchange ends."""
        self._parts.sessions.let_go(self.link, exchange, size)

    def room(self, passage: Passage) -> Room:
        """The same two for something that lives on `passage` alone."""
        return _Room(self, passage.exchange)

    def block(self, passage: Passage, answer: Answer) -> None:
        """Let nothing more of `passage` go upstream; `answer` is what the agent is told."""
        permit = passage.exchange.permit
        passage.blocked = True
        passage.answer = (
            self.report(answer) if permit is None else replace(answer, decision=permit.decision_id)
        )

    def forget(self, stream_id: int) -> None:
        """Let go of a stream whose agent has left it."""
        passage = self.pop(stream_id, None)
        if passage is not None:
            self.end(passage, Outcome.CLIENT_GONE, "the agent left")

    def end(self, passage: Passage, outcome: Outcome, reason: str = "") -> None:
        """End the exchange with its measurements, once; whatever comes later changes nothing."""
        self._parts.sessions.end(self.link, passage.exchange, Ending(outcome, passage.sent(), reason))

    def report(self, answer: Answer) -> Answer:
        """Record a refusal made here, where no request could be decided."""
        return self._parts.gate.reject_soon(answer, self._parts.who(self.link))
