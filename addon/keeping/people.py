"""The key of a person: what proves who commands (DESIGN 4, "Who commands").

An Ed25519 key pair (RFC 8032). The private half lies in a file of its owner's alone in the user's state
folder, in OpenSSH's format (PROTOCOL.key), encrypted under a passphrase unless that was declined; so
`ssh-keygen -p -f FILE` changes the passphrase. The public half is registered in the store under the
person's name. What is signed always begins with a line that says what for, so that a signature for one
purpose is none for another.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from wharfinger.faults import Fault
from wharfinger.keeping import private

if TYPE_CHECKING:
    from wharfinger.keeping.store import Connection

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
_KDF_ROUNDS = 48
"""Of bcrypt-pbkdf: a third of a second on a laptop of 2024. ssh-keygen's default is 16 to 24."""
_FILE_LIMIT = 16 * 1024
_NAME_LIMIT = 64


class KeyProblem(Fault):
    """A person's key cannot be made, found, opened or registered."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A registered public half."""

    person: str
    public: bytes
    created: datetime

    @property
    def fingerprint(self) -> str:
        """What to compare two keys by: `SHA256:` and the unpadded base64 of the raw key's digest."""
        return fingerprint(self.public)


class PersonKey:
    """A person's private key, opened. Its repr names the person and shows nothing of the key."""

    __slots__ = ("_key", "person")

    def __init__(self, person: str, key: Ed25519PrivateKey) -> None:
        """Use `create` or `load`."""
        self.person = person
        self._key = key

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, purpose: str, message: bytes) -> bytes:
        """The signature, 64 bytes, over `message` for `purpose` (one line)."""
        return self._key.sign(_bound(purpose, message))

    def __repr__(self) -> str:
        return f"<key of {self.person}>"

    def __reduce__(self) -> str:
        raise TypeError("a person's key is not to be copied")


def fingerprint(public: bytes) -> str:
    """The fingerprint of a raw public key."""
    digest = base64.b64encode(hashlib.sha256(public).digest()).rstrip(b"=")
    return "SHA256:" + digest.decode("ascii")


def verify(keys: Iterable[bytes], purpose: str, message: bytes, signature: bytes) -> bool:
    """Whether one of the raw public `keys` made `signature` over `message` for `purpose`."""
    return any(_verifies(key, _bound(purpose, message), signature) for key in keys)


def path_of(state: Path, person: str) -> Path:
    """Where the private key of `person` lies below the user's state folder."""
    return state / "people" / f"{_file_name(person)}.key"


def create(state: Path, person: str, passphrase: str | None) -> PersonKey:
    """Make a key pair and write the private half; None leaves the file unencrypted.

    Raises `KeyProblem` where there is a key already: it is never overwritten.
    """
    if passphrase == "":
        raise KeyProblem("the passphrase is empty", "give one, or say --no-passphrase")
    path = path_of(state, person)
    private.folder(path.parent)
    key = Ed25519PrivateKey.generate()
    try:
        private.create(path, key.private_bytes(_PEM, _OPENSSH, _encryption(passphrase)))
    except FileExistsError:
        raise KeyProblem(
            f'"{person}" has a key already: "{path}"', "use it, or move it away to make another"
        ) from None
    return PersonKey(person, key)


def load(state: Path, person: str, ask: Callable[[str], str]) -> PersonKey:
    """Open the private key of `person`; `ask(prompt)` is called for the passphrase if there is one.

    Raises `KeyProblem`, or `wharfinger.keeping.private.NotPrivate` where others may read the file.
    """
    path = path_of(state, person)
    try:
        pem = private.read(path, limit=_FILE_LIMIT)
    except FileNotFoundError:
        raise KeyProblem(
            f'there is no key of "{person}" at "{path}"', f"make one with: wharfinger people key {person}"
        ) from None
    passphrase = ask(f"passphrase of {person}'s key: ").encode() if is_encrypted(pem) else None
    try:
        key = serialization.load_ssh_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyProblem(f'the key "{path}" does not open', "check the passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem(f'the key "{path}" is not an Ed25519 key', "move it away and make another")
    return PersonKey(person, key)


def unprotected(state: Path, person: str) -> bool:
    """Whether the key of `person` is there without a passphrase, for `doctor` to remark on."""
    try:
        return not is_encrypted(private.read(path_of(state, person), limit=_FILE_LIMIT))
    except FileNotFoundError:
        return False


def is_encrypted(pem: bytes) -> bool:
    """Whether a private key in OpenSSH's format needs a passphrase."""
    try:
        serialization.load_ssh_private_key(pem, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def register(conn: Connection, person: str, public: bytes, now: datetime) -> PublicKey:
    """Let `public` speak for `person` from now on; `KeyProblem` if it spoke for anyone before."""
    _check_public(public)
    found = conn.execute("SELECT person, revoked FROM people_keys WHERE public_key = ?", (public,)).fetchone()
    if found is not None:
        how = "is revoked" if found[1] else f'is registered already, for "{found[0]}"'
        hint = "use it" if found[0] == person and not found[1] else "make another key"
        raise KeyProblem(f"the key {fingerprint(public)} {how}", hint)
    moment = now.astimezone(UTC).isoformat(timespec="microseconds")
    conn.execute(
        "INSERT INTO people_keys (public_key, person, created) VALUES (?, ?, ?)", (public, person, moment)
    )
    return PublicKey(person, public, now)


def revoke(conn: Connection, mark: str, now: datetime) -> PublicKey:
    """End the key with this fingerprint; `KeyProblem` if there is none in use."""
    for key in registered(conn):
        if key.fingerprint == mark:
            moment = now.astimezone(UTC).isoformat(timespec="microseconds")
            conn.execute("UPDATE people_keys SET revoked = ? WHERE public_key = ?", (moment, key.public))
            return key
    raise KeyProblem(f'no key in use has the fingerprint "{mark}"', "see: wharfinger people list")


def registered(conn: Connection, person: str | None = None) -> tuple[PublicKey, ...]:
    """All keys in use, or those of one person."""
    rows = conn.execute(
        "SELECT person, public_key, created FROM people_keys "
        "WHERE revoked IS NULL AND (?1 IS NULL OR person = ?1) ORDER BY person, created",
        (person,),
    )
    return tuple(PublicKey(row[0], bytes(row[1]), datetime.fromisoformat(row[2])) for row in rows.fetchall())


def ever_registered(conn: Connection) -> bool:
    """Whether anyone has, or had, a key."""
    return conn.execute("SELECT 1 FROM people_keys LIMIT 1").fetchone() is not None


_PEM = serialization.Encoding.PEM
_OPENSSH = serialization.PrivateFormat.OpenSSH


def _encryption(passphrase: str | None) -> serialization.KeySerializationEncryption:
    if passphrase is None:
        return serialization.NoEncryption()
    return _OPENSSH.encryption_builder().kdf_rounds(_KDF_ROUNDS).build(passphrase.encode())


def _bound(purpose: str, message: bytes) -> bytes:
    return b"wharfinger " + purpose.encode("ascii") + b"\n" + message


def _verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _check_public(public: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        raise KeyProblem("this is not a public Ed25519 key", "it has 32 bytes") from None


def _file_name(person: str) -> str:
    plain = person.replace("-", "").replace("_", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum()) or person.startswith(".") or len(person) > _NAME_LIMIT:
        raise KeyProblem(
            f'"{person[:100]}" cannot be the name of a person', "use letters, digits, '-', '_' and '.'"
        )
    return person
