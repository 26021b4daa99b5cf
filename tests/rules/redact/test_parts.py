"""No set of parts shows more of a secret than the whole, with each byte of every form masked, does.

What is expected is worked out by itself: every place where a form stands in the whole is looked for with
`bytes.find`, and what was broken over lines is known because it was put there.
"""

from __future__ import annotations

import base64
import itertools
import quopri
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact import parts
from wharfinger.rules.redact.fleeting import Fleeting
from wharfinger.rules.redact.forms import forms
from wharfinger.rules.redact.parts import MASK, PIECE, Cut, PartStream, Uncut
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.ranges import Asked

SECRET = "sk_live_Zk3vQ8m1X5b7"
LOGIN = "päss/word+<q>&'\""
VALUES = {SECRET: "KEY", SECRET + "_more": "LONGER", "X5b7_overlaps": "OVERLAP", LOGIN: "LOGIN"}
KNOWN = SecretSet.of(VALUES)
FORMS = sorted({form for value in VALUES for form in forms(value)})
TANGLES = {"abab": "1", "ababa": "2", "babb": "3", "aa": "4", "bbbbb": "5", "baabab": "6"}
TANGLED = SecretSet.of(TANGLES)
TANGLED_FORMS = sorted({form for value in TANGLES for form in forms(value)})


def masked(whole: bytes, known: Iterable[bytes] = FORMS) -> bytes:
    """`whole` with each byte masked that any form covers."""
    out = bytearray(whole)
    for form in known:
        at = whole.find(form)
        while at >= 0:
            out[at : at + len(form)] = MASK * len(form)
            at = whole.find(form, at + 1)
    return bytes(out)


def served(whole: bytes, asked: Asked, by: int, *, sized: bool = True) -> tuple[bytes, str]:
    """What a server sends for a range that was widened by so much, and its `Content-Range`."""
    first, _, last = asked.widened(by).removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, len(whole) - int(last))
    end = min(int(last), len(whole) - 1) if first and last else len(whole) - 1
    return whole[start : end + 1], f"bytes {start}-{end}/{len(whole) if sized else '*'}"


