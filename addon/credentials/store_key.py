"""The key of the encrypted store: from a passphrase, from a file, or from the keychain of the system.

Argon2id (RFC 9106) with the parameters that its section 4 recommends where memory is scarce; they stand in
the store, so that later versions can ask for more. From the one key, others are derived by HKDF-SHA256 for
each purpose: to seal values, to seal the whole, and to tell a wrong key from a store that was changed.
"""

from __future__ import annotations

import base64
import getpass
import hmac
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from wharfinger.credentials.sources import Environment, NotFetched
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.secret import PASSPHRASE

type How = Literal["file", "passphrase", "keychain"]

BYTES: Final = 32
KEY_FILE: Final = "credentials.key"
"""Beside the store. One that lies elsewhere can be linked to by its path, in the store's `key`."""
SHORTEST: Final = 12
"""Characters of a passphrase: it is all that stands before the values where the store is copied."""
_ARGON: Final = {"memory": 64 << 10, "passes": 3, "lanes": 4}
_MOST: Final = {"memory": 1 << 20, "passes": 64, "lanes": 64}
"""A store asks for no more (memory in KiB): whoever could write it could else stop the proxy."""
_SERVICE: Final = "wharfinger credentials"

type Ask = Callable[[], str]
"""Gives the passphrase; raises a `Fault` where there is nobody to ask."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What the store is opened with."""

    values: bytes
    whole: bytes
    check: str
    """Tells whether it is the right key, and nothing of it."""

    @classmethod
    def of(cls, key: bytes) -> Keys:
        """All that is derived from one key."""
        check = base64.b64encode(_derived(key, "check")).decode()
        return cls(_derived(key, "values"), _derived(key, "whole"), check)

    def fits(self, check: object) -> bool:
        """Whether `check` is that of this key."""
        return isinstance(check, str) and hmac.compare_digest(check.encode(), self.check.encode())


def passphrase(environment: Environment) -> Ask:
    """What gives the passphrase: the variable, else whoever sits at the terminal."""

    def ask() -> str:
        given = environment.take(PASSPHRASE)
        if given is None and not sys.stdin.isatty():
            raise NotFetched(
                "the store of credentials has a passphrase, and there is no terminal to ask for it on",
                f"set {PASSPHRASE} where the proxy is started, or use a key in a file",
            )
        return getpass.getpass("Passphrase of the store of credentials: ") if given is None else given

    return ask


def make(how: How, data: Path, ident: str, ask: Ask) -> tuple[dict[str, Any], Keys]:
    """A new key, and what the store says of how to have it again. Raises `NotFetched`."""
    match how:
        case "passphrase":
            salt = base64.b64encode(secrets.token_bytes(16)).decode()
            said: dict[str, Any] = {"how": how, "salt": salt, **_ARGON}
            if len(text := ask()) < SHORTEST:
                raise NotFetched(
                    f"the passphrase has fewer than {SHORTEST} characters",
                    "take several words, or `--key file`",
                )
            return said, Keys.of(_stretched(text, said))
        case "keychain":
            key = secrets.token_bytes(BYTES)
            _keychain().put(_SERVICE, ident, base64.b64encode(key).decode())
            return {"how": how}, Keys.of(key)
        case "file":
            return {"how": how, "file": KEY_FILE}, Keys.of(_file(data / KEY_FILE, make_it=True))


def again(said: Mapping[str, Any], data: Path, ident: str, ask: Ask) -> Keys:
    """The key of a store that says `said` of it. Raises `NotFetched`."""
    match said.get("how"), said.get("file"):
        case "passphrase", _:
            return Keys.of(_stretched(ask(), said))
        case "keychain", _:
            return Keys.of(_decoded(_keychain().get(_SERVICE, ident), "the keychain's entry"))
        case "file", str(where):
            return Keys.of(_file(data / where, make_it=False))
    raise NotFetched("the store does not say how its key is had", "restore it from a backup")


def _stretched(passphrase: str, said: Mapping[str, Any]) -> bytes:
    costs = {name: said.get(name) for name in _ARGON}
    salt = _decoded(said.get("salt"), "the store's salt", 16)
    if not all(type(cost) is int and 0 < cost <= _MOST[name] for name, cost in costs.items()):
        raise NotFetched("the store asks too much for its key", "restore it from a backup")
    try:
        return Argon2id(
            salt=salt,
            length=BYTES,
            iterations=int(costs["passes"] or 0),
            lanes=int(costs["lanes"] or 0),
            memory_cost=int(costs["memory"] or 0),
        ).derive(passphrase.encode())
    except (ValueError, MemoryError, UnsupportedAlgorithm) as error:
        kind = type(error).__name__
        raise NotFetched(f"a key cannot be made of the passphrase: {kind}", "use `--key file`") from None


def _file(path: Path, *, make_it: bool) -> bytes:
    try:
        if make_it and not path.exists():
            private.folder(path.parent)
            private.create(path, secrets.token_bytes(BYTES))
        key = private.read(path, limit=BYTES)
    except FileNotFoundError:
        raise NotFetched(
            f'the key "{path}" of the store is not there', "put it back, from a backup"
        ) from None
    except Fault as fault:
        raise NotFetched(fault.message, fault.hint) from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise NotFetched(
            f'the key "{path}" of the store cannot be had: {reason}', "check its folder"
        ) from None
    if len(key) != BYTES:
        raise NotFetched(f'"{path}" is no key of {BYTES} bytes', "put it back, from a backup")
    return key


def _decoded(text: object, what: str, size: int = BYTES) -> bytes:
    try:
        found = base64.b64decode(str(text), validate=True)
    except ValueError:
        found = b""
    if len(found) != size:
        raise NotFetched(f"{what} is not what was written there", "restore it from a backup")
    return found


def _derived(key: bytes, purpose: str) -> bytes:
    info = f"wharfinger/credential store/1/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=BYTES, salt=None, info=info).derive(key)


def _keychain() -> Any:
    from wharfinger.credentials import keychain  # noqa: PLC0415 - an extra

    return keychain
