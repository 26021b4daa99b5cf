"""Checkpoints of the book, in the forms that transparency logs share, so that others' tools read them.

A checkpoint says "the first SIZE events of the log ORIGIN have the Merkle root ROOT" (C2SP
tlog-checkpoint), as a note signed with Ed25519 (C2SP signed-note). The name of the key is the origin.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from wharfinger.audit.merkle import HASH_BYTES

NOTE_LIMIT = 8 * 1024
_ED25519 = b"\x01"
_DASH = "— "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[^\s+]{1,200}")


class NotANote(ValueError):
    """A text is not a signed checkpoint, or not a key; says what is wrong with it."""


def origin_of(log: str) -> str:
    """How checkpoints call the log with this id."""
    return f"wharfinger/log/{log}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at some moment."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with its signatures, as it was stored or sent."""

    checkpoint: Checkpoint
    text: str
    """What was signed, lines after the root included."""
    signatures: tuple[tuple[str, bytes], ...]
    """For each: name of the key, and its id and signature in one."""

    def note(self) -> bytes:
        """The stored form."""
        lines = "".join(f"{_DASH}{name} {_encoded(blob)}\n" for name, blob in self.signatures)
        return f"{self.text}\n{lines}".encode()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checkpoints are checked with."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each signature."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encoded(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """The key in its published form `NAME+ID+KEY`."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
            raise NotANote("it is not a key of the form NAME+ID+KEY")
        data = _decoded(parts[2])
        if data is None or len(data) != 33 or data[:1] != _ED25519:
            raise NotANote("it is not an Ed25519 key")
        key = cls(parts[0], data[1:])
        if key.id.hex() != parts[1]:
            raise NotANote("its id is not that of the key: it was changed or not copied whole")
        return key

    def signed(self, signed: Signed) -> bool:
        """Whether one of the signatures is this key's, and good."""
        for name, blob in signed.signatures:
            if name == self.name and blob[:4] == self.id:
                try:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(blob[4:], signed.text.encode())
                except InvalidSignature:
                    return False
                return True
        return False


class SigningKey:
    """The key that checkpoints of one log are signed with. Its repr shows nothing of it."""

    __slots__ = ("_key", "public")

    def __init__(self, name: str, seed: bytes) -> None:
        """`seed` is the private half: 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(name, self._key.public_key().public_bytes_raw())

    def sign(self, checkpoint: Checkpoint) -> Signed:
        """The checkpoint with this key's signature."""
        text = checkpoint.text()
        return Signed(checkpoint, text, ((self.public.name, self.public.id + self._key.sign(text.encode())),))

    def __repr__(self) -> str:
        return f"<signing key of {self.public.name}>"


def parse(data: bytes) -> Signed:
    """The checkpoint in a signed note; raises `NotANote`. No signature is checked: see `PublicKey.signed`."""
    if len(data) > NOTE_LIMIT:
        raise NotANote("it is too long for a checkpoint")
    try:
        note = data.decode()
    except UnicodeDecodeError:
        raise NotANote("it is not text") from None
    text, blank, rest = note.rpartition("\n\n")
    lines = rest.split("\n")
    if not blank or lines.pop() != "" or not lines:
        raise NotANote("it is not a signed note: a text, an empty line, and signatures")
    text += "\n"
    return Signed(_checkpoint(text), text, tuple(_signature(line) for line in lines))


def _checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or "" in lines[:-1]:
        raise NotANote("it is not a checkpoint: an origin, a size and a root")
    root = _decoded(lines[2])
    if not _SIZE.fullmatch(lines[1]) or root is None or len(root) != HASH_BYTES:
        raise NotANote("its size or its root is not one")
    return Checkpoint(lines[0], int(lines[1]), root)


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    blob = _decoded(encoded)
    if not line.startswith(_DASH) or not _NAME.fullmatch(name) or blob is None or len(blob) < 5:
        raise NotANote("a line after the empty one is not a signature")
    return name, blob


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes | None:
    """What base64 stands for, if it is the one way to write it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _encoded(data) == text else None
