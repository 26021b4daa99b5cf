"""The sealed copy: what goes to the upstream socket, made from the decision and nothing else.

The flow keeps what the agent sent, placeholders included. The real credential exists only here and in the
bytes that leave.
"""

from __future__ import annotations

import time

from mitmproxy import http
from wharfinger.credentials import kinds
from wharfinger.flow import websocket_handshake
from wharfinger.gate import Permit
from wharfinger.rules import headers
from wharfinger.rules.types import Place

_OWN = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})


def sealed(permit: Permit, flow_request: http.Request) -> http.Request:
    """The request to send for `permit`, with its credentials put in."""
    request = permit.request
    fields: list[tuple[bytes, bytes]] = [(b"Host", headers.host_value(request).encode("ascii"))]
    for name, value in permit.decision.forward:
        raw = name.encode("latin-1")
        if raw.lower() not in _OWN:
            fields.append((raw, value.encode("latin-1")))
    target = request.target
    for placement, (secret, _) in zip(permit.decision.placements, permit.secrets, strict=True):
        value = kinds.render(placement, secret)
        if placement.place is Place.QUERY:
            target = kinds.with_query(target, placement.name, value)
        else:
            fields.append((placement.name.encode("latin-1"), value.encode("latin-1")))
    if permit.decision.response.switch:
        fields.extend(websocket_handshake.asking())
    fields.extend(_framing(request.body, request.method, flow_request))
    return http.Request(
        host=request.host,
        port=request.port,
        method=request.method.encode("ascii"),
        scheme=request.scheme.encode("ascii"),
        authority=b"",
        path=target.encode("ascii"),
        http_version=b"HTTP/1.1",
        headers=http.Headers(fields),
        content=None,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )


def _framing(body: bytes | None, method: str, flow_request: http.Request) -> list[tuple[bytes, bytes]]:
    if body is not None:
        if body or method in {"POST", "PUT", "PATCH"}:
            return [(b"Content-Length", str(len(body)).encode())]
        return []
    if (length := flow_request.headers.get("content-length")) is not None:
        return [(b"Content-Length", str(int(length)).encode())]
    return [(b"Transfer-Encoding", b"chunked")]
