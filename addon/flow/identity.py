"""Which agent speaks: established on every CONNECT and every absolute-form request, or 407.

The proxy credentials (RFC 9110 section 11.7) are taken off the flow as soon as they are read: no view,
dump or upstream sees them. One connection serves one agent; another identity on it is 407 and close.
At the door of an isolated run the socket says who speaks, and where `from` names networks, the address
does: credentials are not needed there, and those of anyone else are refused. Where a client is told the
URL of a door to one API and knows of no proxy, they stand in front of the path, on every request.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.proxy import layer
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import Session
from wharfinger.flow.parts import Parts
from wharfinger.flow.sessions import Link
from wharfinger.flow.ways import Reverse, Transparent
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
    """Hooks `next_layer`, `http_connect` and `requestheaders`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def next_layer(self, pending: layer.NextLayer) -> None:
        """Where a namespace is led here, know whose the connection is before anything of it is read.

        Else nothing is: `Tunnel` closes a connection of nobody's.
        """
        link = self._parts.sessions.link(pending.context.client)
        if link is None or link.session is not None or not isinstance(link.way, Transparent):
            return
        refusal = self._speaks(link, self._session([], link, pending.context.client))
        if refusal is not None:
            self._parts.gate.reject_soon(refusal, self._parts.who(link))

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
            self._refuse(flow, refusal, link)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Identify a request that came without a tunnel; inside one, the tunnel's agent speaks."""
        link = self._parts.sessions.link(flow.client_conn)
        if link is None:
            flow.kill()
            return
        refusal = self._arrive(flow, link) if link.tunnel is None else None
        if refusal is not None:
            answered = self._refuse(flow, refusal, link)
            self._parts.sessions.refuse_early(flow.client_conn, flow.id, answered)

    def _arrive(self, flow: http.HTTPFlow, link: Link) -> Answer | None:
        """Identify a request, and have it go where its way leads."""
        login = None
        try:
            if isinstance(link.way, Reverse):
                login = link.way.enter(flow.request)
            elif isinstance(link.way, Transparent):
                link.way.enter(flow.request)
        except Refused as refused:
            return Answer(Code.BAD_REQUEST, refused.refusal.reason, refused.refusal.help, close=True)
        return self._identify(flow, link, login)

    def _identify(
        self, flow: http.HTTPFlow, link: Link, login: tuple[str, str] | None = None
    ) -> Answer | None:
        shown = [_presented(value) for value in flow.request.headers.get_all("proxy-authorization")]
        for name in ("proxy-authorization", "proxy-connection"):
            flow.request.headers.pop(name, None)
        if login is not None:
            shown.append(login)
        return self._speaks(link, self._session(shown, link, flow.client_conn))

    def _speaks(self, link: Link, session: Session | None) -> Answer | None:
        """Note who speaks on this connection, or say why they may not."""
        if session is None:
            return replace(_CHALLENGE, close=link.session is not None)
        if link.session is None:
            if self._parts.sessions.count(session.who.agent) >= self._parts.limits.per_agent:
                return _FULL
            link.identify(session)
            return None
        return None if link.session.who == session.who else _OTHER

    def _session(self, shown: list[tuple[str, str] | None], link: Link, client: Client) -> Session | None:
        """By the one login that is shown; where none is, by the door, or by the address."""
        login, live, door = shown[0] if len(shown) == 1 else None, self._parts.live, link.door
        if shown and login is None:
            return None
        if door is not None:
            if login not in {None, (door.agent, door.token)}:
                return None
            return live.callers.identify_at_door(door.run, door.agent, door.token)
        address = str(client.peername[0])
        if login is None:
            return live.callers.identify_by_address(address)
        return live.callers.identify(*login, address)

    def _refuse(self, flow: http.HTTPFlow, answer: Answer, link: Link) -> Answer:
        answered = self._parts.gate.reject_soon(answer, self._parts.who(link))
        flow.response = as_response(answered)
        return answered


def _presented(value: str) -> tuple[str, str] | None:
    """Name and token of a Basic login, None for anything else."""
    scheme, _, encoded = value.partition(" ")
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
