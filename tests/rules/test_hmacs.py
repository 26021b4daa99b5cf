"""Signatures by template: as Stripe, Slack, GitHub, Shopify and Standard Webhooks publish theirs."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from wharfinger.rules import hmacs
from wharfinger.rules.hmacs import Signing

BODY = b'{"id":"evt_1","amount":100}'
DIGEST = hashlib.sha256(BODY).hexdigest().encode()
REQUEST = hmacs.parts("POST", "hooks.example.com", "/in?x=1", BODY)

# From https://docs.slack.dev/authentication/verifying-requests-from-slack
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
    b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK = Signing("v0:${time}:${body}", "v0=${signature}", time="X-Slack-Request-Timestamp")
# From https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
GITHUB = Signing("${body}", "sha256=${signature}")
STRIPE = Signing("${time}.${body}", "t=${time},v1=${signature}")


def test_slacks_own_vector() -> None:
    parts = hmacs.parts("POST", "x", "/", SLACK_BODY)
    made = hmacs.signature(SLACK, "8f742231b10e8888abcd99yyyzzz85a5", "1531420618", parts)
    assert hmacs.written(SLACK, "1531420618", made) == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


def test_githubs_own_vector() -> None:
    parts = hmacs.parts("POST", "x", "/", b"Hello, World!")
    made = hmacs.signature(GITHUB, "It's a Secret to Everybody", "", parts)
    assert hmacs.written(GITHUB, "", made) == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


@pytest.mark.parametrize(
    ("signing", "key", "text", "raw_key"),
    [
        (STRIPE, "whsec_k", b"170." + BODY, b"whsec_k"),
        (Signing("${method}\n${host}\n${path}\n${query}"), "k", b"POST\nhooks.example.com\n/in\nx=1", b"k"),
        (
            Signing("${target}${body_digest}"),
            "k",
            b"/in?x=1" + hashlib.sha256(BODY).hexdigest().encode(),
            b"k",
        ),
        (Signing("${body}", key="hex"), "00ff10", BODY, b"\x00\xff\x10"),
        (
            Signing("${body}", key="base64"),
            "whsec_" + base64.b64encode(b"raw key").decode(),
            BODY,
            b"raw key",
        ),
        (Signing("${body}", key="base64"), "_-8", BODY, b"\xff\xef"),
    ],
    ids=["stripe", "parts", "digest", "hex", "standard", "url alphabet"],
)
@pytest.mark.parametrize("digest", hmacs.DIGESTS)
@pytest.mark.parametrize("encoding", hmacs.ENCODINGS)
def test_what_is_signed(  # noqa: PLR0917 - the table's columns
    signing: Signing, key: str, text: bytes, raw_key: bytes, digest: str, encoding: str
) -> None:
    from dataclasses import replace

    signing = replace(signing, digest=digest, encoding=encoding)
    raw = hmac.digest(raw_key, text, digest)
    expected = {
        "hex": raw.hex(),
        "base64": base64.b64encode(raw).decode(),
        "base64url": base64.urlsafe_b64encode(raw).decode(),
    }[encoding]
    made = hmacs.signature(signing, key, "170", REQUEST)
    assert made == expected
    assert hmacs.proves(signing, key, hmacs.written(signing, "170", made), ("170",), REQUEST)


@pytest.mark.parametrize(("written", "key"), [("hex", "xyz"), ("base64", "a"), ("base64", "§§")])
def test_a_key_that_is_not_as_declared(written: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"not written in {written}") as failed:
        hmacs.signature(Signing("${body}", key=written), key, "", REQUEST)
    assert len(key) < 2 or key not in str(failed.value)


def test_what_proves_nothing() -> None:
    made = hmacs.signature(STRIPE, "key", "170", REQUEST)
    good = f"t=170,v1={made}"
    assert hmacs.proves(STRIPE, "key", good, (), REQUEST)
    other = hmacs.parts("POST", "hooks.example.com", "/in?x=1", BODY + b" ")
    assert not hmacs.proves(STRIPE, "key", good, (), other)
    assert not hmacs.proves(STRIPE, "other", good, (), REQUEST)
    for value in (f"t=171,v1={made}", f"v1={made}", made, "t=170,v1=", good + ",v0=x", "", good.upper()):
        assert not hmacs.proves(STRIPE, "key", value, (), REQUEST), value
    two = hmacs.signature(SLACK, "key", "1", REQUEST)
    assert hmacs.proves(SLACK, "key", f"v0={two}", ("1",), REQUEST)
    assert not hmacs.proves(SLACK, "key", f"v0={two}", ("1", "1"), REQUEST)
    assert not hmacs.proves(SLACK, "key", f"v0={two}", (), REQUEST)
