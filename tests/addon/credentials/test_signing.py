"""A signature by AWS's rules is what AWS's own library makes of the same request."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.credentials import signing
from wharfinger.credentials.signing import CannotSign, Keys, Outgoing
from wharfinger.rules import sigv4
from wharfinger.rules.sigv4 import Scope
from wharfinger.secret import Secret

auth = pytest.importorskip("botocore.auth")
awsrequest = pytest.importorskip("botocore.awsrequest")
credentials = pytest.importorskip("botocore.credentials")

NOW = datetime(2026, 1, 14, 12, 30, 5, tzinfo=UTC)
KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEBYaDH/token==")
NO_TOKEN = Keys(KEYS.access_key, KEYS.secret_key)


def ours(  # noqa: PLR0917
    keys: Keys, scope: Scope, method: str, url: str, headers: Any, body: bytes | None
) -> dict[str, str]:
    host, _, target = url.removeprefix("https://").partition("/")
    fields = [("Host", host), *headers]
    made = signing.signed(
        Secret("AWS", keys.text()), scope, Outgoing(method, f"/{target}", fields, body), NOW
    )
    return {name.lower(): value for name, value in made}


def theirs(  # noqa: PLR0917
    monkeypatch: pytest.MonkeyPatch,
    keys: Keys,
    scope: Scope,
    method: str,
    url: str,
    headers: Any,
    body: bytes,
) -> str:
    """The Authorization of the vendor's library, over the same fields."""
    request = awsrequest.AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    request.context["timestamp"] = NOW.strftime("%Y%m%dT%H%M%SZ")
    kind = auth.S3SigV4Auth if scope.service == "s3" else auth.SigV4Auth
    signer = kind(credentials.Credentials(keys.access_key, keys.secret_key, keys.session_token or None),
                  scope.service, scope.region)  # fmt: skip
    for module in ("get_current_datetime",):
        monkeypatch.setattr(auth, module, lambda *_, **__: NOW.replace(tzinfo=None), raising=False)
    signer.add_auth(request)
    return str(request.headers["Authorization"])


DYNAMO = Scope("x", "eu-central-1", "dynamodb")
S3 = Scope("x", "us-east-1", "s3")
JSON = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "DynamoDB_20120810.ListTables")]


@pytest.mark.parametrize("keys", [KEYS, NO_TOKEN])
@pytest.mark.parametrize(
    ("scope", "method", "url", "headers", "body"),
    [
        (DYNAMO, "POST", "https://dynamodb.eu-central-1.amazonaws.com/", JSON, b'{"Limit":1}'),
        (Scope("x", "us-east-1", "iam"), "POST", "https://iam.amazonaws.com/", [], b"Action=ListUsers"),
        (Scope("x", "us-east-1", "lambda"), "GET",
         "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/policy?Z=1&A=b%20c&A=a",
         [], b""),
        (S3, "GET", "https://b.s3.amazonaws.com/a/b%20c~d/e.txt?list-type=2&prefix=a%2Fb&empty=", [], b""),
        (S3, "PUT", "https://b.s3.amazonaws.com/x%2By", [("Content-Type", "text/plain"),
                                                         ("X-Amz-Meta-A", "one   two ")], b"hello"),
        (S3, "PUT", "https://b.s3.amazonaws.com/x", [("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")], b"hello"),
    ],
)  # fmt: skip
def test_the_vendors_library_signs_the_same(  # noqa: PLR0917
    monkeypatch: pytest.MonkeyPatch,
    keys: Keys,
    scope: Scope,
    method: str,
    url: str,
    headers: Any,
    body: bytes,
) -> None:
    made = ours(keys, scope, method, url, headers, body)
    given = [(n, v) for n, v in headers]
    if scope.service == "s3":  # which of its ways to describe a body the library takes is not the point here
        digest = dict(headers).get("X-Amz-Content-Sha256", hashlib.sha256(body).hexdigest())
        monkeypatch.setattr(auth.S3SigV4Auth, "payload", lambda self, _: digest)
    assert made["authorization"] == theirs(monkeypatch, keys, scope, method, url, given, body)
    assert made["x-amz-date"] == "20260114T123005Z"
    assert made.get("x-amz-security-token", "") == keys.session_token


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5), st.text(min_size=1))
def test_every_query_and_path_is_signed_as_it_is_read(pairs: list[tuple[str, str]], key: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        text = "".join(c for c in key if c.isprintable() and c not in "/.") or "k"
        query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in pairs)
        url = f"https://b.s3.amazonaws.com/{quote(text, safe='')}?{query}"
        patch.setattr(auth.S3SigV4Auth, "payload", lambda self, _: hashlib.sha256(b"").hexdigest())
        assert ours(KEYS, S3, "GET", url, [], b"")["authorization"] == theirs(
            patch, KEYS, S3, "GET", url, [], b""
        )


