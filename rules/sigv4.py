"""What a request signed with AWS Signature Version 4 says of its key, and what is left of it to sign anew.

Format: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. The agent signs with
its placeholder for a key; nothing of that signature is verified, and nothing of it goes upstream.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALGORITHM: Final = "AWS4-HMAC-SHA256"
UNSIGNED: Final = frozenset({"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
"""Payloads that S3 takes without a digest of them, over https."""
CHUNKED: Final = "STREAMING-AWS4-"
"""Begins what stands for the digest where the body holds a signature for each of its chunks."""
REPLACED: Final = ("authorization", "x-amz-security-token", "x-amz-date", "x-amz-content-sha256")
"""Header fields (lower case) of a signature, all of which are made anew."""

_HEADER = re.compile(
    rf"{ALGORITHM} +Credential=([A-Za-z0-9_-]{{1,128}})"
    r"/[0-9]{8}/([a-z0-9-]{1,32})/([a-z0-9-]{1,32})/aws4_request"
    r", *SignedHeaders=([a-z0-9;_-]{1,2048}), *Signature=([0-9a-f]{64})",
    re.ASCII,
)
_GLOBAL: Final = "us-east-1"
_SIGNED_AS: Final = {"email": "ses"}
"""Services whose name in a signature is not the one in their host."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The key that a request is signed with, and what the signature is good for."""

    key: str
    region: str
    service: str


def read(value: str) -> Scope | None:
    """The scope in the value of an `Authorization` field; None if it is of another kind."""
    found = _HEADER.fullmatch(value)
    return None if found is None else Scope(found[1], found[2], found[3])


def beside_key(value: str) -> str:
    """The value of such a field, but for the key."""
    found = _HEADER.fullmatch(value)
    return value if found is None else value[: found.start(1)] + value[found.end(1) :]


def is_chunked(fields: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the body holds signatures of its chunks."""
    return any(value.startswith(CHUNKED) for value in fields.get("x-amz-content-sha256", ()))


def written(key: str, host: str) -> str:
    """What a client's `Authorization` field would be for a host of AWS, without a true signature."""
    labels = host.removesuffix(".amazonaws.com").split(".")
    if "s3" in labels:
        labels = labels[labels.index("s3") :]
    service, region = labels[0], labels[1] if len(labels) > 1 else _GLOBAL
    scope = f"20000101/{region}/{_SIGNED_AS.get(service, service)}/aws4_request"
    return f"{ALGORITHM} Credential={key}/{scope}, SignedHeaders=host, Signature={'0' * 64}"
