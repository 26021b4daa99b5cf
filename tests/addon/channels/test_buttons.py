"""Values of buttons: each for one channel, approval, request and move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.channels import buttons
from wharfinger.channels.buttons import Buttons

OURS = Buttons(b"b" * 32)
VALUE = OURS.value("slack", "a_1", "d", "approve")


def test_a_value_is_read_back():
    said = buttons.read(VALUE)
    assert said is not None
    assert (said.move, said.approval) == ("approve", "a_1")
    assert OURS.holds(said, "slack", "d")


def test_every_flipped_bit_is_refused():
    raw = VALUE.encode()
    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            said = buttons.read(changed.decode("latin-1"))
            assert said is None or not OURS.holds(said, "slack", "d"), (place, bit)


@pytest.mark.parametrize(("channel", "digest"), [("email", "d"), ("slack", "e"), ("", "d")])
def test_a_value_is_for_one_channel_and_one_request(channel: str, digest: str):
    said = buttons.read(VALUE)
    assert said is not None
    assert not OURS.holds(said, channel, digest)
    assert not Buttons(b"x" * 32).holds(said, "slack", "d")


@given(st.text(max_size=250))
def test_any_text_is_read_without_an_error(text: str):
    said = buttons.read(text)
    assert said is None or not OURS.holds(said, "slack", "d")


def test_a_value_is_for_one_move():
    said = buttons.read(VALUE.replace("approve", "deny"))
    assert said is not None
    assert not OURS.holds(said, "slack", "d")
