"""Credentials that are made, or had from an API, and end after a time: each kind's way to a new one.

`token_servers` holds what is asked and read alike; `assertions` and `roles` are kinds of their own. A
refresh token that the server replaces is written back, durably, before the token that came with it is used.

Sources: RFC 6749 4.4 and 6, RFC 7523 2.1; for GitHub
https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app, for Google
https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import jwt
from wharfinger.credentials import assertions, roles
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.token_servers import (
    ASSERTED,
    JWT_GRANT,
    SHORTEST,
    SKEW,
    Minted,
    post,
    signed,
    token,
)
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.rules.models.credentials import LOOPBACK, Credential

_GITHUB: Final = "https://api.github.com"

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
    answer = post(credential.token_url, data=form, auth=login)
    minted = token(answer, now)
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


# Keys that sign


def _github_app(credential: Credential, secrets: Mapping[str, str], now: float, _: Path | None) -> Minted:
    claims = {"iat": int(now) - SKEW, "exp": int(now) + ASSERTED, "iss": credential.app_id}
    made = signed(claims, secrets["key"])
    base = (credential.api_url or _GITHUB).rstrip("/")
    url = f"{base}/app/installations/{quote(credential.installation, safe='')}/access_tokens"
    fields = {
        "Authorization": f"Bearer {made}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    answer = post(url, headers=fields)
    value, until = answer.get("token"), answer.get("expires_at")
    try:
        expires = datetime.fromisoformat(str(until)).timestamp()
    except ValueError:
        expires = 0.0
    if not isinstance(value, str) or not value or expires < now + SHORTEST:
        raise NotFetched("GitHub gave no token that holds", "see the clock, and the app's installation")
    return Minted(value, expires, (made,))


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
    wanted_for = {"scope": " ".join(credential.scopes)}
    if credential.audience:
        wanted_for = {"target_audience": credential.audience}
    claims = {
        "iss": account["client_email"],
        "aud": url,
        "iat": int(now) - SKEW,
        "exp": int(now) + ASSERTED,
        **wanted_for,
    } | ({"sub": credential.subject} if credential.subject else {})
    made = signed(claims, account["private_key"], {"kid": account["private_key_id"]})
    answer = post(url, data={"grant_type": JWT_GRANT, "assertion": made})
    minted = _identity(answer, now) if credential.audience else token(answer, now)
    return Minted(minted.value, minted.expires, (made, account["private_key"]))


def _identity(answer: Mapping[str, object], now: float) -> Minted:
    """The ID token that was asked for, which says itself when it ends. It is for others to verify."""
    value = answer.get("id_token")
    try:
        until = jwt.decode(str(value), options={"verify_signature": False}).get("exp")
    except jwt.PyJWTError:
        until = None
    if not isinstance(value, str) or isinstance(until, bool) or not isinstance(until, int | float):
        raise NotFetched("Google gave no ID token", "see the audience, and that the account may have one")
    if until < now + SHORTEST:
        raise NotFetched("Google gave an ID token that has ended", "see the clock")
    return Minted(value, float(until))


_MINTERS: Final[Mapping[str, Minter]] = {
    "oauth2": _oauth2,
    "github_app": _github_app,
    "google": _google,
    "jwt": assertions.self_signed,
    "azure": assertions.azure,
    "aws": roles.assumed,
}
