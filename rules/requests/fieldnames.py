"""The header fields that are known by name, all in lower case: which pass, which act, which log in.

What a name alone says of a field is said here; `rules.requests.headers` reads and forwards by it.
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

ACTING: Final = {
    # method
    "x-http-method-override": "method",
    "x-http-method": "method",
    "x-method-override": "method",
    "x-original-method": "method",
    "x-method": "method",
    "x-forwarded-method": "method",
    "x-http-verb": "method",
    "x-http-verb-override": "method",
    # path
    "x-original-url": "path",
    "x-original-uri": "path",
    "x-original-path": "path",
    "x-http-path-override": "path",
    "x-rewrite-url": "path",
    "x-override-url": "path",
    "x-forwarded-path": "path",
    "x-forwarded-uri": "path",
    "x-forwarded-url": "path",
    "x-forwarded-prefix": "path",
    "x-envoy-original-path": "path",
    "x-ms-original-url": "path",
    "x-waws-unencoded-url": "path",
    "x-http-destinationurl": "path",
    "x-proxy-url": "path",
    # host
    "forwarded": "host",
    "x-forwarded-host": "host",
    "x-forwarded-port": "host",
    "x-forwarded-proto": "host",
    "x-forwarded-scheme": "host",
    "x-forwarded-server": "host",
    "x-forwarded-ssl": "host",
    "front-end-https": "host",
    "x-host": "host",
    "x-http-host-override": "host",
    "x-original-host": "host",
    "x-backend-host": "host",
    "x-base-url": "host",
    "x-url-scheme": "host",
    # identity
    "as-user": "identity",
    "assume-user": "identity",
    "callerobjectid": "identity",
    "dropbox-api-select-admin": "identity",
    "dropbox-api-select-user": "identity",
    "es-security-runas-user": "identity",
    "from": "identity",
    "impersonate-group": "identity",
    "impersonate-uid": "identity",
    "impersonate-user": "identity",
    "mscrmcallerid": "identity",
    "on-behalf-of": "identity",
    "paypal-auth-assertion": "identity",
    "sudo": "identity",
    "x-act-as": "identity",
    "x-auth-request-user": "identity",
    "x-authenticated-user": "identity",
    "x-docusign-act-on-behalf": "identity",
    "x-forwarded-email": "identity",
    "x-forwarded-user": "identity",
    "x-goog-iam-authority-selector": "identity",
    "x-impersonate-user": "identity",
    "x-mailgun-on-behalf-of": "identity",
    "x-on-behalf-of": "identity",
    "x-remote-group": "identity",
    "x-remote-user": "identity",
    "x-sudo": "identity",
    "x-webauth-user": "identity",
    # account
    "harvest-account-id": "account",
    "openai-organization": "account",
    "openai-project": "account",
    "stripe-account": "account",
    "stripe-context": "account",
    "x-amz-expected-bucket-owner": "account",
    "x-amz-source-expected-bucket-owner": "account",
    "x-goog-user-project": "account",
    "x-vault-namespace": "account",
    # permissions
    "x-amz-acl": "permissions",
    "x-amz-bypass-governance-retention": "permissions",
    "x-amz-confirm-remove-self-bucket-access": "permissions",
    "x-amz-mfa": "permissions",
    "x-amz-object-ownership": "permissions",
    "x-amz-request-payer": "permissions",
    "x-container-read": "permissions",
    "x-container-write": "permissions",
    "x-goog-acl": "permissions",
    "x-ms-acl": "permissions",
    "x-ms-blob-public-access": "permissions",
    "x-ms-group": "permissions",
    "x-ms-owner": "permissions",
    "x-ms-permissions": "permissions",
    # source
    "x-amz-copy-source": "source",
    "x-amz-rename-source": "source",
    "x-copy-from": "source",
    "x-goog-copy-source": "source",
    "x-ms-copy-source": "source",
    "x-ms-file-rename-source": "source",
    "x-ms-rename-source": "source",
    "x-object-manifest": "source",
    "x-symlink-target": "source",
    # operation
    "prefer": "operation",
    "sforce-auto-assign": "operation",
    "sforce-call-options": "operation",
    "sforce-duplicate-rule-header": "operation",
    "soapaction": "operation",
    "x-amz-client-context": "operation",
    "x-amz-invocation-type": "operation",
    "x-amz-metadata-directive": "operation",
    "x-amz-tagging-directive": "operation",
    "x-amz-target": "operation",
    "x-goog-metadata-directive": "operation",
    "x-goog-resumable": "operation",
    "x-ms-copy-action": "operation",
    "x-ms-cosmos-is-batch-request": "operation",
    "x-ms-delete-snapshots": "operation",
    "x-ms-delete-type-permanent": "operation",
    "x-ms-documentdb-is-upsert": "operation",
    "x-ms-documentdb-isquery": "operation",
    "x-ms-lease-action": "operation",
    "x-ms-page-write": "operation",
    "x-ms-recursive": "operation",
    "x-ms-write": "operation",
    "x-upsert": "operation",
    "x-vault-wrap-ttl": "operation",
    # target
    "accept-profile": "target",
    "content-profile": "target",
    "depth": "target",
    "destination": "target",
    "dropbox-api-arg": "target",
    "dropbox-api-path-root": "target",
    "overwrite": "target",
    "x-amz-website-redirect-location": "target",
    "x-anchormailbox": "target",
    # lifetime
    "x-amz-bucket-object-lock-enabled": "lifetime",
    "x-amz-storage-class": "lifetime",
    "x-amz-tagging": "lifetime",
    "x-delete-after": "lifetime",
    "x-delete-at": "lifetime",
    "x-goog-custom-time": "lifetime",
    "x-goog-storage-class": "lifetime",
    "x-ms-access-tier": "lifetime",
    "x-ms-legal-hold": "lifetime",
    "x-ms-tags": "lifetime",
}
"""Fields that change what a call does, and what of it: inputs of a tool that declares them, else refused."""

ACTING_PREFIXES: Final = {
    "impersonate-extra-": "identity",
    "mscrm-": "operation",
    "x-amz-copy-source-": "source",
    "x-amz-grant-": "permissions",
    "x-amz-object-lock-": "lifetime",
    "x-amz-server-side-encryption": "encryption",
    "x-appwrite-impersonate-": "identity",
    "x-goog-copy-source-": "source",
    "x-goog-encryption-": "encryption",
    "x-goog-if-": "operation",
    "x-goog-upload-": "operation",
    "x-hasura-": "identity",
    "x-ms-copy-source-": "source",
    "x-ms-encryption-": "encryption",
    "x-ms-immutability-policy-": "lifetime",
    "x-ms-source-": "source",
}
"""Families of such fields, by how their names begin; a dot in a name counts as `-`."""

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
        "ocp-apim-subscription-key",
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


def acts_on(name: str) -> str | None:
    """What of a call a field (lower case) changes, if it does."""
    plainly = plain(name)
    what = ACTING.get(plainly)
    if what is None and plainly.replace(".", "-").startswith(_ACTING_PREFIXES):
        plainly = plainly.replace(".", "-")
        what = next(what for prefix, what in ACTING_PREFIXES.items() if plainly.startswith(prefix))
    return what


_ACTING_PREFIXES: Final = tuple(ACTING_PREFIXES)
