"""Which header fields of a request go upstream, and which of them refuse it.

Rules (DESIGN 3): only fields of the published base set, or declared by the tool, go upstream; the others
are dropped and named in the event. A field that changes what a call does (`ACTING`) is an input of a tool
that declares it, else a refusal: dropping it in silence would make another call of it. Connection
control, framing and our own fields never pass. Names are compared in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from wharfinger.rules import spelling
from wharfinger.rules.refusal import Refusal, Refused
from wharfinger.rules.types import Code, Request

BASE = {
    "accept": "what the client can read",
    "accept-charset": "what the client can read",
    "accept-encoding": "what the client can read",
    "accept-language": "what the client can read",
    "cache-control": "freshness of the answer",
    "content-language": "describes the body",
    "content-md5": "describes the body, which is sent as received",
    "content-type": "describes the body, and is read strictly",
    "date": "time of sending",
    "idempotency-key": "makes a repeated call one call",
    "if-match": "narrows the call",
    "if-modified-since": "narrows the call",
    "if-none-match": "narrows the call",
    "if-unmodified-since": "narrows the call",
    "pragma": "freshness of the answer",
    "request-id": "correlation",
    "traceparent": "correlation (W3C Trace Context)",
    "tracestate": "correlation (W3C Trace Context)",
    "user-agent": "names the client",
    "x-client-request-id": "correlation",
    "x-correlation-id": "correlation",
    "x-request-id": "correlation",
    "x-requested-with": "names the client",
}
"""The published base set: fields that go upstream for every tool, each with why it may."""

BASE_PREFIXES = ("x-stainless-",)
"""Families of the base set: the generated SDKs of several vendors describe themselves with these."""

RANGES = frozenset({"range", "if-range"})
"""Dropped where a secret might come back: two halves of it would pass any redaction."""

VOLATILE = frozenset(
    {
        "accept-encoding",
        "date",
        "idempotency-key",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-amz-date",
        "x-request-id",
    }
)
"""Fields left out of the request digest (DESIGN 6): they differ when the same request is sent again."""

VOLATILE_PREFIXES = ("amz-sdk-", "x-stainless-")

HOP_BY_HOP = frozenset({"connection", "expect", "http2-settings", "keep-alive", "te", "upgrade"})
"""Fields that end at this hop (RFC 9110 7.6.1); `Expect` is answered here."""

FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Written anew from the body that was decided on."""

OWN_PREFIXES = ("proxy-", "wharfinger-")

ACTING = {
    "x-http-method-override": "method",
    "x-http-method": "method",
    "x-method-override": "method",
    "x-original-method": "method",
    "x-original-url": "path",
    "x-original-uri": "path",
    "x-rewrite-url": "path",
    "x-forwarded-path": "path",
    "x-forwarded-uri": "path",
    "x-forwarded-prefix": "path",
    "forwarded": "host",
    "x-forwarded-host": "host",
    "x-forwarded-port": "host",
    "x-forwarded-proto": "host",
    "x-forwarded-server": "host",
    "x-host": "host",
    "x-http-host-override": "host",
    "x-original-host": "host",
    "impersonate-user": "identity",
    "impersonate-group": "identity",
    "impersonate-uid": "identity",
    "sudo": "identity",
    "x-goog-user-project": "account",
    "x-goog-iam-authority-selector": "identity",
    "stripe-account": "account",
    "stripe-context": "account",
    "openai-organization": "account",
    "openai-project": "account",
    "x-amz-acl": "permissions",
    "x-amz-copy-source": "source",
    "x-amz-grant-full-control": "permissions",
    "x-amz-grant-read": "permissions",
    "x-amz-grant-read-acp": "permissions",
    "x-amz-grant-write": "permissions",
    "x-amz-grant-write-acp": "permissions",
    "x-amz-bypass-governance-retention": "permissions",
    "x-amz-mfa": "permissions",
    "x-amz-target": "operation",
    "soapaction": "operation",
    "destination": "target",
    "overwrite": "target",
    "depth": "target",
    "x-base-url": "host",
}
"""Fields that change what a call does, and what of it: inputs of a tool that declares them, else refused."""

SINGLE = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "proxy-authorization",
        "transfer-encoding",
        "wharfinger-reason",
    }
)
"""Fields that may stand once only; which of two would count differs from server to server."""

CODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate", "br", "zstd"})
"""Content codings that a body may have where its tool does not read it; one, not a chain of them."""

