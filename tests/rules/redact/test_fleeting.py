"""What was put into one request alone does not come back in its answer, wherever that is cut."""

from __future__ import annotations

import random

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
