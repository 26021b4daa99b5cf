"""redact(parts) = redact(whole), and no byte waits that cannot be part of a secret."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact.forms import forms
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.redact.stream import SecretStream

VALUES = {
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc": "STRIPE",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc_more": "LONGER",
    "zdp7dc_overlap_with_the_first": "OVERLAP",
    "aaaaaaaaaaaaaaaaaaaaab": "REPEATS",
    "päss/word+<quoted>&'\"": "HARD",
}
SECRETS = SecretSet.of(VALUES)
TANGLED = SecretSet.of({"abab": "1", "ababa": "2", "babb": "3", "aa": "4", "bbbbb": "5", "baabab": "6"})
FORMS = sorted({form for value in VALUES for form in forms(value)})


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def through(stream: SecretStream, parts: list[bytes]) -> bytes:
    return b"".join([*map(stream.feed, parts), stream.finish()])


PIECE = st.one_of(
    st.sampled_from(FORMS),
    st.sampled_from(FORMS).flatmap(lambda form: st.integers(1, len(form)).map(lambda size: form[:size])),
    st.sampled_from(FORMS).flatmap(lambda form: st.integers(1, len(form)).map(lambda size: form[-size:])),
    st.sampled_from([b"a", b"\\", b"%", b"sk_live_", b"data: ", b"\n\n"]),
    st.binary(max_size=6),
)


@given(pieces=st.lists(PIECE, max_size=8), places=st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=200, deadline=None)
def test_redaction_is_equal_under_every_split(pieces: list[bytes], places: list[int]) -> None:
    whole = b"".join(pieces)
    expected, findings = SECRETS.redact(whole)
    stream = SECRETS.stream()
    assert through(stream, cut(whole, places)) == expected
    assert stream.findings == findings


@given(st.text(alphabet="ab", max_size=60), st.lists(st.integers(0, 100), max_size=20))
@settings(max_examples=200, deadline=None)
def test_redaction_is_equal_under_every_split_of_tangled_secrets(text: str, places: list[int]) -> None:
    """A two-letter alphabet makes every kind of overlap, prefix and suffix common."""
    expected, _ = TANGLED.redact(text.encode())
    assert through(TANGLED.stream(), cut(text.encode(), places)) == expected


def test_every_form_is_found_when_it_arrives_byte_by_byte() -> None:
    for form in FORMS[:: len(FORMS) // 200]:
        stream = SECRETS.stream()
        out = through(stream, [bytes([byte]) for byte in b"<<" + form + b">>"])
        assert form not in out
        assert stream.findings.total() >= 1, form


@given(pieces=st.lists(PIECE, max_size=6))
@settings(max_examples=200, deadline=None)
def test_only_a_true_beginning_of_a_secret_is_held_back(pieces: list[bytes]) -> None:
    stream = SECRETS.stream()
    for piece in pieces:
        stream.feed(piece)
        held = stream._held
        assert held == b"" or any(form.startswith(held) and form != held for form in FORMS)


def test_an_event_that_cannot_begin_a_secret_goes_out_at_once() -> None:
    stream = SECRETS.stream()
    event = b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n'
    assert stream.feed(event) == event
    assert stream.held == 0


def test_a_beginning_is_let_go_once_it_turns_out_to_be_none() -> None:
    stream = SECRETS.stream()
    assert stream.feed(b"x sk_live_4eC39") == b"x "
    assert stream.feed(b"?") == b"sk_live_4eC39?"


def test_what_was_held_at_the_end_is_given_out() -> None:
    stream = SECRETS.stream()
    stream.feed(b"sk_live_4eC39")
    assert stream.finish() == b"sk_live_4eC39"
    assert stream.finish() == b""
