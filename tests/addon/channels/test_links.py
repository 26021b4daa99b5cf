"""Links: what is signed is read back, and nothing else is; codes go with one link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.channels import links
from wharfinger.channels.links import Link, Signer

NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
SIGNER = Signer(b"l" * 32, b"c" * 32)


def made(**changes: object) -> Link:
    given = {"approval": "a_1", "person": "alice", "digest": "d" * 64, "ends": NOW + timedelta(hours=9)}
    given |= changes
    return links.new(given["approval"], given["person"], given["digest"], NOW, given["ends"])


LINK = made()
TEXT = SIGNER.text(LINK)


def test_a_link_is_read_back():
    assert SIGNER.id_of(TEXT) == LINK.id
    assert SIGNER.holds(TEXT, LINK)
    assert SIGNER.text(LINK) == TEXT


def test_a_link_ends_after_an_hour_or_with_its_approval():
    assert made().expires == NOW + timedelta(hours=1)
    assert made(ends=NOW + timedelta(minutes=5)).expires == NOW + timedelta(minutes=5)


def test_every_flipped_bit_of_a_link_is_refused():
    raw = TEXT.encode()
    refused = 0
    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            assert not SIGNER.holds(changed.decode("latin-1"), LINK), (place, bit)
            refused += 1
    assert refused == 8 * len(raw) > 900


@pytest.mark.parametrize(
    "text",
    [
        "", "wl_", TEXT[:-1], TEXT + "A", TEXT + "=", TEXT + "\n", " " + TEXT, TEXT.upper(), TEXT.lower(),
        TEXT.replace("_", "\uff3f"), TEXT.replace("wl_", "wl-"), "wl_" + TEXT, TEXT[:40] + "\0" + TEXT[41:],
        TEXT[:30] + " " + TEXT[30:], TEXT.replace(SIGNER.tag, SIGNER.tag[::-1]),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_link(text: str):
    assert not SIGNER.holds(text, LINK)


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str):
    assert SIGNER.id_of(text) is None
    assert SIGNER.id_of("wl_" + SIGNER.tag + text) is None or len(text) == 100


def test_a_link_of_another_installation():
    for other in (Signer(b"x" * 32, b"c" * 32), Signer(b"l" * 32, b"x" * 32)):
        assert not SIGNER.holds(other.text(LINK), LINK)


@pytest.mark.parametrize(
    "other",
    [
        {"approval": "a_2"}, {"person": "bob"}, {"digest": "e" * 64}, {"expires": NOW + timedelta(hours=2)},
        {"id": "00" * 11},
    ],
)  # fmt: skip
def test_a_signature_is_for_one_link(other: dict[str, object]):
    """What the store says of a link is what was signed, all of it."""
    fields = {name: getattr(LINK, name) for name in ("id", "approval", "person", "digest", "expires")}
    changed = Link(**{**fields, **other})
    assert not SIGNER.holds(TEXT, changed)
    assert SIGNER.code(changed) != SIGNER.code(LINK)


def test_the_signature_is_bound_to_its_purpose():
    """A signature by the same key over the same words, without the line that says what for, is none."""
    words = LINK.message()[LINK.message().index(b"[") :]
    bare = SIGNER._key.sign(words)
    forged = f"wl_{SIGNER.tag}{links._text(bytes.fromhex(LINK.id) + bare)}"
    assert SIGNER.id_of(forged) == LINK.id
    assert not SIGNER.holds(forged, LINK)


def test_the_code_is_not_in_the_link():
    code = SIGNER.code(LINK)
    assert len(code) == 8
    assert code not in TEXT
    assert SIGNER.opens(code, LINK)
    assert SIGNER.opens(links.spelled(code), LINK)


@pytest.mark.parametrize("wrong", ["", "0", "-", "00000000000000000", "１２３４５６７８", "\0" * 8, "٠" * 8])
def test_a_wrong_code(wrong: str):
    assert not SIGNER.opens(wrong, LINK)


def test_codes_are_spread():
    assert len({SIGNER.code(made()) for _ in range(1000)}) > 990


def test_the_other_alphabet_of_base64_says_no_link():
    """Python's decoder takes `+` and `/` even where it is told `-` and `_`."""
    head = len("wl_") + len(SIGNER.tag)
    tried = 0
    for link in (made() for _ in range(20)):
        text = SIGNER.text(link)
        other = text[:head] + text[head:].replace("-", "+").replace("_", "/")
        assert other == text or not SIGNER.holds(other, link)
        tried += other != text
    assert tried
