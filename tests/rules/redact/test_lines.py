"""What is broken over lines is found, in one piece or in many; and no line waits that cannot be such."""

from __future__ import annotations

import base64
import itertools
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact.lines import RUN
from wharfinger.rules.redact.secrets import SecretSet

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
LOGIN = "user@example.com:pa/ss+word=&more"
WORDS = "correct horse battery staple"
KNOWN = SecretSet.of({SECRET: "KEY", LOGIN: "LOGIN", WORDS: "WORDS"})
ENDS = {
    "LF": b"\n",
    "CRLF": b"\r\n",
    "JSON": b"\\n",
    "JSON, CRLF": b"\\r\\n",
    "form": b"%0A",
    "form, CRLF": b"%0d%0a",
    "indented": b"\n\t  ",
}


def in_lines(letters: bytes, length: int, end: bytes) -> bytes:
    return end.join(letters[at : at + length] for at in range(0, len(letters), length))


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("length", [RUN, 60, 64, 76])
def test_base64_in_lines_is_found_wherever_it_is_broken(length: int, end: bytes) -> None:
    for before in range(length):
        letters = base64.b64encode(b"x" * before + SECRET.encode() + b"y" * 60)
        out, found = KNOWN.redact(b"<" + in_lines(letters, length, end) + b">")
        assert found == {"KEY": 1}, before
        assert out.count(b"[redacted:KEY]") == 1
        assert out.startswith(b"<")
        assert out.endswith(b">")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_quoted_printable_in_lines_is_found_wherever_it_is_broken(end: bytes) -> None:
    for before in range(80):
        text = quopri.encodestring(b"x" * before + LOGIN.encode() + b" " + b"y" * 80).replace(b"\n", end)
        out, found = KNOWN.redact(text)
        assert found == {"LOGIN": 1}, before
        assert b"[redacted:LOGIN]" in out


def test_a_space_after_a_soft_break_of_quoted_printable_belongs_to_it() -> None:
    assert KNOWN.redact(b"<" + WORDS.replace(" ", "=\n ").encode() + b">") == (
        b"<[redacted:WORDS]>",
        {"WORDS": 1},
    )


def test_what_stands_around_it_stays_as_it_was() -> None:
    letters = base64.b64encode(b"x" * 40 + SECRET.encode() + b"y" * 200)
    text = in_lines(letters, 64, b"\n")
    out, _ = KNOWN.redact(text)
    before, after = out.split(b"[redacted:KEY]")
    assert text.startswith(before)
    assert text.endswith(after)
    gone = text[len(before) : -len(after)]
    assert gone.count(b"\n") == 1
    assert gone.replace(b"\n", b"") in letters


WAITING = {
    "an event": b"data: {}\n\n",
    "an event that ends as a secret begins": b"data: " + b"A" * 40 + b"sk_live_Zk3\n\n",
    "an event that ends as padding does": b"data: sk_live_=\n\n",
    "a short line that ends as a secret begins": b"the key is sk_live_Zk3\n",
    "a line of JSON": b'{"key": "sk_live_"}\n',
}


@pytest.mark.parametrize("line", WAITING.values(), ids=WAITING.keys())
def test_a_line_that_is_not_broken_softly_goes_out_at_once(line: bytes) -> None:
    stream = KNOWN.stream()
    assert stream.feed(line) == line
    assert stream.held == 0


def test_held_is_what_may_go_on_in_the_next_line_until_it_does_not() -> None:
    letters = base64.b64encode(b"x" * 39 + SECRET.encode())[:64]
    stream = KNOWN.stream()
    assert stream.feed(letters + b"\n") == letters[:52]
    assert stream.held == 13
    assert stream.feed(b"!") == letters[52:] + b"\n!"
    assert stream.findings == {}


def test_a_finding_that_is_in_a_field_of_a_head_counts_as_within() -> None:
    letters = base64.b64encode(b"x" * 39 + SECRET.encode() + b"y")
    assert KNOWN.within(in_lines(letters, 64, b"\n"))
    assert not KNOWN.within(in_lines(letters[:64] + b"!" + letters[64:], 64, b"\n"))


PIECE = st.one_of(
    st.builds(
        lambda before, length, end: in_lines(
            base64.b64encode(b"x" * before + SECRET.encode() + b"y" * 50), length, end
        ),
        st.integers(30, 90),
        st.sampled_from([RUN, 60, 64]),
        st.sampled_from(sorted(ENDS.values())),
    ),
    st.sampled_from(
        [b"A" * RUN, b"=", b"\r", b"\n", b"\\", b"\\r", b"\\n", b"%0", b"%0A", b" ", b"c2tf", b"%"]
    ),
    st.binary(max_size=3),
)


@given(pieces=st.lists(PIECE, max_size=8), places=st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=150, deadline=None)
def test_in_parts_it_is_what_it_is_whole(pieces: list[bytes], places: list[int]) -> None:
    whole = b"".join(pieces)
    expected, findings = KNOWN.redact(whole)
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    stream = KNOWN.stream()
    out = b"".join(stream.feed(whole[start:end]) for start, end in itertools.pairwise(edges))
    assert out + stream.finish() == expected
    assert stream.findings == findings
