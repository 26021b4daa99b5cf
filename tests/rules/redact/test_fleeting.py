"""What was put into one request alone does not come back in its answer, wherever that is cut."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from urllib.parse import quote

import pytest
from wharfinger.rules.redact.fleeting import MASK, Fleeting

ONE, TWO = "0123456789abcdef" * 4, "0123456789abcdef0123"
TEXT = f"a{ONE}b{TWO[:-1]}c{TWO}{TWO}{ONE.upper()}0123456789abcde".encode()
CLEAN = b"a" + MASK + b"b" + TWO[:-1].encode() + b"c" + MASK * 3 + b"0123456789abcde"


def test_whole_and_in_pieces() -> None:
    assert Fleeting([ONE, TWO]).whole(TEXT) == CLEAN
    cuts = random.Random(5)
    for _ in range(300):
        fleeting, out, at = Fleeting([ONE, TWO]), b"", 0
        while at < len(TEXT):
            step = cuts.randint(1, 90)
            out += fleeting.feed(TEXT[at : at + step])
            at += step
        out += fleeting.finish()
        assert ONE.encode() not in out.lower()
        assert TWO.encode() not in out.lower()


@pytest.mark.parametrize("text", [b"", b"nothing of it", b"x" * 5000, ONE[1:].encode()])
def test_what_is_none_is_not_held_back(text: bytes) -> None:
    fleeting = Fleeting([ONE])
    assert fleeting.feed(text + b"#") == text + b"#"
    assert fleeting.finish() == b""


def test_without_texts_nothing_is_done() -> None:
    assert not Fleeting(["short", ""])
    assert Fleeting(["short"]).feed(b"short") + Fleeting([]).finish() == b"short"


DIGEST = hashlib.sha256(b"what was signed, 2").digest()
B64 = base64.b64encode(DIGEST).decode()
URL = base64.urlsafe_b64encode(DIGEST).decode()
SPELLED = {
    "hex": DIGEST.hex(),
    "hex in capitals": DIGEST.hex().upper(),
    "base64": B64,
    "base64 without padding": B64.rstrip("="),
    "base64 for URLs": URL,
    "base64, percent-encoded": quote(B64, safe=""),
    "base64 in JSON with slashes escaped": json.dumps(B64).replace("/", "\\/"),
    "hex in base64": base64.b64encode(b"Signature=" + DIGEST.hex().encode() + b", more").decode(),
    "base64 in base64": base64.b64encode(f'{{"sig": "{B64}"}}'.encode()).decode(),
}


@pytest.mark.parametrize("given", [DIGEST.hex(), B64, URL], ids=["hex", "base64", "base64url"])
@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED.keys())
def test_a_digest_does_not_come_back_in_another_spelling(given: str, spelled: str) -> None:
    assert "/" in B64
    assert "+" in B64
    fleeting = Fleeting([given])
    out = b"".join(fleeting.feed(bytes([byte])) for byte in f"<{spelled}>".encode()) + fleeting.finish()
    assert fleeting.found == 1
    assert MASK in out
    assert spelled.encode() not in out


def test_other_digests_stay() -> None:
    other = hashlib.sha256(b"another").digest()
    text = other.hex().encode() + base64.b64encode(other)
    assert Fleeting([DIGEST.hex()]).whole(text) == text
