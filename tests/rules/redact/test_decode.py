"""What was encoded comes back whole, in bounded pieces, or not at all."""

import contextlib
import gzip
import tracemalloc
import zlib
from collections import deque
from collections.abc import Callable
from itertools import chain

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact.decode import PIECE, Decoder, Undecodable, codings


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "identity": ("identity", bytes),
    "none": ("", bytes),
    "gzip of br": ("br, gzip", lambda data: gzip.compress(brotli.compress(data))),
    "three": (
        "zstd,  BR ,deflate",
        lambda data: zlib.compress(brotli.compress(zstd.compress(data))),
    ),
    "two gzip members": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "two zstd frames": ("zstd", lambda data: zstd.compress(data[:9]) + zstd.compress(data[9:])),
    "empty member between": ("gzip", lambda data: gzip.compress(data) + gzip.compress(b"") * 2),
}
ENCODED = [name for name in ENCODERS if name not in {"identity", "none"}]


def decode(coding: str, body: bytes, step: int | None = None) -> bytes:
    decoder = Decoder(coding)
    out = []
    for at in range(0, len(body), step or len(body) or 1):
        for piece in decoder.feed(body[at : at + (step or len(body))]):
            assert 0 < len(piece) <= PIECE
            out.append(piece)
    decoder.finish()
    return b"".join(out)


@pytest.mark.parametrize("name", ENCODERS)
@given(data=st.binary(max_size=400), step=st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_decoding_undoes_encoding_under_every_split(name: str, data: bytes, step: int) -> None:
    coding, encode = ENCODERS[name]
    assert decode(coding, encode(data), step) == data


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("step", [None, 1000])
def test_large_bodies_come_in_bounded_pieces(name: str, step: int | None) -> None:
    coding, encode = ENCODERS[name]
    data = b"".join(b"%d:%d;" % (number, number * 7919 % 10007) for number in range(30_000))
    assert decode(coding, encode(data), step) == data


@pytest.mark.parametrize("name", ENCODED)
def test_a_body_cut_short_is_undecodable(name: str) -> None:
    coding, encode = ENCODERS[name]
    body = encode(b"some text that is long enough to be cut " * 3)
    for size in (1, len(body) // 2, len(body) - 1):
        with pytest.raises(Undecodable, match="cut short"):
            decode(coding, body[:size])


@pytest.mark.parametrize("name", [name for name in ENCODED if "three" not in name])
@pytest.mark.parametrize("step", [None, 1])
def test_bytes_after_the_end_are_undecodable(name: str, step: int | None) -> None:
    coding, encode = ENCODERS[name]
    with pytest.raises(Undecodable):
        decode(coding, encode(b"text") + b"sk_live_hidden_after_the_end", step)


@pytest.mark.parametrize("name", ENCODED)
def test_noise_is_undecodable(name: str) -> None:
    with pytest.raises(Undecodable):
        decode(ENCODERS[name][0], b"\xff\xfethis is no compressed body at all")


@pytest.mark.parametrize("name", ENCODED)
@given(data=st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_bytes_decode_or_are_undecodable(name: str, data: bytes) -> None:
    with contextlib.suppress(Undecodable):
        decode(ENCODERS[name][0], data)


@pytest.mark.parametrize("name", ENCODED)
def test_a_bomb_is_cut_off_in_flat_memory(name: str) -> None:
    coding, encode = ENCODERS[name]
    bomb = encode(bytes(32 << 20))
    produced: list[int] = []
    tracemalloc.start()
    try:
        with pytest.raises(Undecodable, match="100 times"):
            produced.extend(map(len, Decoder(coding).feed(bomb)))
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    assert sum(produced) <= (1 << 20) + 100 * len(bomb)


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5 * PIECE + 257])
def test_nothing_is_left_behind_where_a_piece_is_just_full(name: str, size: int) -> None:
    coding, encode = ENCODERS[name]
    assert decode(coding, encode(b"a" * size)) == b"a" * size


@pytest.mark.parametrize("step", [7, 9, 1 << 20])
def test_frames_that_hold_nothing_have_an_end(step: int) -> None:
    """Each takes some time to begin: nine bytes of input cost a hundred times what they should."""
    frames, decoder = zstd.compress(b"") * 10_000, Decoder("zstd")
    pieces = (frames[at : at + step] for at in range(0, len(frames), step))
    with pytest.raises(Undecodable, match="too many frames"):
        deque(chain.from_iterable(map(decoder.feed, pieces)), 0)


def test_frames_of_an_ordinary_size_are_as_many_as_they_like() -> None:
    piece = bytes(range(256)) * 4
    assert decode("zstd", zstd.compress(piece) * 5_000) == piece * 5_000
    assert decode("zstd", zstd.compress(b"a") * 1_000) == b"a" * 1_000


def test_a_bomb_inside_a_bomb_is_measured_by_what_came_in() -> None:
    decoder = Decoder("gzip, gzip")
    bomb = gzip.compress(gzip.compress(bytes(32 << 20)))
    with pytest.raises(Undecodable, match="100 times"):
        sum(map(len, decoder.feed(bomb)))


def test_a_zstd_window_beyond_8_mib_is_refused() -> None:
    options = {
        zstd.CompressionParameter.window_log: 27,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    stream = zstd.ZstdCompressor(options=options)
    body = stream.compress(bytes(1000)) + stream.flush()
    with pytest.raises(Undecodable, match="window"):
        decode("zstd", body)


@pytest.mark.parametrize(
    "coding", ["compress", "base64", "gzip, rot13", "aws-chunked", "gzip;q=1", '"gzip"', "zlib", "gzip br"]
)
def test_unknown_codings_are_refused_before_any_byte(coding: str) -> None:
    with pytest.raises(Undecodable, match="unknown content coding"):
        Decoder(coding)


def test_too_long_a_chain_is_refused() -> None:
    assert codings("gzip, identity, br, , deflate") == ("gzip", "br", "deflate")
    with pytest.raises(Undecodable, match="4 content codings"):
        Decoder("gzip, gzip, gzip, gzip")


@pytest.mark.parametrize("name", ENCODERS)
def test_no_body_is_no_error(name: str) -> None:
    """As in the answer to a HEAD request, and in 304."""
    decoder = Decoder(ENCODERS[name][0])
    assert list(decoder.feed(b"")) == []
    decoder.finish()
