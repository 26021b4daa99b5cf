"""Redirects that a tool lists: where the answer to a call leads, and the one request that may follow it.

Rules (DESIGN 3): that exact Location, once, by GET, for the same agent, within a minute, with nothing
injected. Rules that deny still see it, as the call that led there and as what it is itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag

from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

if TYPE_CHECKING:
    from wharfinger.rules.types import Call, Decision, Request

LASTS: Final = timedelta(seconds=60)
STATUSES: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to fetch one URL."""

    scheme: str
    host: str
    port: int
    target: str
    """In canonical form."""
    calls: tuple[Call, ...]
    """What led there."""
    until: datetime
    timeout: timedelta | None = None
    """How long the following may take: as long as the call that led there."""

    def is_for(self, request: Request, now: datetime) -> bool:
        """Whether `request` is the one that may follow."""
        if request.method != "GET" or request.body or now >= self.until:
            return False
        try:
            place = (request.scheme, spelling.host(request.host), request.port)
            return place == (self.scheme, self.host, self.port) and (
                spelling.target(request.target).canonical == self.target
            )
        except Refused:
            return False


def followed(location: str, decision: Decision, now: datetime) -> Pass | None:
    """The pass that an answer with this Location gives, if it leads to one of the tool's hosts by https."""
    scheme, mark, rest = urldefrag(location).url.partition("://")
    authority, slash, path = rest.partition("/")
    if not mark or scheme.lower() != "https" or not slash:
        return None
    try:
        host, port = spelling.authority(authority, 443)
        target = spelling.target("/" + path).canonical
    except Refused:
        return None
    if host not in decision.response.redirects or port != 443:
        return None
    return Pass("https", host, port, target, decision.calls, now + LASTS, decision.timeout)
