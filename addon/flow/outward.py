"""Outward: what an agent sends, first into the flow, to be decided on, and then upstream as the sealed copy.

A request leaves only by redeeming its permit, in the step that emits its first byte; what is sent is the
sealed copy, not the flow. A body is held whole until it is decided on, within limits; a streamed one is
scanned on its way, and cut off at a placeholder.
"""

from __future__ import annotations

import time
from dataclasses import replace

from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
)
from wharfinger.audit.event import Outcome
from wharfinger.credentials.chunks import Misshapen
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import Withdrawn
from wharfinger.flow import adapter, upstream
from wharfinger.flow.deadlines import Deadlines
from wharfinger.flow.grpc import MessageScan, is_grpc
from wharfinger.flow.parts import Parts
from wharfinger.flow.passages import UNOPENED, Passage, Passages
from wharfinger.flow.sessions import Stage
from wharfinger.flow.stream import RequestOpened
from wharfinger.flow.switchboard import Switchboard, refuse
from wharfinger.rules.redact import parts
from wharfinger.rules.requests.placeholders import StreamScan
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Code

_NO_ROOM = Answer(
    Code.LIMIT,
    "the requests under way hold as much as this proxy keeps in memory",
    "Send fewer large requests at the same time.",
)
_TOO_LARGE = Answer(Code.TOO_LARGE, "the request body is larger than this proxy accepts")


_MISUSED = Answer(
    Code.MISUSE,
    "a credential's placeholder stands in the request body",
    "Send placeholders only where the API expects the key.",
    close=True,
)


class _CutOff(Exception):
    """A streamed body may not go on: what the agent is told, and what the book."""

    def __init__(self, answer: Answer, reason: str) -> None:
        super().__init__(reason)
        self.answer, self.reason = answer, reason


def _streamed(passage: Passage, scan: StreamScan, data: bytes | None) -> bytes:
    """What of a streamed body may be sent now; with None at its end. Raises `_CutOff`."""
    clean, found = scan.finish() if data is None else scan.feed(data)
    if found is not None:
        raise _CutOff(_MISUSED, "a placeholder stood in the streamed body")
    passage.received += len(clean)
    if passage.chunks is None:
        return clean
    try:
        return passage.chunks.feed(clean) + (passage.chunks.finish() if data is None else b"")
    except Misshapen as error:
        reason = f"the body is not in signed chunks: {error}"
        raise _CutOff(Answer(Code.BAD_REQUEST, reason, "Send it again.", close=True), reason) from None


def _answer(refused: Refused) -> Answer:
    refusal = refused.refusal
    return Answer(refusal.code, refusal.reason, refusal.help)


