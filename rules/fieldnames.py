"""The header fields that are known by name, all in lower case: which pass, which act, which log in.

What a name alone says of a field is said here; `wharfinger.rules.headers` reads and forwards by it.
"""

from __future__ import annotations

from typing import Final

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

HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "http2-settings",
        "keep-alive",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "te",
        "upgrade",
    }
)
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

LOGIN_FIELDS: Final = frozenset(
    {
        "authorization",
        "api-key",
        "apikey",
        "dd-api-key",
        "dd-application-key",
        "private-token",
        "job-token",
        "x-access-token",
        "x-amz-security-token",
        "x-api-key",
        "x-api-token",
        "x-apikey",
        "x-auth-key",
        "x-auth-token",
        "x-functions-key",
        "x-gitlab-token",
        "x-goog-api-key",
        "x-shopify-access-token",
        "x-vault-token",
    }
)
"""Header fields that APIs read a credential from, in lower case. `Cookie` is stripped, not judged."""


def plain(name: str) -> str:
    """The name as servers behind CGI or WSGI read it, who cannot tell `_` from `-`."""
    return name.replace("_", "-") if "_" in name else name
