"""A secret comes out of no body, however that is coded and cut."""

import gzip
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact.body import BodyRedactor
from wharfinger.rules.redact.decode import Undecodable
from wharfinger.rules.redact.secrets import SecretSet

KEY = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
SECRETS = SecretSet.of({KEY: "STRIPE"})
BODY = f'{{"echo": "Bearer {KEY}", "n": 1}}'.encode()
CLEAN = b'{"echo": "Bearer [redacted:STRIPE]", "n": 1}'
ENCODE = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", ENCODE)
@given(step=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_a_secret_is_taken_out_of_a_coded_body_in_pieces(coding: str, step: int) -> None:
    wire = ENCODE[coding](BODY)
    redactor = BodyRedactor(SECRETS, coding)
    out = [redactor.feed(wire[at : at + step]) for at in range(0, len(wire), step)]
    assert b"".join([*out, redactor.finish()]) == CLEAN
    assert redactor.findings == {"STRIPE": 1}


def test_a_secret_in_the_second_gzip_member_is_taken_out() -> None:
    redactor = BodyRedactor(SECRETS, "gzip")
    wire = gzip.compress(BODY[:30]) + gzip.compress(BODY[30:])
    assert redactor.feed(wire) + redactor.finish() == CLEAN


def test_an_event_goes_out_as_soon_as_it_is_flushed() -> None:
    coder = zlib.compressobj(wbits=31)
    redactor = BodyRedactor(SECRETS, "gzip")
    for event in (b"data: one\n\n", b"data: two\n\n"):
        wire = coder.compress(event) + coder.flush(zlib.Z_SYNC_FLUSH)
        assert redactor.feed(wire) == event


def test_pieces_are_never_empty() -> None:
    redactor = BodyRedactor(SECRETS)
    assert list(redactor.pieces(KEY[:10].encode())) == []
    assert list(redactor.pieces(b"")) == []


def test_a_cut_off_body_is_an_error_at_its_end() -> None:
    redactor = BodyRedactor(SECRETS, "gzip")
    redactor.feed(gzip.compress(BODY)[:-3])
    with pytest.raises(Undecodable):
        redactor.finish()
