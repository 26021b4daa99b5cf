"""Cookies that the proxy keeps for an agent, where a tool declares `cookies: kept`.

The agent never sees them, and cannot send any itself: what an API's sign-in sets is sent with the same
agent's later calls of that API's tools, and with nothing else. Kept in memory alone. What is accepted, and
where it is sent, is http.cookiejar's concern (RFC 6265); hosts share no cookies but by their `Domain`.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterable
from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

MOST: Final = 64
"""Cookies in one jar; a jar with more is emptied."""
LARGEST: Final = 4096
"""Bytes of a `Set-Cookie` field that is read."""
SHOWN_FROM: Final = 8
"""Characters of a value from which on it is kept from the agent's eyes: shorter ones stand everywhere."""


class Jars:
    """All jars, by agent and API. Used from the event loop only."""

    def __init__(self, conceal: Callable[[str, str], None]) -> None:
        """`conceal` keeps a value from being shown; it is told whose it is."""
        self._conceal = conceal
        self._jars: dict[tuple[str, str], CookieJar] = {}

    def header(self, agent_id: str, kept: str, url: str) -> str:
        """What to send in `Cookie` with a request of this agent; empty for nothing."""
        jar = self._jars.get((agent_id, kept))
        if jar is None:
            return ""
        request = urllib.request.Request(url)  # noqa: S310 - it is only read, never opened
        jar.add_cookie_header(request)
        return str(request.get_header("Cookie", ""))

    def keep(self, agent_id: str, kept: str, url: str, fields: Iterable[str]) -> None:
        """Take up the `Set-Cookie` fields of an answer to this agent."""
        said = _Answer([field for field in fields if len(field) <= LARGEST])
        jar = self._jars.setdefault((agent_id, kept), CookieJar(_policy()))
        jar.extract_cookies(said, urllib.request.Request(url))  # type: ignore[arg-type] # noqa: S310 - see above
        if len(jar) > MOST:
            jar.clear()
        for cookie in jar:
            if cookie.value is not None and len(cookie.value) >= SHOWN_FROM:
                self._conceal(f"cookies of {kept}", cookie.value)

    def drop(self, agent_id: str) -> None:
        """Forget all that is kept for an agent."""
        for key in [key for key in self._jars if key[0] == agent_id]:
            del self._jars[key]


def _policy() -> DefaultCookiePolicy:
    return DefaultCookiePolicy(
        rfc2965=False, netscape=True, strict_ns_domain=DefaultCookiePolicy.DomainStrictNoDots
    )


class _Answer:
    """As much of an answer as a jar reads."""

    def __init__(self, fields: list[str]) -> None:
        self._message = Message()
        for field in fields:
            self._message["Set-Cookie"] = field

    def info(self) -> Message:
        """Its header fields."""
        return self._message
