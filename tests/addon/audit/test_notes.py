from __future__ import annotations

import base64
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from wharfinger.audit.notes import Checkpoint, NotANote, PublicKey, SigningKey, origin_of, parse

NAME = origin_of("a" * 32)
KEY = SigningKey(NAME, b"s" * 32)
CHECKPOINT = Checkpoint(NAME, 1042, b"r" * 32)


def test_a_checkpoint_is_a_note_of_the_form_that_logs_share() -> None:
    note = KEY.sign(CHECKPOINT).note().decode()
    text, _, signature = note.partition("\n\n")
    assert text.split("\n") == [NAME, "1042", base64.b64encode(b"r" * 32).decode()]
    dash, name, encoded = signature.split(" ")
    assert (dash, name, encoded[-1]) == ("—", NAME, "\n")
    blob = base64.b64decode(encoded)
    assert blob[:4] == KEY.public.id
    Ed25519PrivateKey.from_private_bytes(b"s" * 32).public_key().verify(blob[4:], f"{text}\n".encode())


def test_it_is_read_back_and_its_signature_checked() -> None:
    signed = parse(KEY.sign(CHECKPOINT).note())
    assert signed.checkpoint == CHECKPOINT
    assert KEY.public.signed(signed)
    assert PublicKey.parse(f"{KEY.public}\n") == KEY.public
    assert not SigningKey(NAME, b"o" * 32).public.signed(signed)
    assert not SigningKey("other", b"s" * 32).public.signed(signed)


def test_lines_after_the_root_are_signed_too_and_other_signatures_do_not_matter() -> None:
    """A witness may add its own signature: ours stays good."""
    other = SigningKey("witness.example", b"w" * 32)
    both = KEY.sign(CHECKPOINT).note() + other.sign(CHECKPOINT).note().rpartition(b"\n\n")[2]
    assert KEY.public.signed(parse(both))
    assert other.public.signed(parse(both))
    extended = KEY.sign(CHECKPOINT).note().replace(b"\n\n", b"\nmore\n\n")
    assert not KEY.public.signed(parse(extended))


def test_no_changed_byte_passes() -> None:
    note = KEY.sign(CHECKPOINT).note()
    generator = random.Random(3)
    for at in range(len(note)):
        changed = bytearray(note)
        changed[at] ^= generator.randrange(1, 256)
        try:
            signed = parse(bytes(changed))
        except NotANote:
            continue
        assert not KEY.public.signed(signed), at


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"origin\n1\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"\xff\n",
        b"x" * 9000,
        KEY.sign(CHECKPOINT).note()[:-1],
        KEY.sign(CHECKPOINT).note().replace(b"1042", b"01042"),
        KEY.sign(CHECKPOINT).note().replace(b"1042", b"-1"),
        KEY.sign(CHECKPOINT).note().replace(b"\n\n", b"\n"),
        KEY.sign(CHECKPOINT).note().replace(b"1042", b""),
        KEY.sign(CHECKPOINT).note() + b"\n",
    ],
)
def test_what_is_no_checkpoint_is_told(data: bytes) -> None:
    with pytest.raises(NotANote, match=r"\w{4}"):
        parse(data)


@pytest.mark.parametrize("text", ["", "a+b", "a b+00000000+AQ==", f"{KEY.public}"[:-1], f"x{KEY.public}"])
def test_what_is_no_key_is_told(text: str) -> None:
    with pytest.raises(NotANote, match="key"):
        PublicKey.parse(text)


def test_a_key_shows_nothing_of_itself() -> None:
    assert "s" * 8 not in repr(KEY)
    assert base64.b64encode(b"s" * 32).decode() not in repr(KEY)


def test_there_is_one_way_to_write_a_checkpoint() -> None:
    """Base64 whose last character has bits that stand for nothing is refused, not read."""
    note = KEY.sign(CHECKPOINT).note()
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for end in (b"=\n\n", b"=\n"):
        at = note.index(end) - 1 if end == b"=\n\n" else len(note) - 3
        other = letters[letters.index(note[at]) ^ 1]
        with pytest.raises(NotANote):
            parse(note[:at] + bytes([other]) + note[at + 1 :])
