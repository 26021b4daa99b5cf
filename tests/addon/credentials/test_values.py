"""What is wrong with a value is said in full, and without the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.credentials.values import LIMIT, faults
from wharfinger.rules.models.credentials import Credential

GOOD = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


def declared(**other):
    return Credential.model_validate({"from": "env:X", "hosts": ["a.example"], **other})


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (GOOD, {}),
        ("x" * 16, {}),
        ("x" * LIMIT, {}),
        ("x", {"weak": True}),
        ("correct horse battery staple", {}),
        ("user:" + GOOD, {"kind": "basic"}),
        (":" + GOOD, {"kind": "basic"}),
        ('/?#%&="\\<>' * 2, {"kind": "query"}),
    ],
)
def test_a_good_value_has_no_faults(value, other):
    assert list(faults(value, declared(**other))) == []


@pytest.mark.parametrize(
    ("value", "other", "messages"),
    [
        ("", {}, ["is empty"]),
        ("", {"weak": True}, ["is empty"]),
        ("x" * 15, {}, ["fewer than 16 bytes"]),
        ("x" * (LIMIT + 1), {}, ["more than 8192"]),
        (GOOD + "\n", {}, ["control characters or line breaks"]),
        (GOOD + "\r\nX: y", {}, ["control characters"]),
        (GOOD + "\x00", {}, ["control characters"]),
        ("\x7f" + GOOD, {}, ["control characters"]),
        ("\x85x" + GOOD, {}, ["control characters"]),
        (GOOD + "ü", {}, ["beyond ASCII"]),
        (GOOD + "\u2028x", {}, ["beyond ASCII"]),
        (" " + GOOD, {}, ["begins or ends"]),
        (GOOD, {"kind": "basic"}, ["not a user and a password"]),
        ("a\t ", {"kind": "basic"}, ["fewer than", "control", "begins or ends", "not a user"]),
    ],
)
def test_every_fault_is_told_with_a_remedy(value, other, messages):
    found = list(faults(value, declared(**other)))
    assert len(found) == len(messages)
    for (message, hint), expected in zip(found, messages, strict=True):
        assert expected in message
        assert hint


@given(st.text(max_size=60))
def test_a_value_without_faults_can_stand_in_a_header(value):
    if not list(faults(value, declared(weak=True))):
        assert value
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip()


@given(st.text(min_size=6, max_size=40, alphabet="0123456789\n\x00é"))
def test_no_fault_quotes_the_value(value):
    for fault in faults(value, declared()):
        assert value not in "".join(fault)
