"""Which agent speaks: established on every CONNECT and every absolute-form request, or 407.

The proxy credentials (RFC 9110 section 11.7) are taken off the flow as soon as they are read: no view,
dump or upstream sees them. One connection serves one agent; another identity on it is 407 and close.
At the door of an isolated run the socket says who speaks, and where `from` names networks, the address
does: credentials are not needed there, and those of anyone else are refused.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from mitmproxy import http
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.gate import Session
from wharfinger.flow.parts import Parts
from wharfinger.flow.sessions import Link
from wharfinger.isolation.attaching import Hello
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Code

_CHALLENGE = Answer(
    Code.IDENTITY,
    "this proxy needs to know which agent is asking",
    "Start the agent with `wharfinger run`, or put the output of `wharfinger env` into its environment.",
)
_OTHER = Answer(Code.IDENTITY, "another agent already speaks on this connection", close=True)
_FULL = Answer(Code.LIMIT, "this agent has too many connections open", close=True)


class Identity:
    """Hooks `http_connect` and `requestheaders`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Accept a CONNECT from a known agent to a well-formed authority; nothing is opened by that."""
        link = self._parts.sessions.link(flow.client_conn)
        if link is None:
            flow.kill()
            return
        refusal = self._identify(flow, link)
        if refusal is None:
            try:
                authority = flow.request.data.authority.decode("latin-1")
                link.tunnel = spelling.authority(authority, None)
            except Refused as refused:
                refusal = Answer(Code.BAD_REQUEST, refused.refusal.reason, refused.refusal.help, close=True)
        if refusal is not None:
            self._refuse(flow, refusal, link.session)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Identify a request that came without a tunnel; inside one, the tunnel's agent speaks."""
        link = self._parts.sessions.link(flow.client_conn)
        if link is None:
            flow.kill()
            return
        refusal = self._identify(flow, link) if link.tunnel is None else None
        if refusal is not None:
            answered = self._refuse(flow, refusal, link.session)
            self._parts.sessions.refuse_early(flow.client_conn, flow.id, answered)

    def _identify(self, flow: http.HTTPFlow, link: Link) -> Answer | None:
        values = flow.request.headers.get_all("proxy-authorization")
        for name in ("proxy-authorization", "proxy-connection"):
            flow.request.headers.pop(name, None)
        if link.door is None:
            session = self._session(values, _address(flow))
        else:
            session = self._at_door(values, link.door)
        if session is None:
            return replace(_CHALLENGE, close=link.session is not None)
        if link.session is None:
            if self._parts.sessions.count(session.who.agent) >= self._parts.limits.per_agent:
                return _FULL
            link.identify(session)
            return None
        return None if link.session.who == session.who else _OTHER

    def _session(self, values: list[str], address: str) -> Session | None:
        """By the token that is shown; where none is, by the address."""
        if not values:
            return self._parts.live.identify_by_address(address)
        presented = _presented(values)
        return None if presented is None else self._parts.live.identify(*presented, address)

    def _at_door(self, values: list[str], door: Hello) -> Session | None:
        if values and _presented(values) != (door.agent, door.token):
            return None
        return self._parts.live.identify_at_door(door.run, door.agent, door.token)

    def _refuse(self, flow: http.HTTPFlow, answer: Answer, session: Session | None) -> Answer:
        who = session.who if session is not None else None
        answered = self._parts.gate.reject_soon(answer, who)
        flow.response = as_response(answered)
        return answered


def _address(flow: http.HTTPFlow) -> str:
    """Where the connection comes from, as the socket tells it."""
    return str(flow.client_conn.peername[0])


def _presented(values: list[str]) -> tuple[str, str] | None:
    """Name and token of the one Basic login there is, None for anything else."""
    if len(values) != 1:
        return None
    scheme, _, encoded = values[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, token = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, token) if colon else None


def as_response(answer: Answer) -> http.Response:
    """The refusal as mitmproxy's response."""
    body = answer.body()
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers(len(body))]
    response = http.Response.make(answer.http_status, body)
    response.headers = http.Headers(fields)
    response.reason = answer.phrase
    return response