def test_nothing_of_the_agents_signature_is_left() -> None:
    old = sigv4.written("AKIAplaceholder", "s3.amazonaws.com")
    fields = [("authorization", old), ("X-AMZ-Security-Token", "PH"), ("x-amz-date", "20000101T000000Z")]
    host = [("Host", "b.s3.amazonaws.com")]
    made = signing.signed(
        Secret("AWS", NO_TOKEN.text()), S3, Outgoing("GET", "/", [*host, *fields], b""), NOW
    )
    names = [name.lower() for name, _ in made]
    assert len(names) == len(set(names))
    assert "x-amz-security-token" not in names
    assert "PH" not in repr(made)
    assert "20000101" not in repr(made)


@pytest.mark.parametrize(
    ("scope", "said", "body", "stands"),
    [
        (S3, "UNSIGNED-PAYLOAD", b"x", "UNSIGNED-PAYLOAD"),
        (S3, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"x", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        (S3, "0" * 64, b"x", hashlib.sha256(b"x").hexdigest()),
        (S3, "0" * 64, None, "0" * 64),
        (S3, None, None, "UNSIGNED-PAYLOAD"),
        (DYNAMO, "UNSIGNED-PAYLOAD", b"x", hashlib.sha256(b"x").hexdigest()),
    ],
)
def test_what_stands_for_the_body(scope: Scope, said: str | None, body: bytes | None, stands: str) -> None:
    headers = [] if said is None else [("X-Amz-Content-Sha256", said)]
    made = ours(KEYS, scope, "PUT", "https://b.s3.amazonaws.com/x", headers, body)
    assert made["x-amz-content-sha256"] == stands


@pytest.mark.parametrize(
    ("scope", "said", "body"),
    [
        (S3, "STREAMING-AWS4-HMAC-SHA512-PAYLOAD", b"x"),
        (S3, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", b"x"),
        (DYNAMO, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"x"),
        (DYNAMO, None, None),
    ],
)
def test_a_body_that_cannot_be_signed_is_not_sent(scope: Scope, said: str | None, body: bytes | None) -> None:
    headers = [] if said is None else [("X-Amz-Content-Sha256", said)]
    with pytest.raises(CannotSign):
        ours(KEYS, scope, "PUT", "https://b.s3.amazonaws.com/x", headers, body)


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"AccessKeyId": "a"}', '{"AccessKeyId": 1, "SecretAccessKey": "b"}',
     '{"AccessKeyId": "a\\n", "SecretAccessKey": "b"}'],
)  # fmt: skip
def test_keys_that_are_none_are_refused_without_a_word_of_them(text: str) -> None:
    with pytest.raises(ValueError, match=r"^it") as refused:
        Keys.read(text)
    assert "AKIA" not in str(refused.value)


def test_keys_are_read_as_credential_process_prints_them() -> None:
    printed = {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "Expiration": "2026-01-14T12:30:05Z"}
    assert Keys.read(json.dumps(printed)) == Keys("A", "B")
    assert signing.expiry(json.dumps(printed)) == NOW.timestamp()
    assert signing.expiry(KEYS.text()) is None
    assert Keys.read(KEYS.text()) == KEYS


@pytest.mark.parametrize(
    ("host", "region", "service"),
    [
        ("dynamodb.eu-central-1.amazonaws.com", "eu-central-1", "dynamodb"),
        ("bucket.s3.eu-central-1.amazonaws.com", "eu-central-1", "s3"),
        ("bucket.s3.amazonaws.com", "us-east-1", "s3"),
        ("iam.amazonaws.com", "us-east-1", "iam"),
        ("email.eu-west-1.amazonaws.com", "eu-west-1", "ses"),
    ],
)
def test_what_call_writes_is_read_back(host: str, region: str, service: str) -> None:
    assert sigv4.read(sigv4.written("AKIAx-_1", host)) == Scope("AKIAx-_1", region, service)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer x",
        "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/s3/aws4_request",
        "AWS4-ECDSA-P256-SHA256 Credential=K/20260101/s3/aws4_request, SignedHeaders=host, Signature=00",
        sigv4.written("K", "s3.amazonaws.com") + " ",
        sigv4.written("K", "s3.amazonaws.com") + ", Signature=0",
        sigv4.written("K/K", "s3.amazonaws.com"),
    ],
)
def test_other_fields_are_no_signature(value: str) -> None:
    assert sigv4.read(value) is None
    assert sigv4.beside_key(value) == value
