"""Asking a server for a token, and reading what it answers.

Rules: what comes back is used only if it is whole, in time, and a token that can be put in; every failure
says which server and why, and never quotes what was sent or received. Nothing is followed, and nothing of
the environment is trusted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from wharfinger.credentials.asking import Web
from wharfinger.credentials.sources import NotFetched

LIMIT: Final = 64 << 10
"""Bytes of an answer that are read."""
UNKNOWN_LIFE: Final = 600.0
"""Seconds that a token is taken to hold where its server does not say it."""
SHORTEST: Final = 5.0
"""Seconds; a token that holds for less is of no use."""
ASSERTED: Final = 540
"""Seconds that a signed assertion holds; GitHub takes ten minutes at most."""
SKEW: Final = 30
"""Seconds by which clocks may differ."""
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""RFC 7523 2.1."""


@dataclass(frozen=True, slots=True, repr=False)
class Minted:
    """A token, until when it holds (seconds since 1970), and what else must never be shown."""

    value: str
    expires: float
    hidden: tuple[str, ...] = ()


def post(url: str, **more: Any) -> Mapping[str, Any]:
    """The JSON object that is answered. Raises `NotFetched`."""
    host = urlsplit(url).hostname
    try:
        answer = json.loads(ask(url, **more))
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NotFetched(f"{host} did not answer with JSON", "see that the URL is right")
    return answer


def ask(url: str, headers: Mapping[str, str] | None = None, **more: Any) -> bytes:
    """What is answered to a POST. Raises `NotFetched`."""
    host = urlsplit(url).hostname
    answer = Web(limit=LIMIT).ask("POST", url, headers or {}, **more)
    if not 200 <= answer.status < 300:
        raise NotFetched(f"{host} refused with status {answer.status}", "see that id and key are still good")
    return answer.body


def token(answer: Mapping[str, Any], now: float) -> Minted:
    """The token of RFC 6749 5.1."""
    value, kind = answer.get("access_token"), answer.get("token_type", "bearer")
    life = answer.get("expires_in", UNKNOWN_LIFE)
    if isinstance(life, str) and life.isascii() and life.isdigit():
        life = int(life)  # as some servers write it
    if not isinstance(value, str) or not value:
        raise NotFetched("the token's server gave no token", "see its own log")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NotFetched("the token's server gave a token that is no bearer token", "see its own log")
    if isinstance(life, bool) or not isinstance(life, int | float) or not life >= SHORTEST:
        raise NotFetched("the token's server gave a token that has ended", "see its own log and clock")
    return Minted(value, now + float(life))


def signed(
    claims: Mapping[str, Any], key: str, headers: Mapping[str, str] | None = None, algorithm: str = "RS256"
) -> str:
    """A JWT. Raises `NotFetched` where the key is none for that algorithm."""
    try:
        return jwt.encode(dict(claims), key, algorithm=algorithm, headers=dict(headers or {}))
    except (ValueError, TypeError, NotImplementedError, jwt.PyJWTError):
        raise NotFetched(f"the key is no private key for {algorithm}", "download it anew, as PEM") from None
