"""Keys of a role of AWS, had from STS with keys that may assume it.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from wharfinger.credentials import signing
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.token_servers import SHORTEST, Minted, ask
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.sigv4 import Scope
from wharfinger.secret import Secret

LIFE: Final = timedelta(hours=1)
"""How long a role is assumed for where its credential does not say it."""
_SPACE: Final = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_REGION: Final = "us-east-1"
_SESSION: Final = "wharfinger"


def keys_of(parts: Mapping[str, str]) -> signing.Keys:
    """The access key that a credential's origins give. Raises ValueError, which quotes nothing."""
    if "from" in parts:
        return signing.Keys.read(parts["from"])
    names = ("access_key", "secret_key", "session_token")
    return signing.Keys(*(parts.get(name, "").strip() for name in names))


def assumed(credential: Credential, secrets: Mapping[str, str], now: float, _: Path | None) -> Minted:
    """New keys of the credential's role. Raises `NotFetched`."""
    try:
        own = keys_of(secrets)
    except ValueError as error:
        raise NotFetched(f"the AWS key cannot be read: {error}", "see what the source prints") from None
    form = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": credential.role,
        "RoleSessionName": credential.session_name or _SESSION,
        "DurationSeconds": str(int((credential.life or LIFE).total_seconds())),
    } | ({"ExternalId": credential.external_id} if credential.external_id else {})
    region = credential.region or _REGION
    url = credential.api_url or f"https://sts.{region}.amazonaws.com/"
    body = urlencode(form).encode()
    keys, expires = _read(ask(url, _signed(own, url, region, body, now), content=body))
    if expires < now + SHORTEST:
        raise NotFetched("STS gave keys that have ended", "see the clock")
    own_texts = (own.secret_key, own.session_token, own.access_key)
    made = (keys.secret_key, keys.session_token, keys.access_key)
    return Minted(keys.text(), expires, tuple(text for text in (*own_texts, *made) if text))


def _signed(keys: signing.Keys, url: str, region: str, body: bytes, now: float) -> dict[str, str]:
    parts = urlsplit(url)
    fields = [
        ("Host", parts.netloc),
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
    ]
    request = signing.Outgoing("POST", parts.path or "/", fields, body)
    scope = Scope(keys.access_key, region, "sts")
    when = datetime.fromtimestamp(now, UTC)
    return dict(signing.signed(Secret("sts", keys.text()), scope, request, when))


def _read(answer: bytes) -> tuple[signing.Keys, float]:
    """Keys and their end, of what STS answers. It is small, and from the server that is trusted with keys."""
    try:
        found = ElementTree.fromstring(answer).find(f".//{_SPACE}Credentials")  # noqa: S314 - see above
        held = {} if found is None else {each.tag.removeprefix(_SPACE): each.text or "" for each in found}
        keys = signing.Keys.read(json.dumps(held))
        return keys, datetime.fromisoformat(held.get("Expiration", "")).timestamp()
    except (ElementTree.ParseError, ValueError):
        raise NotFetched("STS gave no keys", "see that the role may be assumed") from None
