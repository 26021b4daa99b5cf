"""Credentials that a key of ours vouches for: JWTs by template, the JWT bearer grant, and Azure AD.

Sources: RFC 7519, RFC 7523 2.1 and 2.2, RFC 7517 4.9 (`x5t#S256`), and for Azure AD
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
https://learn.microsoft.com/entra/identity-platform/certificate-credentials.
"""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.token_servers import ASSERTED, JWT_GRANT, SKEW, Minted, post, signed, token
from wharfinger.rules.models.credentials import Credential

LIFE: Final = timedelta(minutes=5)
"""How long a JWT of our own holds where its credential does not say it."""
_FRESH: Final = "${id}"
_AZURE: Final = "https://login.microsoftonline.com"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def self_signed(credential: Credential, secrets: Mapping[str, str], now: float, _: Path | None) -> Minted:
    """A JWT with the claims that are written; where there is a `token_url`, the token it is given for."""
    life = (credential.life or LIFE).total_seconds()
    claims = {name: _claim(value) for name, value in credential.claims.items()}
    audience = credential.audience or credential.token_url
    if audience:
        claims.setdefault("aud", audience)
    claims |= {"iat": int(now) - SKEW, "exp": int(now + life)}
    headers = {"kid": credential.key_id} if credential.key_id else {}
    made = signed(claims, secrets["key"], headers, credential.algorithm or "")
    if not credential.token_url:
        return Minted(made, now + life)
    form = {"grant_type": JWT_GRANT, "assertion": made}
    form |= {"scope": " ".join(credential.scopes)} if credential.scopes else {}
    minted = token(post(credential.token_url, data=form), now)
    return Minted(minted.value, minted.expires, (made,))


def _claim(value: Any) -> Any:
    if isinstance(value, list):
        return [_claim(each) for each in value]
    return value.replace(_FRESH, randomness.token_hex(16)) if isinstance(value, str) else value


def azure(credential: Credential, secrets: Mapping[str, str], now: float, _: Path | None) -> Minted:
    """A token of Azure AD (Entra ID) for an application, by its secret or its certificate."""
    base = (credential.api_url or _AZURE).rstrip("/")
    url = f"{base}/{quote(credential.tenant, safe='')}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": credential.client_id,
        "scope": " ".join(credential.scopes),
    }
    if "client_secret" in secrets:
        return token(post(url, data=form | {"client_secret": secrets["client_secret"]}), now)
    pem = secrets["certificate"]
    claims = {
        "aud": url,
        "iss": credential.client_id,
        "sub": credential.client_id,
        "jti": randomness.token_hex(16),
        "nbf": int(now) - SKEW,
        "iat": int(now) - SKEW,
        "exp": int(now) + ASSERTED,
    }
    made = signed(claims, _key(pem), {"x5t#S256": _thumbprint(pem)}, "PS256")
    form |= {"client_assertion_type": _ASSERTION, "client_assertion": made}
    minted = token(post(url, data=form), now)
    return Minted(minted.value, minted.expires, (made,))


def _thumbprint(pem: str) -> str:
    """What Azure knows the certificate by."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise NotFetched("the file holds no certificate", "put certificate and key into it, as PEM") from None
    return base64.urlsafe_b64encode(found.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


def _key(pem: str) -> str:
    """The private key among what the file holds."""
    start, end = pem.find("-----BEGIN PRIVATE KEY"), pem.find("-----END PRIVATE KEY-----")
    if start < 0:
        start, end = pem.find("-----BEGIN RSA PRIVATE KEY"), pem.find("-----END RSA PRIVATE KEY-----")
    if start < 0 or end < start:
        raise NotFetched("the file holds no private key", "put certificate and key into it, as PEM")
    return pem[start : pem.index("\n", end) if "\n" in pem[end:] else len(pem)]