def got(
    whole: bytes,
    asked: Asked,
    secrets: SecretSet = KNOWN,
    places: Iterable[int] = (),
    piece: int = PIECE,
) -> bytes:
    """What an agent gets that asks for this, the answer coming in pieces that end at `places`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PIECE", piece)
        return _got(whole, asked, secrets, places)


def _got(whole: bytes, asked: Asked, secrets: SecretSet, places: Iterable[int]) -> bytes:
    came, content_range = served(whole, asked, parts.reach(secrets))
    cut = parts.cut(asked, [content_range])
    assert isinstance(cut, Cut)
    stream = PartStream(secrets, cut)
    edges = [0, *sorted(place % (len(came) + 1) for place in places), len(came)]
    out = b"".join([stream.feed(came[a:b]) for a, b in itertools.pairwise(edges)]) + stream.finish()
    assert len(out) == cut.size
    return out


def rest(count: int) -> bytes:
    """Other text, in which no form stands."""
    return (b"0123456789 abcdefghijklmno, nothing of any interest. " * (count // 53 + 1))[:count]


PIECES = st.one_of(
    st.sampled_from(FORMS),
    st.sampled_from(FORMS),
    st.sampled_from(FORMS).flatmap(lambda form: st.integers(1, len(form)).map(lambda size: form[:size])),
    st.sampled_from(FORMS).flatmap(lambda form: st.integers(1, len(form)).map(lambda size: form[-size:])),
    st.integers(1, 3000).map(rest),
    st.binary(max_size=6),
)
PLACES = st.lists(st.integers(0, 100_000), max_size=4)


@given(
    pieces=st.lists(PIECES, min_size=1, max_size=8),
    asked=st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 4000)), min_size=1, max_size=8),
    places=PLACES,
    piece=st.sampled_from([1, 500, PIECE]),
)
@settings(max_examples=150, deadline=None)
def test_each_part_is_what_it_is_of_the_masked_whole(
    pieces: list[bytes], asked: list[tuple[int, int]], places: list[int], piece: int
) -> None:
    """Bounded, open and suffix ranges of any place and size: so nothing can be put together from them."""
    whole = b"".join(pieces) or b"-"
    expected = masked(whole)
    for at, size in asked:
        start = at % len(whole)
        for wanted, bounds in (
            (Asked(start, start + size - 1), slice(start, start + size)),
            (Asked(start, None), slice(start, None)),
            (Asked(None, size), slice(-size, None)),
        ):
            assert got(whole, wanted, places=places, piece=piece) == expected[bounds]


@given(text=st.text(alphabet="ab", min_size=1, max_size=60), places=PLACES)
@settings(max_examples=100, deadline=None)
def test_tangled_secrets_are_masked_at_the_same_places_in_any_part(text: str, places: list[int]) -> None:
    whole = rest(1500) + text.encode() + rest(1500)
    expected = masked(whole, TANGLED_FORMS)
    for at in range(1495, 1505 + len(text)):
        for size in (1, 2, 7):
            part = got(whole, Asked(at, at + size - 1), TANGLED, places)
            assert part == expected[at : at + size]


GREEDY = {
    "a byte at a time": lambda first, last: [(at, at) for at in range(first, last)],
    "a window that slides by a byte": lambda first, last: [(at, at + 15) for at in range(first - 15, last)],
    "two halves": lambda first, last: [(0, (first + last) // 2), ((first + last) // 2 + 1, 10_000)],
    "overlapping halves": lambda first, last: [(0, last - 2), (first + 1, 10_000)],
    "all but its ends": lambda first, last: [(first + 1, last - 2), (0, first), (last - 1, 10_000)],
    "all that begin before it": lambda first, last: [(0, at) for at in range(first, last)],
    "all that end after it": lambda first, last: [(at, 10_000) for at in range(first, last)],
}


@pytest.mark.parametrize("ranges", GREEDY.values(), ids=GREEDY.keys())
@pytest.mark.parametrize(("before", "after"), [(3000, 3000), (0, 3000), (3000, 0), (1, 1)])
def test_whoever_is_greedy_gets_no_byte_of_any_spelling(ranges: object, before: int, after: int) -> None:
    """From the union of all parts, not one byte of a form is known; of what stands around it, all."""
    for form in FORMS[:: len(FORMS) // 7]:
        whole = rest(before) + form + rest(after)
        union: dict[int, int] = {}
        for first, last in ranges(before, before + len(form)):  # type: ignore[operator]
            for at, byte in enumerate(got(whole, Asked(max(0, first), last)), max(0, first)):
                assert union.setdefault(at, byte) == byte
        inside = {byte for at, byte in union.items() if before <= at < before + len(form)}
        assert inside == {MASK[0]}, form
        assert all(whole[at] == byte for at, byte in union.items() if not 0 <= at - before < len(form))


def in_lines(letters: bytes, length: int, end: bytes) -> bytes:
    return end.join(letters[at : at + length] for at in range(0, len(letters), length))


BROKEN = {
    "base64, 76, CRLF": in_lines(base64.b64encode(b"x" * 40 + SECRET.encode() + b"y" * 90), 76, b"\r\n"),
    "base64, 64, LF": in_lines(base64.b64encode(b"x" * 39 + SECRET.encode() + b"y" * 90), 64, b"\n"),
    "base64, 60, in JSON": in_lines(base64.b64encode(b"x" * 34 + SECRET.encode() + b"y" * 90), 60, b"\\n"),
    "base64, 64, indented": in_lines(
        base64.b64encode(b"x" * 38 + SECRET.encode() + b"y" * 90), 64, b"\n    "
    ),
    "base64, 32, in a form": in_lines(base64.b64encode(b"x" * 12 + SECRET.encode() + b"y"), 32, b"%0D%0A"),
    "quoted-printable": quopri.encodestring(b"x" * 66 + SECRET.encode() + b" " + b"y" * 60),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_over_lines_is_masked_in_any_part(broken: bytes) -> None:
    """The same places as in the whole, of which some bytes of the form are masked and none is shown."""
    whole = rest(7000) + b"\n\n" + broken + b"\n\n" + rest(7000)
    expected = got(whole, Asked(0, None))
    places = range(0, len(whole), 7)
    assert got(whole, Asked(0, None), places=places, piece=1) == expected
    hidden = [at for at, (one, other) in enumerate(zip(whole, expected, strict=True)) if one != other]
    assert len(hidden) >= len(SECRET)
    assert max(hidden) - min(hidden) < len(broken)
    for at in range(min(hidden) - 40, max(hidden) + 40):
        assert got(whole, Asked(at, at)) == expected[at : at + 1]
        assert got(whole, Asked(at, at + 20)) == expected[at : at + 21]


def test_a_large_part_comes_in_pieces_and_little_of_it_is_held() -> None:
    form = base64.b64encode(SECRET.encode())
    whole = b"".join(rest(PIECE - len(form) // 2 + 31 * n) + form for n in range(8))
    asked = Asked(5000, len(whole) - 5000)
    came, content_range = served(whole, asked, parts.reach(KNOWN))
    cut = parts.cut(asked, [content_range])
    assert isinstance(cut, Cut)
    stream = PartStream(KNOWN, cut)
    out, held = bytearray(), 0
    for at in range(0, len(came), 5000):
        out += stream.feed(came[at : at + 5000])
        held = max(held, stream.waiting)
    out += stream.finish()
    assert bytes(out) == masked(whole)[5000 : len(whole) - 4999]
    assert held <= PIECE + 2 * parts.reach(KNOWN) + 5000
    assert stream.findings == {"KEY": 7}


def test_what_comes_before_and_after_it_is_let_go_however_much_that_is() -> None:
    cut = Cut(0, 4_000_000, 2_000_000, 2_000_010, 5_000_000)
    stream = PartStream(KNOWN, cut)
    out, held = bytearray(), 0
    for _ in range(400):
        out += stream.feed(b"0123456789" * 1000)
        held = max(held, stream.waiting)
    assert bytes(out) + stream.finish() == b"0123456789"
    assert held <= PIECE + 2 * parts.reach(KNOWN) + 10_000


def test_a_secret_is_counted_once_where_any_byte_of_it_is_masked() -> None:
    whole = rest(2000) + SECRET.encode() + b"." + SECRET.encode() + rest(2000)
    for asked, count in (
        (Asked(0, 2000), 1),
        (Asked(0, 1999), 0),
        (Asked(2019, 2021), 2),
        (Asked(0, None), 2),
    ):
        came, content_range = served(whole, asked, parts.reach(KNOWN))
        cut = parts.cut(asked, [content_range])
        assert isinstance(cut, Cut)
        stream = PartStream(KNOWN, cut)
        stream.feed(came)
        stream.finish()
        assert stream.findings.total() == count, asked


def test_what_was_made_for_the_request_is_masked_across_the_edge_too() -> None:
    signature = "3ad9" * 16
    whole = rest(2000) + signature.encode() + rest(2000)
    for first in (1990, 2030, 2063):
        asked = Asked(first, first + 9)
        came, content_range = served(whole, asked, parts.reach(KNOWN))
        cut = parts.cut(asked, [content_range])
        assert isinstance(cut, Cut)
        stream = PartStream(KNOWN, cut, Fleeting([signature]))
        out = stream.feed(came) + stream.finish()
        hidden = range(2000, 2064)
        assert out == bytes(MASK[0] if at in hidden else whole[at] for at in range(first, first + 10))


# What cannot be cut

UNKNOWN = {
    "no more than was asked for": (Asked(5000, 5009), 0, True),
    "a little more": (Asked(5000, 5009), 100, True),
    "as much, and the end is not known": (Asked(9990, None), 2048, False),
}


@pytest.mark.parametrize(("asked", "by", "sized"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_byte_goes_out_only_with_what_stands_around_it(asked: Asked, by: int, sized: bool) -> None:
    came, content_range = served(rest(10_000), asked, by, sized=sized)
    cut = parts.cut(asked, [content_range])
    assert isinstance(cut, Cut)
    stream = PartStream(KNOWN, cut)
    assert stream.feed(came) == b""
    with pytest.raises(Uncut, match="too little"):
        stream.finish()


def test_secrets_that_have_come_up_since_need_more_around_them() -> None:
    """What was asked for was enough for the secrets of then; those of now decide."""
    asked = Asked(5000, 5009)
    came, content_range = served(rest(10_000), asked, parts.reach(TANGLED))
    cut = parts.cut(asked, [content_range])
    assert isinstance(cut, Cut)
    small, large = PartStream(TANGLED, cut), PartStream(SecretSet.of({"k" * 700: "KEY"}), cut)
    assert small.feed(came) + small.finish() == rest(10_000)[5000:5010]
    large.feed(came)
    with pytest.raises(Uncut, match="too little"):
        large.finish()


@pytest.mark.parametrize("end", [b"=\n", b"=\r\n"], ids=["LF", "CRLF"])
def test_nothing_goes_out_beside_lines_that_would_take_a_form_beyond_what_is_known(end: bytes) -> None:
    """A break after each letter, or nothing but breaks: half of a secret may stand behind them."""
    half = len(SECRET) // 2
    whole = SECRET[:half].encode() + end * 3000 + SECRET[half:].encode() + rest(4000)
    far = half + len(end) * 3000
    with pytest.raises(Uncut, match="too little"):
        got(whole, Asked(far, far + half))
    with pytest.raises(Uncut, match="too little"):
        got(whole, Asked(0, half - 1))
    assert got(whole, Asked(0, None))[: len(SECRET)] == MASK * len(SECRET)


def test_a_part_that_is_not_as_long_as_it_says_is_none() -> None:
    stream = PartStream(KNOWN, Cut(0, 10, 0, 10, 10))
    assert stream.feed(b"012345678") == b""
    with pytest.raises(Uncut, match="shorter than it says"):
        stream.finish()
    with pytest.raises(Uncut, match="longer than it says"):
        stream.feed(b"9x")


CUTS = [
    # asked, Content-Range, what is cut: offset, came, start, end, whole; or the size of the whole
    (Asked(0, 9), "bytes 0-99/100", Cut(0, 100, 0, 10, 100)),
    (Asked(50, 59), "bytes 10-99/1000", Cut(10, 90, 40, 50, 1000)),
    (Asked(50, None), "bytes 10-99/100", Cut(10, 90, 40, 90, 100)),
    (Asked(50, 5000), "bytes 10-99/100", Cut(10, 90, 40, 90, 100)),
    (Asked(50, 59), "Bytes 10-99/*", Cut(10, 90, 40, 50, None)),
    (Asked(None, 8), "bytes 10-99/100", Cut(10, 90, 82, 90, 100)),
    (Asked(None, 800), "bytes 0-99/100", Cut(0, 100, 0, 100, 100)),
    (Asked(100, None), "bytes 10-99/100", 100),
    (Asked(100, 200), "bytes 10-99/100", 100),
    (Asked(10**18, None), "bytes 10-99/100", 100),
]


@pytest.mark.parametrize(("asked", "content_range", "expected"), CUTS, ids=range(len(CUTS)))
def test_what_was_asked_for_is_cut_out_of_what_came(
    asked: Asked, content_range: str, expected: Cut | int
) -> None:
    assert parts.cut(asked, [content_range]) == expected


def test_the_field_of_a_cut_says_what_it_is_of_the_whole() -> None:
    assert Cut(10, 90, 40, 50, 1000).content_range == "bytes 50-59/1000"
    assert Cut(10, 90, 40, 50, None).content_range == "bytes 50-59/*"
    assert Cut(10, 90, 40, 50, 1000).size == 10


UNCUT = {
    "none": [],
    "two": ["bytes 0-9/10", "bytes 0-9/10"],
    "two in one": ["bytes 0-9/10, bytes 0-9/10"],
    "empty": [""],
    "another unit": ["items 0-9/10"],
    "no unit": ["0-9/10"],
    "no whole": ["bytes 0-9"],
    "nothing of it": ["bytes */10"],
    "backwards": ["bytes 9-0/10"],
    "beyond the whole": ["bytes 0-10/10"],
    "signed": ["bytes +0-9/10"],
    "underlined": ["bytes 0-9/1_0"],
    "too many digits": ["bytes 0-9/" + "1" * 20],
    "after what was asked for": ["bytes 6-9/10"],
    "before it": ["bytes 0-4/10"],
}


@pytest.mark.parametrize("fields", UNCUT.values(), ids=UNCUT.keys())
def test_what_does_not_say_that_it_holds_it_is_not_cut(fields: list[str]) -> None:
    with pytest.raises(Uncut):
        parts.cut(Asked(5, 9), fields)


def test_the_end_of_what_has_no_known_end_is_not_cut() -> None:
    with pytest.raises(Uncut, match="where the whole ends"):
        parts.cut(Asked(None, 8), ["bytes 0-9/*"])


def test_that_nothing_is_in_a_range_is_said_by_one_field() -> None:
    assert parts.is_unsatisfied(["bytes */10"])
    assert not any(
        map(parts.is_unsatisfied, ([], ["bytes */*"], ["bytes 0-9/10"], ["bytes */1", "bytes */1"]))
    )
