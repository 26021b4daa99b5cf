"""The keychain of the system, by the library `keyring` (an extra): what a user has put there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wharfinger.credentials.sources import NotFetched, Value

if TYPE_CHECKING:
    from types import ModuleType

LIFE: Final = 30.0
"""Seconds after which an entry that is used is looked at again."""
_NONE: Final = ("keyring.backends.null.", "keyring.backends.fail.")
"""What the library takes in silence where it finds no keychain."""


@dataclass(frozen=True, slots=True)
class KeyringSource:
    """`keyring:SERVICE/USER`."""

    service: str
    user: str

    def fetch(self) -> Value:
        """The entry's password."""
        return Value(get(self.service, self.user), due=time.time() + LIFE)


def get(service: str, user: str) -> str:
    """What the keychain holds. Raises `NotFetched`."""
    found = _do("read", "get_password", service, user)
    if not isinstance(found, str):
        raise NotFetched(
            f'the keychain has no entry "{service}" for "{user}"', f"keyring set {service} {user}"
        )
    return found


def put(service: str, user: str, value: str) -> None:
    """Have the keychain hold it. Raises `NotFetched`."""
    _do("written", "set_password", service, user, value)


def _do(what: str, method: str, *args: str) -> Any:
    library = _library()
    try:
        backend = library.get_keyring()
        name = f"{type(backend).__module__}.{type(backend).__qualname__}"
        if name.startswith(_NONE):
            raise NotFetched("there is no keychain here", "set one up, and see: keyring diagnose")
        return getattr(backend, method)(*args)
    except NotFetched:
        raise
    except Exception as error:  # noqa: BLE001 - backends raise what their libraries raise, values included
        kind = type(error).__name__
        raise NotFetched(
            f"the keychain cannot be {what}: {kind}", "unlock it, and see: keyring diagnose"
        ) from None


def _library() -> ModuleType:
    try:
        import keyring  # noqa: PLC0415 - an extra
    except ImportError:
        raise NotFetched(
            "the library keyring is not installed", "pip install 'wharfinger[keyring]'"
        ) from None
    return keyring
