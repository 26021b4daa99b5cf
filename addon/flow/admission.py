"""The gate is asked: on the head for a tool that streams its body, on the whole request for all others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

from mitmproxy import http
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import MASKED
from wharfinger.flow import adapter
from wharfinger.flow.grpc import is_grpc
from wharfinger.flow.identity import as_response
from wharfinger.flow.parts import Parts
from wharfinger.flow.sessions import Link, Stage
from wharfinger.flow.websocket import Said
from wharfinger.rules.types import Code


class Admission:
    """Hooks `requestheaders`, `requestopening`, `request` and `agent_message`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide a streamed request on its head; turn away a body that is too large before it is read."""
        link = self._parts.sessions.link(flow.client_conn)
        if link is None or link.session is None or flow.response is not None or flow.error is not None:
            return None
        length = flow.request.headers.get("content-length", "")
        size = int(length) if length.isdigit() else None
        framed = flow.request.is_http2 and flow.request.timestamp_end is None  # by frames: no field says so
        has_body = bool(size) or framed or "transfer-encoding" in flow.request.headers
        if not has_body:
            return None
        live = self._parts.live
        if live.may_stream(flow.request.data.host):
            request = adapter.read(flow.request, link.session.who.agent, None)
            streamed = live.streams(request)
            if streamed is not None and streamed.opening is None:
                return self._stream(flow, link)
            exchange = self._parts.sessions.exchange(flow.client_conn, flow.id)
            if streamed is not None and streamed.opening is not None and exchange is not None:
                exchange.opening = streamed.opening()
                return None
        if size is not None and size > self._parts.limits.body:
            answer = Answer(Code.TOO_LARGE, "the request body is larger than this proxy accepts", close=True)
            self._refuse(flow, self._parts.gate.reject_soon(answer, link.session.who), early=True)
        return None

    async def _stream(self, flow: http.HTTPFlow, link: Link) -> None:
        await self._ask(flow, link, body=None)
        if flow.response is None:
            flow.request.stream = True

    async def requestopening(self, flow: http.HTTPFlow) -> None:
        """Decide a streamed request on its head and on what its body begins with."""
        link = self._parts.sessions.link(flow.client_conn)
        if link is None or link.session is None or flow.response is not None or flow.error is not None:
            return
        exchange = self._parts.sessions.exchange(flow.client_conn, flow.id)
        if exchange is None or exchange.opened is None:
            return
        await self._ask(flow, link, body=None, opening=exchange.opened)
        if flow.response is None:
            flow.request.stream = True

    async def request(self, flow: http.HTTPFlow) -> None:
        """Decide a request that has been read whole."""
        link = self._parts.sessions.link(flow.client_conn)
        if link is None or link.session is None or flow.response is not None or flow.error is not None:
            return
        exchange = self._parts.sessions.exchange(flow.client_conn, flow.id)
        if exchange is None or exchange.stage is not Stage.CLOSED:
            return
        await self._ask(flow, link, body=flow.request.data.content or b"")

    async def agent_message(self, flow: http.HTTPFlow, said: Said) -> None:
        """Decide what the agent says on an open WebSocket."""
        link = self._parts.sessions.link(flow.client_conn)
        if link is None or link.session is None:
            return
        admission = await self._parts.gate.admit(said.request, link.session, link)
        said.permit, said.refusal = admission.permit, admission.refusal
        await asyncio.sleep(0)  # messages may be many and short: everybody else comes first

    async def _ask(
        self, flow: http.HTTPFlow, link: Link, body: bytes | None, opening: bytes | None = None
    ) -> None:
        if link.session is None:
            return
        request = adapter.read(flow.request, link.session.who.agent, body, opening)
        exchange = self._parts.sessions.exchange(flow.client_conn, flow.id)
        admission = await self._parts.gate.admit(request, link.session, exchange or link)
        if admission.refusal is not None:
            self._refuse(flow, admission.refusal, early=body is None)
            return
        if admission.permit is not None:
            for name in admission.permit.decision.own:
                flow.request.headers.set_all(name, [MASKED] * len(flow.request.headers.get_all(name)))
        self._parts.sessions.admitted(flow.client_conn, flow.id, admission)

    def _refuse(self, flow: http.HTTPFlow, answer: Answer, *, early: bool) -> None:
        flow.response = as_response(replace(answer, grpc=flow.request.is_http2 and is_grpc(flow.request)))
        if early:
            self._parts.sessions.refuse_early(flow.client_conn, flow.id, answer)