class Outward:
    """The way out of one HTTP layer."""

    def __init__(self, board: Switchboard, passages: Passages, deadlines: Deadlines, parts: Parts) -> None:
        self._board = board
        self._passages = passages
        self._deadlines = deadlines
        self._parts = parts

    # From the agent into the flow.

    def enter(self, stream: base.HttpStream, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Take up a part of a request."""
        match event:
            case RequestHeaders():
                yield from self._board.give(stream, event)
                if stream.flow.request.method != "CONNECT":
                    self._passages.of(stream)
                    yield from self.refuse_early(stream)
            case RequestData() if stream.flow.request.method != "CONNECT":
                yield from self._body(stream, event)
            case RequestEndOfMessage():
                passage = self._passages.get(stream.stream_id)
                if passage is not None and passage.answered:
                    return
                yield from self._end_opening(stream)
                yield from self._board.give(stream, event)
            case RequestProtocolError():
                yield from self._left(stream, event)
            case _:
                yield from self._board.give(stream, event)

    def _left(self, stream: base.HttpStream, event: RequestProtocolError) -> layer.CommandGenerator[None]:
        """The agent has left: whoever waits on its behalf may stop, and what was held of it is let go."""
        passage = self._passages.get(stream.stream_id)
        if passage is not None:
            passage.exchange.gone.set()
        yield from self._board.give(stream, event)
        if stream.stream_id not in self._board.streams:
            self._passages.forget(stream.stream_id)

    def refuse_early(self, stream: base.HttpStream) -> layer.CommandGenerator[None]:
        """Refuse at once what was refused on its head, be there a body to come or not."""
        early = self._passages.early(stream)
        if early is not None and stream.client_state == stream.state_consume_request_body:
            yield from self._refuse_unread(stream, early)

    def _refuse_unread(self, stream: base.HttpStream, answer: Answer) -> layer.CommandGenerator[None]:
        passage = self._passages.of(stream)
        if passage is not None:
            passage.answer = answer
        error = RequestProtocolError(stream.stream_id, answer.reason, ErrorCode.REQUEST_TOO_LARGE)
        yield from self._board.agent_side.refuse(stream.stream_id, replace(answer, close=True))
        yield from self._left(stream, error)

    def _body(self, stream: base.HttpStream, event: RequestData) -> layer.CommandGenerator[None]:
        """Pass body bytes into the flow, within the limit for those that are kept there."""
        passage = self._passages.of(stream)
        if passage is not None and passage.answered:
            return
        if passage is not None and passage.exchange.opening is not None:
            yield from self._opening(stream, event, passage)
            return
        if passage is not None and stream.client_state == stream.state_consume_request_body:
            passage.received += len(event.data)
            if passage.received > self._parts.limits.body:
                yield from self._refuse_unread(stream, self._passages.report(_TOO_LARGE))
                return
            if not self._passages.take(passage.exchange, len(event.data)):
                yield from self._refuse_unread(stream, self._passages.report(_NO_ROOM))
                return
        yield from self._board.give(stream, event)

    def _opening(
        self, stream: base.HttpStream, event: RequestData, passage: Passage
    ) -> layer.CommandGenerator[None]:
        """Keep what a streamed body begins with until it is whole; then it is decided on, and all goes on."""
        exchange = passage.exchange
        if not self._passages.take(exchange, len(event.data)):
            yield from self._refuse_unread(stream, self._passages.report(_NO_ROOM))
            return
        passage.held += event.data
        try:
            end = exchange.opening.feed(event.data) if exchange.opening is not None else None
        except Refused as refused:
            yield from self._refuse_unread(stream, self._passages.report(_answer(refused)))
            return
        if end is None:
            return
        exchange.opened, exchange.opening = bytes(passage.held[:end]), None
        held = bytes(passage.held)
        passage.held.clear()
        yield from self._board.give(stream, RequestOpened(event.stream_id, held))
        yield from self.refuse_early(stream)

    def _end_opening(self, stream: base.HttpStream) -> layer.CommandGenerator[None]:
        """A body that ends within its opening is decided on like any other."""
        passage = self._passages.get(stream.stream_id)
        if passage is not None and passage.exchange.opening is not None:
            passage.exchange.opening = None
            held = bytes(passage.held)
            passage.held.clear()
            yield from self._board.give(stream, RequestData(stream.stream_id, held))

    # From the flow to the upstream.

    def leave(self, child: layer.Layer, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Send a part of a request, if it may be."""
        stream_id = event.stream_id
        passage = self._passages.get(stream_id) or self._passages.of(self._board.streams.get(stream_id))
        if passage is None:
            return
        match event:
            case RequestHeaders():
                yield from self._send_head(child, event, passage)
            case RequestData() if passage.relay is not None:
                yield from self._board.give(child, event)
            case RequestData() if not passage.blocked and passage.permit is not None:
                yield from self._send_data(child, event, passage)
            case RequestEndOfMessage():
                yield from self._send_end(child, event, passage)
            case RequestProtocolError() if passage.permit is not None:
                self._passages.end(passage, Outcome.CLIENT_GONE, "the agent left")
                yield from self._board.give(child, event)
            case _:
                return

    def _send_head(
        self, child: layer.Layer, event: RequestHeaders, passage: Passage
    ) -> layer.CommandGenerator[None]:
        """Redeem the permit and emit the first byte, in one step."""
        stream = self._board.streams[event.stream_id]
        permit = passage.exchange.permit
        try:
            if permit is None or passage.exchange.stage is not Stage.OPEN:
                raise Withdrawn(UNOPENED.reason)
            if passage.exchange.gone.is_set():
                raise Withdrawn("the agent left")
            body = None if permit.request.body is None else stream.flow.request.data.content or b""
            opening = None if body is not None else passage.exchange.opened
            agent = permit.session.who.agent
            self._parts.gate.redeem(permit, adapter.read(stream.flow.request, agent, body, opening))
            around = parts.reach(self._parts.live.secrets.kept_from(agent)) if permit.part else 0
            sealed = upstream.sealed(permit, stream.flow.request, around)
        except Withdrawn as withdrawn:
            answer = Answer(Code.DENIED, str(withdrawn), "Send the request again.")
            self._passages.block(passage, answer)
            if not event.end_stream and stream.flow.request.stream:
                yield from refuse(self._board, event.stream_id, passage)
            return
        passage.exchange.move(Stage.SENT)
        passage.permit, passage.body = permit, sealed.body
        passage.sent_at = time.monotonic()
        if peer := stream.flow.server_conn.peername:
            passage.address = f"{peer[0]}:{peer[1]}"
        if permit.request.body is None:
            scan = MessageScan if is_grpc(stream.flow.request) else StreamScan
            passage.scan = scan(self._parts.live.secrets.placeholders)
            passage.chunks = sealed.chunks
        if permit.decision.response.switch:
            passage.asked = sealed.head
        yield from self._board.give(child, replace(event, request=sealed.head))
        yield from self._deadlines.start(passage, permit)

    def _send_data(
        self, child: layer.Layer, event: RequestData, passage: Passage
    ) -> layer.CommandGenerator[None]:
        try:
            data = passage.body if passage.scan is None else _streamed(passage, passage.scan, event.data)
        except _CutOff as cut:
            yield from self._reset(child, event.stream_id, passage, cut)
            return
        if data:
            yield from self._board.give(child, RequestData(event.stream_id, data))

    def _reset(
        self, child: layer.Layer, stream_id: int, passage: Passage, cut: _CutOff
    ) -> layer.CommandGenerator[None]:
        """A streamed body that must not be sent on: cut both sides off."""
        permit = passage.permit
        if cut.answer.code is Code.MISUSE and permit is not None:
            self._parts.gate.misused(permit.session.who, cut.reason, permit.decision_id)
        self._passages.block(passage, cut.answer)
        self._passages.end(passage, Outcome.WITHHELD, cut.reason)
        yield from self._board.give(child, RequestProtocolError(stream_id, "reset", ErrorCode.CANCEL))
        yield from refuse(self._board, stream_id, passage)

    def _send_end(
        self, child: layer.Layer, event: RequestEndOfMessage, passage: Passage
    ) -> layer.CommandGenerator[None]:
        if passage.answered:
            return  # upstream must not take the part it has for the whole
        if passage.blocked or passage.permit is None:
            yield from refuse(self._board, event.stream_id, passage)
            return
        if passage.scan is not None:
            try:
                rest = _streamed(passage, passage.scan, None)
            except _CutOff as cut:
                yield from self._reset(child, event.stream_id, passage, cut)
                return
            if rest:
                yield from self._board.give(child, RequestData(event.stream_id, rest))
        yield from self._board.give(child, event)
