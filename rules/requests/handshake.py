"""WebSocket handshakes (RFC 6455, 4): told from other requests, read to the letter, or refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final

from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Request

PROTOCOL_FIELD: Final = "sec-websocket-protocol"
LOGINS: Final = ("base64url.bearer.authorization.k8s.io.", "openai-insecure-api-key.")
"""Subprotocols in which APIs read a credential, since browsers can send no other field: how they begin."""
_HELP: Final = "Open it as RFC 6455 says: one GET by HTTP/1.1 with a key and version 13, and no body."


def asks(fields: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a request's header fields ask for a WebSocket, well or not."""
    return any(value.lower() == "websocket" for value in fields.get("upgrade", ()))


def check(request: Request, fields: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a handshake that is not to the letter. Raises `Refused`."""
    connection = [part.strip().lower() for value in fields.get("connection", ()) for part in value.split(",")]
    length = fields.get("content-length", ("0",))
    if (
        request.method != "GET"
        or request.http_version != "HTTP/1.1"
        or len(fields["upgrade"]) != 1
        or "upgrade" not in connection
        or fields.get("sec-websocket-version") != ("13",)
        or not _is_key(fields.get("sec-websocket-key", ()))
        or "transfer-encoding" in fields
        or length != ("0",)
    ):
        raise Refused("the WebSocket handshake is malformed", _HELP)


def _is_key(values: Sequence[str]) -> bool:
    if len(values) != 1:
        return False
    try:
        return len(base64.b64decode(values[0].encode("ascii"), validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def logins(fields: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What is presented as a credential among the subprotocols."""
    offered = [part.strip() for value in fields.get(PROTOCOL_FIELD, ()) for part in value.split(",")]
    return [part for part in offered if part.startswith(LOGINS)]
