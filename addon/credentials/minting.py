"""Credentials that are had from an API and end after a time: OAuth 2, GitHub Apps, Google service accounts.

Rules: what comes back is used only if it is a token with a type that can be put in, whole and in time; every
failure says which credential and why, and never quotes what was sent or received. A refresh token that the
server replaces is written back, durably, before the token that came with it is used.

Sources: RFC 6749 4.4 and 6, RFC 7523 2.1; for GitHub
https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app, for Google
https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
import jwt
from wharfinger.credentials.sources import NotFetched
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.rules.models.credentials import LOOPBACK, Credential

SECONDS: Final = 10.0
"""How long a token's server has to answer."""
LIMIT: Final = 64 << 10
"""Bytes of an answer that are read."""
UNKNOWN_LIFE: Final = 600.0
"""Seconds that a token is taken to hold where its server does not say it."""
SHORTEST: Final = 5.0
"""Seconds; a token that holds for less is of no use."""
_GITHUB: Final = "https://api.github.com"
_GOOGLE_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTED: Final = 540
"""Seconds that a signed assertion holds; GitHub takes ten minutes at most."""
_SKEW: Final = 30
"""Seconds by which clocks may differ."""


@dataclass(frozen=True, slots=True, repr=False)
class Minted:
    """A token, until when it holds (seconds since 1970), and what else must never be shown."""

    value: str
    expires: float
    hidden: tuple[str, ...] = ()


type Minter = Callable[[Credential, Mapping[str, str], float, Path | None], Minted]


def mint(credential: Credential, secrets: Mapping[str, str], now: float, refresh: Path | None) -> Minted:
    """A new token. `secrets` are those of its origins, by key; `refresh` is where a new refresh token goes.

    Blocks for seconds. Raises `NotFetched`.
    """
    return _MINTERS[credential.kind](credential, secrets, now, refresh)


# OAuth 2


def _oauth2(credential: Credential, secrets: Mapping[str, str], now: float, refresh: Path | None) -> Minted:
    form = {"grant_type": "client_credentials"}
    if "refresh" in secrets:
        form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh"]}
    form |= {"scope": " ".join(credential.scopes)} if credential.scopes else {}
    form |= {"audience": credential.audience} if credential.audience else {}
    # RFC 6749 2.3.1: both are form-encoded before they are put into Basic.
    login = (quote(credential.client_id, safe=""), quote(secrets["client_secret"], safe=""))
    answer = _post(credential.token_url, data=form, auth=login)
    minted = _token(answer, now)
    replaced = answer.get("refresh_token")
    if "refresh" not in secrets or replaced is None or replaced == secrets["refresh"]:
        return minted
    if not isinstance(replaced, str) or not replaced.isprintable() or not replaced:
        raise NotFetched("the token's server gave a refresh token that is none", "ask its operator")
    if refresh is None:
        raise NotFetched("a new refresh token has no place to be kept", "write `refresh: file:…`")
    try:
        private.replace(refresh, replaced.encode())
    except (OSError, Fault):
        raise NotFetched(
            "the new refresh token cannot be written to its file", f'let the proxy write "{refresh}"'
        ) from None
    return Minted(minted.value, minted.expires, (replaced,))


def _token(answer: Mapping[str, Any], now: float) -> Minted:
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


# Keys that sign


def _github_app(credential: Credential, secrets: Mapping[str, str], now: float, _: Path | None) -> Minted:
    claims = {"iat": int(now) - _SKEW, "exp": int(now) + _ASSERTED, "iss": credential.app_id}
    signed = _signed(claims, secrets["key"], {})
    base = (credential.api_url or _GITHUB).rstrip("/")
    url = f"{base}/app/installations/{quote(credential.installation, safe='')}/access_tokens"
    fields = {
        "Authorization": f"Bearer {signed}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    answer = _post(url, headers=fields)
    value, until = answer.get("token"), answer.get("expires_at")
    try:
        expires = datetime.fromisoformat(str(until)).timestamp()
    except ValueError:
        expires = 0.0
    if not isinstance(value, str) or not value or expires < now + SHORTEST:
        raise NotFetched("GitHub gave no token that holds", "see the clock, and the app's installation")
    return Minted(value, expires, (signed,))


def _google(credential: Credential, secrets: Mapping[str, str], now: float, _: Path | None) -> Minted:
    try:
        account = json.loads(secrets["key"])
    except ValueError:
        account = None
    wanted = ("client_email", "private_key", "private_key_id", "token_uri")
    if not isinstance(account, dict) or not all(isinstance(account.get(name), str) for name in wanted):
        raise NotFetched("the key is not a Google service account's JSON", "download it anew")
    url = account["token_uri"]
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise NotFetched("the key's token_uri is not an https URL", "download it anew")
    claims = {
        "iss": account["client_email"],
        "scope": " ".join(credential.scopes),
        "aud": url,
        "iat": int(now) - _SKEW,
        "exp": int(now) + _ASSERTED,
    } | ({"sub": credential.subject} if credential.subject else {})
    signed = _signed(claims, account["private_key"], {"kid": account["private_key_id"]})
    minted = _token(_post(url, data={"grant_type": _GOOGLE_GRANT, "assertion": signed}), now)
    return Minted(minted.value, minted.expires, (signed, account["private_key"]))


def _signed(claims: Mapping[str, Any], key: str, headers: dict[str, str]) -> str:
    try:
        return jwt.encode(dict(claims), key, algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise NotFetched("the key is not an RSA private key in PEM", "download it anew") from None


# The wire


def _post(url: str, **more: Any) -> Mapping[str, Any]:
    """The JSON object that is answered; raises `NotFetched`. Follows nothing, and trusts no environment."""
    host = urlsplit(url).hostname
    try:
        with (
            httpx2.Client(trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
            client.stream("POST", url, **more) as response,
        ):
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > LIMIT:
                    raise NotFetched(f"{host} answered more than {LIMIT} bytes", "see that the URL is right")
            status = response.status_code
    except httpx2.HTTPError as error:
        raise NotFetched(f"{host} cannot be asked: {type(error).__name__}", "see that it is up") from None
    if not 200 <= status < 300:
        raise NotFetched(f"{host} refused with status {status}", "see that id and key are still good")
    try:
        answer = json.loads(bytes(body))
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise NotFetched(f"{host} did not answer with JSON", "see that the URL is right")
    return answer


_MINTERS: Final[Mapping[str, Minter]] = {"oauth2": _oauth2, "github_app": _github_app, "google": _google}
