"""Chunks are signed as AWS publishes it; what is misshapen is not sent."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from wharfinger.credentials import asymmetric
from wharfinger.credentials.chunks import LARGEST, Chunks, Misshapen

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STAMP, WHERE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def sign(text: str) -> str:
    key = f"AWS4{SECRET}".encode()
    for part in WHERE.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def made(kind: str, seed: str) -> Chunks:
    return Chunks(kind, STAMP, WHERE, seed, sign)


def chunk(data: bytes, signature: str) -> bytes:
    return b"%x;chunk-signature=%b\r\n%b\r\n" % (len(data), signature.encode(), data)


def body(*signatures: str) -> bytes:
    parts = (b"a" * 65536, b"a" * 1024, b"")
    return b"".join(chunk(data, signature) for data, signature in zip(parts, signatures, strict=True))


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, "Example: PUT Object"
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
PUBLISHED = body(
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
RECEIVED = body("1" * 64, "2" * 64, "3" * 64)
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html, the same with a trailer
TRAILER_SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
TRAILER = b"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"


def with_trailer(one: str, two: str, end: str, last: str) -> bytes:
    whole = body(one, two, end)
    return whole[:-2] + TRAILER + last.encode() + b"\r\n\r\n"


TRAILER_PUBLISHED = with_trailer(
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
)


@pytest.mark.parametrize(
    ("kind", "seed", "received", "published"),
    [
        (SIGNED, SEED, RECEIVED, PUBLISHED),
        (
            f"{SIGNED}-TRAILER", TRAILER_SEED,
            with_trailer("1" * 64, "2" * 64, "3" * 64, "4" * 64), TRAILER_PUBLISHED,
        ),
    ],
    ids=["plain", "trailer"],
)  # fmt: skip
def test_awss_own_vectors(kind: str, seed: str, received: bytes, published: bytes) -> None:
    chunks = made(kind, seed)
    assert chunks.feed(received) + chunks.finish() == published
    cuts = random.Random(7)
    for _ in range(20):
        chunks, out, at = made(kind, seed), b"", 0
        while at < len(received):
            step = cuts.choice((1, 7, 80, 5000, 70_000))
            out += chunks.feed(received[at : at + step])
            at += step
        assert out + chunks.finish() == published


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        RECEIVED[:-1],
        RECEIVED[:-100],
        RECEIVED + b"x",
        RECEIVED.replace(b"\r\n", b"\n", 1),
        RECEIVED.replace(b"chunk-signature", b"chunk-ext", 1),
        RECEIVED.replace(b"400;", b"401;"),
        b"x" * 5000,
        b"%x;chunk-signature=%b\r\n" % (LARGEST + 1, b"1" * 64),
        b"0;chunk-signature=%b\r\n\r\n" % (b"1" * 65),
        b"-1;chunk-signature=%b\r\n\r\n" % (b"1" * 64),
    ],
)
def test_what_is_misshapen_is_not_sent(raw: bytes) -> None:
    chunks = made(SIGNED, SEED)
    with pytest.raises(Misshapen):
        _ = chunks.feed(raw), chunks.finish()


@pytest.mark.parametrize(
    "trailer",
    [
        b"",
        b"\r\n",
        TRAILER,
        TRAILER + b"4" * 64 + b"\r\n",
        TRAILER + b"4" * 63 + b"\r\n\r\n",
        TRAILER + b"4" * 64 + b"\r\n\r\nx",
        b"x-amz-trailer-signature:" + b"4" * 64 + b"\r\n\r\n",
        b"a b:c\r\nx-amz-trailer-signature:" + b"4" * 64 + b"\r\n\r\n",
        b"a:" + b"b" * 9000,
    ],
)
def test_a_misshapen_trailer_is_not_sent(trailer: bytes) -> None:
    chunks = made(f"{SIGNED}-TRAILER", TRAILER_SEED)
    with pytest.raises(Misshapen):
        _ = chunks.feed(RECEIVED[:-2] + trailer), chunks.finish()


def test_no_more_than_a_chunk_is_held() -> None:
    chunks = made(SIGNED, SEED)
    one = chunk(b"a" * 65536, "1" * 64)
    for _ in range(300):
        chunks.feed(one)
        assert len(chunks._held) == 0


# The asymmetric form


def test_the_key_is_derived_as_awss_own_library_does() -> None:
    """The vector of aws-c-auth, tests/key_derivation_tests.c."""
    key = asymmetric.key("AKISORANDOMAASORANDOM", "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom")
    numbers = key.public_key().public_numbers()
    assert f"{numbers.x:x}" == "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb"
    assert f"{numbers.y:064x}" == "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0"


def test_asymmetric_chunks_are_filled_up() -> None:
    signer = asymmetric.key("AKISORANDOMAASORANDOM", SECRET)
    texts: list[tuple[str, str]] = []

    def signs(text: str) -> str:
        texts.append((text, asymmetric.signature("AKISORANDOMAASORANDOM", SECRET, text)))
        return texts[-1][1]

    chunks = Chunks("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", STAMP, "20130524/s3/aws4_request", "s", signs)
    received = body("30" * 70 + "****", "30" * 72, "30" * 71 + "**")
    sent = chunks.feed(received) + chunks.finish()
    assert len(sent) == len(received)
    for text, signature in texts:
        signer.public_key().verify(bytes.fromhex(signature), text.encode(), ec.ECDSA(hashes.SHA256()))
        assert signature.ljust(144, "*").encode() in sent
    assert texts[1][0].split("\n")[3] == texts[0][1]
    assert texts[0][0].split("\n")[-1] == hashlib.sha256(b"a" * 65536).hexdigest()
