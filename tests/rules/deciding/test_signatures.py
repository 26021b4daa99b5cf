"""Invariant 5 where the credential is a key to sign with: the agent's placeholder stands for the key's id."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules import sigv4
from wharfinger.rules.types import Code, Origin, Place, Verdict

KEY = "ghp_7hJkLmNpQrStUvWxYz0123456789"
OTHER = "search-aBcDeFgHiJkLmNoPqRsT01"
STRANGER = "sk_test_b3RoZXIgYWdlbnQncyBrZXk1"
LINE = "GET https://api.github.com/items/1"

TOOLS = {
    "credentials.yaml": """
        credentials:
          STRIPE_API_KEY: {from: "env:STRIPE_API_KEY", hosts: [api.stripe.com]}
          GITHUB_TOKEN: {kind: aws, from: "env:GITHUB_TOKEN", hosts: [api.github.com]}
          SEARCH_KEY: {from: "env:SEARCH_KEY", hosts: [api.github.com]}
        """,
    "tools/stripe.yaml": None,
    "tools/own.yaml": None,
    "tools/github.yaml": """
        api: signed
        base: https://api.github.com
        auth: {secret: GITHUB_TOKEN, in: sigv4}
        tools:
          - tool: signed
            run: {method: GET, url: "/items/${id}"}
        """,
}


@pytest.fixture
def signed(make: Any) -> Any:
    return make(TOOLS)


def field(key: str) -> str:
    return sigv4.written(key, "s3.amazonaws.com")


def test_exchanged_whole(signed: Any) -> None:
    fields = {
        "Authorization": field(KEY),
        "X-Amz-Date": "20260114T120000Z",
        "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD",
        "X-Amz-Security-Token": KEY,
    }
    decision = signed.decide(LINE, fields)
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert [each.place for each in decision.placements] == [Place.SIGV4]
    assert not {name.lower() for name, _ in decision.forward} & set(sigv4.REPLACED)


@pytest.mark.parametrize(
    "fields",
    [
        {"Authorization": field(OTHER)},
        {"Authorization": field(STRANGER)},
        {"Authorization": field("AKIAIOSFODNN7EXAMPLE")},
        {"Authorization": field(f"{KEY}x")},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": KEY},
        {"Authorization": field(KEY), "X-Amz-Security-Token": "mine"},
        {"Authorization": field(KEY), "X-Amz-Security-Token": OTHER},
        {"Authorization": field(KEY), "X-Amz-Content-Sha256": KEY},
        {"Authorization": field(KEY), "X-Amz-Date": KEY},
        {"Authorization": field(KEY), "X-Amz-Meta-A": KEY},
        {"Authorization": field(KEY).replace("SignedHeaders=host", f"SignedHeaders={KEY.lower()}")},
        {"Authorization": field("x").replace("SignedHeaders=host", f"SignedHeaders={KEY.lower()}")},
        {"X-Amz-Security-Token": "mine"},
    ],
)
def test_misuse(signed: Any, fields: dict[str, str]) -> None:
    decision = signed.decide(LINE, fields)
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.MISUSE), decision.reason
    assert not decision.placements


def test_a_url_that_the_agent_has_signed_is_refused(signed: Any) -> None:
    line = f"{LINE}?X-Amz-Credential={KEY}%2F20260114%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=00"
    assert signed.decide(line).code is Code.MISUSE


PRESIGNED = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": f"{KEY}%2F20260114%2Fus-east-1%2Fs3%2Faws4_request",
    "X-Amz-Date": "20260114T120000Z",
    "X-Amz-Expires": "3600",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0" * 64,
}


def url(**changed: str | None) -> str:
    held = {**PRESIGNED, **{f"X-Amz-{name}": value for name, value in changed.items()}}
    return f"{LINE}?" + "&".join(f"{name}={value}" for name, value in held.items() if value is not None)


@pytest.mark.parametrize(
    "line",
    [
        url(),
        url() + f"&X-Amz-Security-Token={KEY}",
        url(
            Algorithm="AWS4-ECDSA-P256-SHA256", Credential=f"{KEY}%2F20260114%2Fs3%2Faws4_request",
            Signature="30" * 70,
        ) + "&X-Amz-Region-Set=*",
    ],
    ids=["key", "with a token", "asymmetric"],
)  # fmt: skip
def test_a_url_that_was_signed_with_the_placeholder_is_signed_anew(signed: Any, line: str) -> None:
    decision = signed.decide(line)
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert [each.place for each in decision.placements] == [Place.SIGV4]
    assert not decision.calls[0].extras


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (url(Credential="AKIAIOSFODNN7EXAMPLE%2F20260114%2Fus-east-1%2Fs3%2Faws4_request"), {}),
        (url(Credential=f"{OTHER}%2F20260114%2Fus-east-1%2Fs3%2Faws4_request"), {}),
        (url(Credential=f"{KEY}%2Fx"), {}),
        (url(Algorithm="AWS4-ECDSA-P256-SHA256"), {}),
        (url(Algorithm="AWS5"), {}),
        (url(Signature=None), {}),
        (url(Expires=None), {}),
        (url() + "&X-Amz-Credential=x", {}),
        (url() + "&X-Amz-Security-Token=mine", {}),
        (url() + f"&a={KEY}", {}),
        (url(Date=KEY), {}),
        (url(), {"Authorization": field(KEY)}),
        (f"{LINE}?X-Amz-Security-Token={KEY}", {"Authorization": field(KEY)}),
    ],
)
def test_misuse_of_a_signed_url(signed: Any, line: str, fields: dict[str, str]) -> None:
    decision = signed.decide(line, fields)
    assert (decision.verdict, decision.code) == (Verdict.DENY, Code.MISUSE), decision.reason


def test_a_signature_for_all_regions(signed: Any) -> None:
    value = (
        f"AWS4-ECDSA-P256-SHA256 Credential={KEY}/20260114/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-region-set, Signature={'30' * 70}"
    )
    decision = signed.decide(LINE, {"Authorization": value, "X-Amz-Region-Set": "*"})
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert "x-amz-region-set" not in {name.lower() for name, _ in decision.forward}
    for regions in ({}, {"X-Amz-Region-Set": "$"}, {"X-Amz-Region-Set": KEY}):
        assert signed.decide(LINE, {"Authorization": value, **regions}).code is Code.MISUSE


def test_chunks_that_are_signed_in_another_way_are_refused_with_a_remedy(signed: Any) -> None:
    fields = {"Authorization": field(KEY), "X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    assert signed.decide(LINE, fields).verdict is Verdict.ALLOW
    decision = signed.decide(LINE, fields | {"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA512-PAYLOAD"})
    assert decision.code is Code.DENIED
    assert "chunk" in decision.reason


def test_without_a_signature_the_call_is_denied_and_the_check_assumes_it(signed: Any) -> None:
    assert "has no credential" in signed.decide(LINE).reason
    assert signed.with_facts(origin=Origin.EXPLAIN).decide(LINE).verdict is Verdict.ALLOW