_SPECIAL = frozenset({"content-encoding", "transfer-encoding", "trailer", "upgrade"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_READ_HERE = (SINGLE - {"wharfinger-reason"}) | ACTING.keys()
"""Fields whose values decide something: plain ASCII only."""


type Fields = Mapping[str, tuple[str, ...]]
"""Values by name in lower case, without the blanks around them."""


def read(request: Request) -> Fields:
    """The request's fields by name. Raises `Refused` for names or values that must not stand in one."""
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in request.headers:
        low = _lower(name)
        if not (value.isascii() and value.isprintable()) and not _permitted(low, value):
            shown = f'"{low}"' if low in BASE or low in _READ_HERE else "of the request"
            raise Refused(
                f"the header {shown} has a control or foreign character", "Send plain text on one line."
            )
        if low in fields:
            fields[low] = (*fields[low], value.strip(" \t"))
        else:
            fields[low] = (value.strip(" \t"),)
    return fields


def check(request: Request) -> Refusal | None:
    """Why the request's header fields refuse it, if they do, whatever tool it may be and policy may say."""
    try:
        check_fields(request, read(request))
    except Refused as refused:
        return refused.refusal
    return None


def check_fields(request: Request, fields: Fields) -> None:
    """`check` for fields that have been read. Raises `Refused`."""
    if len(fields) != len(request.headers):
        _repeated(fields)
    _host(request, fields)
    if "connection" in fields:
        _nominations(fields)
    if not fields.keys().isdisjoint(_SPECIAL):
        _framing(fields)


def acting(fields: Fields, declared: frozenset[str] = frozenset()) -> Refusal | None:
    """Refuse fields of `ACTING` that are not `declared` (lower case) as inputs or constants by the tool.

    Servers behind CGI or WSGI cannot tell `_` from `-` in a name, so neither spelling gets by.
    """
    for name in fields:
        plain = name.replace("_", "-") if "_" in name else name
        if plain in ACTING and name not in declared:
            return Refusal(
                Code.DENIED,
                f'the header "{plain}" changes the {ACTING[plain]} of the call, and no tool here declares it',
                "Leave the header out, or ask the operator for a tool that takes it as an input.",
            )
    return None


def encoded(fields: Fields) -> Refusal | None:
    """Refuse a body that is compressed or encoded: for tools that read it, and where no tool does."""
    values = fields.get("content-encoding", ("identity",))
    if values[0].lower() == "identity":
        return None
    return Refusal(Code.BAD_REQUEST, "the body is compressed or encoded", "Send it without Content-Encoding.")


@lru_cache(maxsize=4096)
def _lower(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused("a header's name has characters that must not stand in one", "Send a plain name.")
    return name.lower()


def _permitted(name: str, value: str) -> bool:
    return bool(_VALUE.fullmatch(value)) and (name not in _READ_HERE or value.isascii())


def _repeated(fields: Fields) -> None:
    for name, values in fields.items():
        if len(values) > 1 and (name in SINGLE or name in ACTING):
            raise Refused(f'the header "{name}" stands {len(values)} times', "Send it once.")


def _nominations(fields: Fields) -> None:
    """Refuse `Connection` fields that would take away what the decision reads."""
    for name in _nominated(fields):
        if name in fields and (name in SINGLE or name in ACTING or is_base(name)):
            raise Refused(
                '"Connection" names a header that must reach the API', "Name only connection options there."
            )


def _host(request: Request, fields: Fields) -> None:
    values = fields.get("host", ())
    if not values and request.http_version in {"HTTP/2", "HTTP/2.0"}:
        return  # :authority says it there, and has been read into host and port
    if len(values) != 1:
        raise Refused("the request has no Host header, or more than one", "Send exactly one.")
    named = spelling.authority(values[0], spelling.DEFAULT_PORTS.get(request.scheme))
    if named != (spelling.host(request.host), request.port):
        raise Refused("the Host header names another host than the connection", "Let them agree.")


def _framing(fields: Fields) -> None:
    if any(value.lower() not in CODINGS for value in fields.get("content-encoding", ())):
        raise Refused("the body is encoded in a way that is not known", "Send it without Content-Encoding.")
    if "content-length" in fields and "transfer-encoding" in fields:
        raise Refused("the request has both Content-Length and Transfer-Encoding", "Send one of them.")
    if "trailer" in fields:
        raise Refused("the request announces trailers", "Send all fields before the body.")
    # Java's client offers h2c on every plain request; it is an offer, and not taking it is an answer.
    if any(value.lower() != "h2c" for value in fields.get("upgrade", ())):
        raise Refused("the request asks for a protocol upgrade", "Use plain HTTP requests.")


def is_base(name: str) -> bool:
    """Whether the field (lower case) is of the published base set."""
    return name in BASE or name.startswith(BASE_PREFIXES)


def is_volatile(name: str, own: frozenset[str] = frozenset()) -> bool:
    """Whether the field (lower case) is left out of the request digest; `own` is the API file's list."""
    return name in VOLATILE or name in own or name.startswith(VOLATILE_PREFIXES)


def forward(
    request: Request, passed: frozenset[str] = frozenset(), *, ranges: bool = True
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The fields that go upstream, in order, and the names (lower case) of those dropped.

    `passed` are the names (lower case) that the tool declares or passes. `Authorization`, `Cookie` and
    other places of credentials are in no base set: pass them where they may go. `ranges` is False where
    a secret could come back in the answer. Connection control, framing, `Proxy-*` and `Wharfinger-*` are
    neither forwarded nor named; `Host` is written anew, in canonical form, where it stood.
    """
    nominated = _nominated({"connection": request.values("connection")})
    kept: list[tuple[str, str]] = []
    dropped: dict[str, None] = {}
    for name, value in request.headers:
        low = name.lower()
        if low in HOP_BY_HOP or low in FRAMING or low.startswith(OWN_PREFIXES):
            continue
        if low == "host":
            kept.append((name, host_value(request)))
        elif low in nominated or (low in RANGES and not ranges) or not (low in passed or _free(low)):
            dropped[low] = None
        else:
            kept.append((name, value))
    return tuple(kept), tuple(dropped)


def _free(name: str) -> bool:
    return is_base(name) or name in RANGES


def _nominated(fields: Fields) -> frozenset[str]:
    """Fields that `Connection` names as ending at this hop (RFC 9110 7.6.1)."""
    values = fields.get("connection", ())
    return frozenset(part.strip().lower() for value in values for part in value.split(","))


def host_value(request: Request) -> str:
    """The canonical `Host` of a request: the port is left out where it is the scheme's own."""
    name = spelling.host(request.host)
    return name if request.port == spelling.DEFAULT_PORTS.get(request.scheme) else f"{name}:{request.port}"
