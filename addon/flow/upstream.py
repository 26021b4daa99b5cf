"""The sealed copy: what goes to the upstream socket, made from the decision and nothing else.

The flow keeps what the agent sent, placeholders included. The real credential exists only here and in the
bytes that leave.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mitmproxy import http
from wharfinger.credentials import kinds, signing
from wharfinger.credentials.chunks import Chunks, Misshapen
from wharfinger.deciding.permits import Permit, Withdrawn
from wharfinger.flow import websocket_handshake
from wharfinger.rules import hmacs, sigv4
from wharfinger.rules.redact.accepting import pinned
from wharfinger.rules.requests import headers, ranges, spelling
from wharfinger.rules.sigv4 import Scope
from wharfinger.rules.tools import placing
from wharfinger.rules.types import Place, Placement, Request
from wharfinger.secret import Secret

_OWN = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """What goes to the upstream socket."""

    head: http.Request
    body: bytes | None
    """None where the body is streamed."""
    chunks: Chunks | None = None
    """Where a streamed body is in signed chunks: what signs them anew."""


@dataclass(slots=True, repr=False)
class _Copy:
    """A request, while credentials are put into it."""

    target: str
    body: bytes | None
    content_type: tuple[str, ...]
    fields: list[tuple[bytes, bytes]]
    cookies: list[str]
    chunks: Chunks | None = None
    made: list[str] = field(default_factory=list)
    """Signatures: they are not to come back either."""

    def put(self, placement: Placement, value: str) -> None:
        """Put one credential in its place. Raises `Withdrawn` if the place is not there."""
        target: str | None = self.target
        match placement.place:
            case Place.QUERY:
                self.target = kinds.with_query(self.target, placement.name, value)
            case Place.PATH:
                target = placing.with_segment(self.target, placement.segment, value)
                self.target = _there(target, placement)
            case Place.BODY:
                body = placing.with_value(self.content_type, self.body or b"", placement.name, value)
                self.body = _there(body, placement)
            case Place.SIGV4 | Place.HMAC:
                raise Withdrawn("a signature is made of the whole request")
            case Place.TLS:
                return  # the connection was opened with it
            case Place.COOKIE:
                if ";" in value or "," in value:  # RFC 6265, 4.1.1: what follows would be another cookie
                    raise Withdrawn(f"{placement.credential} has characters that a cookie cannot hold")
                self.cookies.append(f"{placement.name}={value}")
            case _:
                self.fields.append((placement.name.encode("latin-1"), value.encode("latin-1")))


def _there[T](made: T | None, placement: Placement) -> T:
    if made is None:
        raise Withdrawn(f"the place of {placement.credential} cannot be found in the request")
    return made


def sealed(permit: Permit, flow_request: http.Request, around: int = 0) -> Sealed:
    """The request to send for `permit`, with its credentials put in. Raises `Withdrawn` if one cannot be.

    Where it asks for a part of what may hold a secret, `around` bytes more are asked for on either side.
    """
    request = permit.request
    fields: list[tuple[bytes, bytes]] = [(b"Host", headers.host_value(request).encode("ascii"))]
    forward = pinned(permit.decision.forward, permit.decision.response)
    if (part := permit.part) is not None:
        forward = ranges.widened(forward, part, around)
    for name, value in forward:
        raw = name.encode("latin-1")
        if permit.decision.response.returns is not None and raw.lower() == b"accept-encoding":
            continue  # what is to be taken out of the answer has to be read
        if raw.lower() not in _OWN:
            fields.append((raw, value.encode("latin-1")))
    copy = _Copy(request.target, request.body, request.values("content-type"), fields, [])
    signers: list[tuple[Placement, Secret]] = []
    for placement, (secret, _) in zip(permit.decision.placements, permit.secrets, strict=True):
        if placement.place in {Place.SIGV4, Place.HMAC}:
            signers.append((placement, secret))
        else:
            copy.put(placement, kinds.render(placement, secret))
    if permit.cookies:
        copy.cookies.append(permit.cookies)
    if copy.cookies:
        fields.append((b"Cookie", "; ".join(copy.cookies).encode("latin-1")))
    for placement, secret in signers:
        _sign(placement, secret, request, copy)
    permit.made = tuple(copy.made)
    if permit.decision.response.switch:
        fields.extend(websocket_handshake.asking())
    fields.extend(_framing(copy.body, request.method, flow_request))
    head = http.Request(
        host=request.host,
        port=request.port,
        method=request.method.encode("ascii"),
        scheme=request.scheme.encode("ascii"),
        authority=b"",
        path=copy.target.encode("ascii"),
        http_version=b"HTTP/1.1",
        headers=http.Headers(fields),
        content=None,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )
    return Sealed(head, copy.body, copy.chunks)


def _sign(placement: Placement, secret: Secret, request: Request, copy: _Copy) -> None:
    """Sign all that goes out, as the place has it. Raises `Withdrawn`."""
    if placement.place is Place.SIGV4:
        copy.fields[:] = _signed(secret, request, copy)
        return
    if copy.body is None and placement.signing is not None and placement.signing.reads_body:
        raise Withdrawn("a streamed body cannot be signed")
    said = hmacs.parts(request.method, request.host, copy.target, copy.body or b"")
    try:
        made, signature = kinds.signature(placement, secret, said, datetime.now(UTC))
    except ValueError as error:
        raise Withdrawn(f"{placement.credential} cannot sign: {error}") from None
    copy.made.append(signature)
    copy.fields.extend((name.encode("latin-1"), value.encode("latin-1")) for name, value in made)


def _signed(secret: Secret, request: Request, copy: _Copy) -> list[tuple[bytes, bytes]]:
    """The fields with a signature by AWS's rules, made last, of all that goes out. Raises `Withdrawn`."""
    scope = _scope(request)
    copy.target = sigv4.without_signature(copy.target)
    digests = [("X-Amz-Content-Sha256", value) for value in request.values("x-amz-content-sha256")]
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in copy.fields]
    try:
        outgoing = signing.Outgoing(request.method, copy.target, [*headers, *digests], copy.body)
        made = signing.sign(secret, scope, outgoing, datetime.now(UTC))
        if made.chunks is not None and copy.body is not None:
            copy.body = made.chunks.feed(copy.body) + made.chunks.finish()
        elif made.chunks is not None:
            copy.chunks = made.chunks
    except (signing.CannotSign, Misshapen) as error:
        raise Withdrawn(str(error)) from None
    except ValueError:
        raise Withdrawn("what was put in for a key of AWS is none") from None
    copy.made.append(made.signature)
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in made.headers]


def _scope(request: Request) -> Scope:
    """What the agent's own signature was for, in a field or in the URL. Raises `Withdrawn`."""
    regions = tuple(value.strip(" \t") for value in request.values("x-amz-region-set"))
    fields = [value.strip(" \t") for value in request.values("authorization")]
    scopes = [scope for value in fields if (scope := sigv4.read(value, regions)) is not None]
    if not fields:
        found = sigv4.presigned(spelling.target(request.target).query)
        scopes = [] if found is None else [found[0]]
    if len(scopes) != 1:
        raise Withdrawn("the request is not signed as AWS has it")
    return scopes[0]


def _framing(body: bytes | None, method: str, flow_request: http.Request) -> list[tuple[bytes, bytes]]:
    if body is not None:
        if body or method in {"POST", "PUT", "PATCH"}:
            return [(b"Content-Length", str(len(body)).encode())]
        return []
    if (length := flow_request.headers.get("content-length")) is not None:
        return [(b"Content-Length", str(int(length)).encode())]
    return [(b"Transfer-Encoding", b"chunked")]
