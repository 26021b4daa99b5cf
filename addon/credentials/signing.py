"""AWS Signature Version 4: a request signed with the real key, as it goes upstream.

Specification: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html, and for S3
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. Signed are the host, the
body's digest, and every `Content-Type`, `Content-MD5` and `X-Amz-*` field that goes out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import quote, unquote

from wharfinger.credentials import asymmetric as curve
from wharfinger.credentials.chunks import Chunks
from wharfinger.rules import sigv4
from wharfinger.rules.sigv4 import Scope
from wharfinger.secret import Secret

_SAFE: Final = "-_.~"
_BLANKS = re.compile(r" +")

type Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes out, but for its signature."""

    method: str
    target: str
    headers: Headers
    """Host among them."""
    body: bytes | None
    """None where it is streamed."""


class CannotSign(Exception):
    """A request of which no signature can be made; says why, and quotes nothing."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """An access key of AWS."""

    access_key: str
    secret_key: str
    session_token: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Of the JSON that `credential_process` programs print. Raises ValueError, which quotes nothing.

        https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html
        """
        try:
            held = json.loads(text)
        except ValueError:
            held = None
        if not isinstance(held, dict):
            raise ValueError("it is not what a credential_process prints")
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        values = [held.get(name) or "" for name in names]
        if not all(isinstance(value, str) and value.isascii() and value.isprintable() for value in values):
            raise ValueError("its keys are not plain text")
        if not values[0] or not values[1]:
            raise ValueError('it has no "AccessKeyId" or no "SecretAccessKey"')
        return cls(*values)

    def text(self) -> str:
        """The same as JSON."""
        held = {"AccessKeyId": self.access_key, "SecretAccessKey": self.secret_key}
        return json.dumps(held | ({"SessionToken": self.session_token} if self.session_token else {}))


@dataclass(frozen=True, slots=True, repr=False)
class Signed:
    """A request's header fields with a signature, and what the signatures of its chunks go on from."""

    headers: Headers
    signature: str
    chunks: Chunks | None = None
    """Where the body is in signed chunks: what signs them."""


def signed(secret: Secret, scope: Scope, request: Outgoing, now: datetime) -> Headers:
    """The header fields to send: those given, without another's signature, and ours. Raises `CannotSign`."""
    return sign(secret, scope, request, now).headers


def sign(secret: Secret, scope: Scope, request: Outgoing, now: datetime) -> Signed:
    """The same, with what signs a body's chunks. Raises `CannotSign`."""
    keys = Keys.read(secret.reveal())
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    given = [value for name, value in request.headers if name.lower() == "x-amz-content-sha256"]
    digest = _digest(given, scope, request.body)
    kept = [(name, value) for name, value in request.headers if name.lower() not in sigv4.REPLACED]
    kept.append(("X-Amz-Date", stamp))
    if given or scope.service == "s3":
        kept.append(("X-Amz-Content-Sha256", digest))
    if scope.asymmetric:
        kept.append(("X-Amz-Region-Set", scope.region))
    if keys.session_token:
        kept.append(("X-Amz-Security-Token", keys.session_token))
    names, lines = _canonical_headers(kept)
    path, _, query = request.target.partition("?")
    canonical = "\n".join((request.method, _path(path, scope), _query(query), lines, names, digest))
    region = "" if scope.asymmetric else f"/{scope.region}"
    where = f"{stamp[:8]}{region}/{scope.service}/aws4_request"
    algorithm = sigv4.ASYMMETRIC if scope.asymmetric else sigv4.ALGORITHM
    signer = _signer(keys, where, asymmetric=scope.asymmetric)
    signature = signer(f"{algorithm}\n{stamp}\n{where}\n{hashlib.sha256(canonical.encode()).hexdigest()}")
    made = f"Credential={keys.access_key}/{where}, SignedHeaders={names}, Signature={signature}"
    chunks = Chunks(digest, stamp, where, signature, signer) if digest in sigv4.CHUNKED else None
    return Signed([*kept, ("Authorization", f"{algorithm} {made}")], signature, chunks)


def _signer(keys: Keys, where: str, *, asymmetric: bool) -> Callable[[str], str]:
    """What signs texts for that day, region and service."""
    if asymmetric:
        return lambda text: curve.signature(keys.access_key, keys.secret_key, text)
    key = _key(keys.secret_key, where.split("/"))
    return lambda text: hmac.digest(key, text.encode(), "sha256").hex()


def _digest(given: list[str], scope: Scope, body: bytes | None) -> str:
    """What stands for the body in the signature."""
    said = given[0] if len(given) == 1 else ""
    if said in sigv4.CHUNKED and (sigv4.ASYMMETRIC in said) is scope.asymmetric and scope.service == "s3":
        return said
    if said.startswith("STREAMING-") and said not in sigv4.UNSIGNED:
        raise CannotSign("the body is signed in a way that is not known")
    if scope.service == "s3" and said in sigv4.UNSIGNED:
        return said
    if body is not None:
        return hashlib.sha256(body).hexdigest()
    if scope.service == "s3":
        return said or "UNSIGNED-PAYLOAD"
    raise CannotSign("a streamed body has no digest to sign")


def _canonical_headers(headers: Headers) -> tuple[str, str]:
    """Names that are signed, and their canonical lines."""
    held: dict[str, list[str]] = {}
    for name, value in headers:
        low = name.lower()
        if low in {"host", "content-type", "content-md5"} or low.startswith("x-amz-"):
            held.setdefault(low, []).append(_BLANKS.sub(" ", value.strip(" \t")))
    lines = "".join(f"{name}:{','.join(held[name])}\n" for name in sorted(held))
    return ";".join(sorted(held)), lines


def _path(path: str, scope: Scope) -> str:
    """Encoded once for S3, twice for all others."""
    return quote(unquote(path) if scope.service == "s3" else path, safe=f"/{_SAFE}")


def _query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote(text.replace("+", " ")), safe=_SAFE)


def _key(secret: str, where: Iterable[str]) -> bytes:
    """The key for one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in where:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def expiry(text: str) -> float | None:
    """When the keys that a `credential_process` printed end, in seconds since 1970. Raises ValueError."""
    until = json.loads(text).get("Expiration")
    if until is None:
        return None
    try:
        return datetime.fromisoformat(str(until)).timestamp()
    except ValueError:
        raise ValueError('its "Expiration" is no time') from None
