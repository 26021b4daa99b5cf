"""Inward: what an upstream answers, into the flow only stripped and redacted, and from there to the agent.

What cannot be redacted is withheld: both sides are cut off, and the agent is told why where that can still
be said. Every response that ends, however it does, ends its exchange in the book.
"""

from __future__ import annotations

import time
from dataclasses import replace

from mitmproxy import http
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as base
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestEndOfMessage,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from wharfinger.audit.event import Outcome
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import Permit
from wharfinger.flow import resealing
from wharfinger.flow.grpc import Messages, is_grpc
from wharfinger.flow.parts import Parts
from wharfinger.flow.passages import UNOPENED, Passage, Passages
from wharfinger.flow.response import Incoming, Withheld
from wharfinger.flow.routes import Routes
from wharfinger.flow.switchboard import Switchboard, refuse
from wharfinger.flow.switching import Switching
from wharfinger.rules.recognition import redirecting
from wharfinger.rules.types import Code


class Inward:
    """The way in of one HTTP layer."""

    def __init__(
        self, board: Switchboard, passages: Passages, routes: Routes, switching: Switching, parts: Parts
    ) -> None:
        self._board = board
        self._passages = passages
        self._routes = routes
        self._switching = switching
        self._parts = parts

    # From the upstream into the flow.

    def enter(self, stream: base.HttpStream, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Take up a part of a response to what was sent on a permit; anything else is dropped."""
        passage = self._passages.of(stream)
        if passage is None or passage.permit is None or passage.blocked:
            return
        try:
            match event:
                case ResponseHeaders():
                    yield from self._head(stream, event, passage, passage.permit)
                case ResponseData() if passage.incoming is not None:
                    clean = (passage.messages or passage.incoming).data(event.data)
                    if clean:
                        yield from self._tell_head(stream, passage, passage.permit)
                        yield from self._body(stream, ResponseData(event.stream_id, clean))
                case ResponseTrailers() if passage.incoming is not None:
                    trailers = (passage.messages or passage.incoming).trailers(event.trailers)
                    yield from self._tell_head(stream, passage, passage.permit)
                    yield from self._board.give(stream, ResponseTrailers(event.stream_id, trailers))
                case ResponseEndOfMessage() if passage.incoming is not None:
                    rest = (passage.messages or passage.incoming).finish()
                    yield from self._tell_head(stream, passage, passage.permit)
                    yield from self._finish(stream, event, passage, rest)
                case _:
                    return
        except Withheld as withheld:
            yield from self._withhold(stream, passage, passage.permit, str(withheld))

    def _head(
        self, stream: base.HttpStream, event: ResponseHeaders, passage: Passage, permit: Permit
    ) -> layer.CommandGenerator[None]:
        incoming = self._incoming(passage, permit, stream)
        if event.response.status_code == 101 and passage.asked is not None:
            yield from self._switching.switch(stream, event, passage, incoming)
            return
        head = incoming.begin(event.response, end_stream=event.end_stream)
        if is_grpc(head) and not event.end_stream:
            secrets = self._parts.live.secrets.kept_from(permit.session.who.agent)
            passage.messages = Messages(head, incoming, secrets)
        passage.head = replace(event, response=head)
        if not incoming.waits:
            yield from self._tell_head(stream, passage, permit)

    def _tell_head(
        self, stream: base.HttpStream, passage: Passage, permit: Permit
    ) -> layer.CommandGenerator[None]:
        """Give the agent the head of a response, if that has waited until now."""
        head, passage.head = passage.head, None
        if head is not None:
            self._may_follow(permit, head.response)
            yield from self._board.give(stream, head)

    def _incoming(self, passage: Passage, permit: Permit, stream: base.HttpStream) -> Incoming:
        passage.first_byte = time.monotonic()
        passage.incoming = resealing.incoming(
            permit,
            self._parts.live,
            Incoming,
            decision_id=permit.decision_id,
            method=permit.request.method,
            http_version=stream.flow.request.http_version,
            parse_limit=self._parts.limits.parse,
            room=self._passages.room(passage),
            pseudonyms=self._parts.live.secrets.pseudonyms(permit.session.who.agent),
            part=permit.part,
        )
        return passage.incoming

    def _may_follow(self, permit: Permit, head: http.Response) -> None:
        """Let the agent follow a redirect that its tool lists, as the agent gets to see it."""
        if head.status_code not in redirecting.STATUSES:
            return
        locations = head.headers.get_all("location")
        if permit.decision.response.redirects and len(locations) == 1:
            self._parts.live.let_follow(permit.session, locations[0], permit.decision)

    def _body(self, stream: base.HttpStream, event: ResponseData) -> layer.CommandGenerator[None]:
        """Give the agent a piece of the body; a stream that would only pass it on is spared that."""
        response = stream.flow.response
        passed_on = stream._paused is None and response is not None and response.stream is True
        if passed_on and stream.server_state == stream.state_stream_response_body:
            yield from self._board.to_agent(event)
        else:
            yield from self._board.give(stream, event)

    def _finish(
        self, stream: base.HttpStream, event: ResponseEndOfMessage, passage: Passage, rest: bytes
    ) -> layer.CommandGenerator[None]:
        if rest:
            yield from self._board.give(stream, ResponseData(event.stream_id, rest))
        if stream.client_state == stream.state_stream_request_body:
            passage.answered = True
            yield from self._board.give(stream, RequestEndOfMessage(event.stream_id))
            yield from self._routes.abandon(stream)
        yield from self._board.give(stream, event)

    def _withhold(
        self, stream: base.HttpStream, passage: Passage, permit: Permit, reason: str
    ) -> layer.CommandGenerator[None]:
        answer = Answer(Code.UPSTREAM, reason, decision=permit.decision_id, close=True)
        yield from self.cut_off(stream, passage, answer, Outcome.WITHHELD)

    def cut_off(
        self, stream: base.HttpStream, passage: Passage, answer: Answer, outcome: Outcome
    ) -> layer.CommandGenerator[None]:
        """End both sides of an exchange; the agent is told `answer`, if its response has not begun."""
        passage.blocked, passage.answer = True, answer
        self._passages.end(passage, outcome, answer.reason)
        yield from self._routes.abandon(stream)
        yield from refuse(self._board, stream.stream_id, passage)

    # From the flow to the agent.

    def leave(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Give the agent a part of a response, which is ours or has been redacted."""
        agent_side, passage = self._board.agent_side, self._passages.get(event.stream_id)
        match event:
            case ResponseProtocolError():
                yield from self._tell(event, passage)
            case ResponseEndOfMessage():
                if passage is not None:
                    self._passages.end(passage, Outcome.COMPLETED)
                self._passages.pop(event.stream_id, None)
                yield from self._board.give(agent_side, event)
                if passage is not None and passage.answered:
                    yield from agent_side.hang_up(event.stream_id)
            case ResponseHeaders() if event.response.status_code < 200 and self._is_refused(event.stream_id):
                return  # no `100 Continue` for what is refused on its head
            case _:
                yield from self._board.give(agent_side, event)

    def _is_refused(self, stream_id: int) -> bool:
        return self._passages.early(self._board.streams[stream_id]) is not None

    def _tell(self, event: ResponseProtocolError, passage: Passage | None) -> layer.CommandGenerator[None]:
        """Answer a protocol error in our own words, and record how the request ended."""
        if event.code is ErrorCode.PASSTHROUGH_CLOSE:
            yield from self._board.give(self._board.agent_side, event)
            return
        answer = self._words(event, passage)
        if passage is not None:
            self._passages.end(passage, Outcome.UPSTREAM_FAILED, answer.reason)
        self._passages.pop(event.stream_id, None)
        yield from self._board.agent_side.refuse(event.stream_id, replace(answer, close=True))

    def _words(self, event: ResponseProtocolError, passage: Passage | None) -> Answer:
        if passage is not None and passage.answer is not None:
            return passage.answer
        permit = passage.exchange.permit if passage is not None else None
        if permit is None:
            return self._passages.report(UNOPENED)
        reason = f"the upstream cannot be used: {event.message}"
        return Answer(Code.UPSTREAM, reason, decision=permit.decision_id)
