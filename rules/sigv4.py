"""What a request signed with AWS Signature Version 4 says of its key, and what is left of it to sign anew.

Format: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html, and for the asymmetric
form (SigV4a) https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4a.html. The agent signs with its
placeholder for a key, in a header field or in the URL (presigned); nothing of that signature is verified,
and nothing of it goes upstream.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

ALGORITHM: Final = "AWS4-HMAC-SHA256"
ASYMMETRIC: Final = "AWS4-ECDSA-P256-SHA256"
UNSIGNED: Final = frozenset({"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
"""Payloads that S3 takes without a digest of them, over https."""
CHUNKED: Final = frozenset(
    f"STREAMING-{algorithm}-PAYLOAD{trailer}"
    for algorithm in (ALGORITHM, ASYMMETRIC)
    for trailer in ("", "-TRAILER")
)
"""What stands for the digest where the body holds a signature for each of its chunks."""
REPLACED: Final = (
    "authorization",
    "x-amz-security-token",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-region-set",
)
"""Header fields (lower case) of a signature, all of which are made anew."""
PRESIGNED: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)
"""Parameters of a URL that holds its own signature: all are there, each once."""
_PERHAPS: Final = ("X-Amz-Security-Token", "X-Amz-Region-Set", "X-Amz-Content-Sha256")
IN_QUERY: Final = frozenset({*PRESIGNED, *_PERHAPS})

_KEY: Final = "([A-Za-z0-9_-]{1,128})"
_SYMMETRIC_SCOPE: Final = r"/[0-9]{8}/([a-z0-9-]{1,32})/([a-z0-9-]{1,32})/aws4_request"
_ASYMMETRIC_SCOPE: Final = r"/[0-9]{8}/([a-z0-9-]{1,32})/aws4_request"
_SIGNED: Final = r", *SignedHeaders=([a-z0-9;_-]{1,2048}), *Signature=([0-9a-f]{64,160})"
_HEADER = re.compile(rf"{ALGORITHM} +Credential={_KEY}{_SYMMETRIC_SCOPE}{_SIGNED}", re.ASCII)
_ASYMMETRIC_HEADER = re.compile(rf"{ASYMMETRIC} +Credential={_KEY}{_ASYMMETRIC_SCOPE}{_SIGNED}", re.ASCII)
_CREDENTIAL = re.compile(_KEY + _SYMMETRIC_SCOPE, re.ASCII)
_ASYMMETRIC_CREDENTIAL = re.compile(_KEY + _ASYMMETRIC_SCOPE, re.ASCII)
_REGIONS = re.compile(r"[a-z0-9*,-]{1,128}", re.ASCII)
_GLOBAL: Final = "us-east-1"
_SIGNED_AS: Final = {"email": "ses"}
"""Services whose name in a signature is not the one in their host."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The key that a request is signed with, and what the signature is good for."""

    key: str
    region: str
    """Where it holds; of the asymmetric form perhaps several, or all (`*`)."""
    service: str
    asymmetric: bool = False


def read(value: str, regions: tuple[str, ...] = ()) -> Scope | None:
    """The scope in the value of an `Authorization` field; None if it is of another kind.

    `regions` are the values of `X-Amz-Region-Set`, which the asymmetric form has once.
    """
    if found := _HEADER.fullmatch(value):
        return Scope(found[1], found[2], found[3])
    found = _ASYMMETRIC_HEADER.fullmatch(value)
    return None if found is None else _everywhere(found[1], found[2], regions)


def _everywhere(key: str, service: str, regions: tuple[str, ...]) -> Scope | None:
    if len(regions) != 1 or not _REGIONS.fullmatch(regions[0]):
        return None
    return Scope(key, regions[0], service, asymmetric=True)


def beside_key(value: str) -> str:
    """The value of such a field, but for the key."""
    found = _HEADER.fullmatch(value) or _ASYMMETRIC_HEADER.fullmatch(value)
    return value if found is None else value[: found.start(1)] + value[found.end(1) :]


def presigned(query: Iterable[tuple[str, str]]) -> tuple[Scope, str] | None:
    """The scope of a URL that holds its own signature, and its session token; None if it is none."""
    held: dict[str, str] = {}
    for name, value in query:
        if name in IN_QUERY:
            if name in held:
                return None
            held[name] = value
    if not all(name in held for name in PRESIGNED):
        return None
    token = held.get("X-Amz-Security-Token", "")
    if held["X-Amz-Algorithm"] == ALGORITHM and (found := _CREDENTIAL.fullmatch(held["X-Amz-Credential"])):
        return Scope(found[1], found[2], found[3]), token
    if held["X-Amz-Algorithm"] != ASYMMETRIC:
        return None
    found = _ASYMMETRIC_CREDENTIAL.fullmatch(held["X-Amz-Credential"])
    scope = found and _everywhere(found[1], found[2], (held.get("X-Amz-Region-Set", ""),))
    return None if scope is None else (scope, token)


def is_presigned(query: Iterable[tuple[str, str]]) -> bool:
    """Whether any part of such a signature stands in the query."""
    return any(name in IN_QUERY for name, _ in query)


def without_signature(target: str) -> str:
    """A target without the parameters of such a signature; all else as it was."""
    path, mark, query = target.partition("?")
    kept = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) not in IN_QUERY]
    return path + mark + "&".join(kept) if kept else path


def chunked(fields: Mapping[str, tuple[str, ...]]) -> str:
    """How the body's chunks are signed, as `X-Amz-Content-Sha256` has it; empty where none are."""
    values = fields.get("x-amz-content-sha256", ())
    return next((value for value in values if value.startswith("STREAMING-") and value not in UNSIGNED), "")


def written(key: str, host: str) -> str:
    """What a client's `Authorization` field would be for a host of AWS, without a true signature."""
    labels = host.removesuffix(".amazonaws.com").split(".")
    if "s3" in labels:
        labels = labels[labels.index("s3") :]
    service, region = labels[0], labels[1] if len(labels) > 1 else _GLOBAL
    scope = f"20000101/{region}/{_SIGNED_AS.get(service, service)}/aws4_request"
    return f"{ALGORITHM} Credential={key}/{scope}, SignedHeaders=host, Signature={'0' * 64}"
