"""The encrypted store of the data folder: values that were put in by `credentials set`.

One JSON file, written whole (`private.replace`: durable, or not at all). Each value is sealed by AES-256-GCM
under a fresh nonce, with the store's id and the entry's name and generation as associated data, so that no
entry can stand for another or for what it was before; the whole is sealed as well, so that none can be taken
out. Generations are counted for the store, and never come back. Names and ages can be read without the key.

Whoever can replace the whole file can bring back an older one: the audit log says which generation was set.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wharfinger.credentials import store_key
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.store_key import Ask, How, Keys
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.rules.models.origins import ENTRY_NAME

FILE: Final = "credentials.store"
LIMIT: Final = 32 << 20
LONGEST: Final = 64 << 10
"""Bytes of a value: keys in PEM and JSON are longer than what goes into a request."""
_VERSION: Final = 1
_NONCE: Final = 12
_RESTORE: Final = "restore it from a backup, or move it away and set the credentials anew"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an entry without the key."""

    name: str
    generation: int
    changed: datetime


class OwnStore:
    """The store of one data folder. There is one writer: whoever holds the folder's lock."""

    def __init__(self, data: Path, ask: Ask) -> None:
        """Opens nothing yet; `ask` gives the passphrase, where there is one."""
        self._data = data
        self._path = data / FILE
        self._ask = ask
        self._keys: tuple[str, Keys] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"OwnStore({self._path})"

    def entries(self) -> tuple[Entry, ...]:
        """All entries by name; needs no key, and so only says what the file says. Raises `NotFetched`."""
        held = self._read()
        return (
            ()
            if held is None
            else tuple(_entry(name, each) for name, each in sorted(held["entries"].items()))
        )

    def get(self, name: str, ask: Ask | None = None) -> tuple[Entry, str]:
        """An entry and its value; `ask` is asked this once. Raises `NotFetched`."""
        with self._lock:
            held, keys = self._opened(ask)
        each = held["entries"].get(name)
        if each is None:
            raise NotFetched(f'the store has no entry "{name}"', f"wharfinger credentials set {name}")
        entry = _entry(name, each)
        nonce, sealed = _bytes(each.get("nonce")), _bytes(each.get("sealed"))
        try:
            return entry, AESGCM(keys.values).decrypt(nonce, sealed, _bound(held["id"], each, name)).decode()
        except (InvalidTag, ValueError):
            raise _changed(f'the entry "{name}" of the store was changed') from None

    def put(
        self, name: str, value: str, now: datetime, *, key: How = "file", ask: Ask | None = None
    ) -> Entry:
        """Write a value; `key` says what kind of key a store that is not there yet shall have.

        Durable when it returns. Raises `NotFetched`.
        """
        if not ENTRY_NAME.fullmatch(name):
            raise NotFetched("this is not a name for an entry", "use letters, digits, `_`, `-` and `.`")
        if not value or len(value.encode("utf-8", "surrogatepass")) > LONGEST:
            raise NotFetched(f"the value is empty, or longer than {LONGEST} bytes", "put in the value alone")
        with self._lock:
            held, keys = self._opened(ask) if self._path.exists() else self._made(key, ask)
            generation = held["last"] = held["last"] + 1
            each: dict[str, Any] = {"generation": generation, "changed": now.isoformat(timespec="seconds")}
            nonce = secrets.token_bytes(_NONCE)
            sealed = AESGCM(keys.values).encrypt(nonce, value.encode(), _bound(held["id"], each, name))
            held["entries"][name] = each | {"nonce": _text(nonce), "sealed": _text(sealed)}
            self._write(held, keys)
        return _entry(name, each)

    def remove(self, name: str, ask: Ask | None = None) -> None:
        """Take an entry out. Raises `NotFetched` if there is none."""
        with self._lock:
            held, keys = self._opened(ask)
            if name not in held["entries"]:
                raise NotFetched(f'the store has no entry "{name}"', "see: wharfinger credentials list")
            del held["entries"][name]
            self._write(held, keys)

    def rekey(self, key: How, ask_new: Ask, ask: Ask | None = None) -> int:
        """Seal everything under a new key; how many entries. Raises `NotFetched`, with nothing changed."""
        with self._lock:
            held, keys = self._opened(ask)
            ident = secrets.token_hex(16)
            said, new = store_key.make(key, self._data, ident, ask_new)
            entries = {}
            for name, each in held["entries"].items():
                entry = {"generation": each["generation"], "changed": each["changed"]}
                value = AESGCM(keys.values).decrypt(
                    _bytes(each["nonce"]), _bytes(each["sealed"]), _bound(held["id"], each, name)
                )
                nonce = secrets.token_bytes(_NONCE)
                sealed = AESGCM(new.values).encrypt(nonce, value, _bound(ident, entry, name))
                entries[name] = entry | {"nonce": _text(nonce), "sealed": _text(sealed)}
            made = {"version": _VERSION, "id": ident, "key": said, "check": new.check, "last": held["last"]}
            self._write(made | {"entries": entries}, new)
        return len(entries)

    # The file

    def _made(self, key: How, ask: Ask | None) -> tuple[dict[str, Any], Keys]:
        ident = secrets.token_hex(16)
        said, keys = store_key.make(key, self._data, ident, ask or self._ask)
        made = {"version": _VERSION, "id": ident, "key": said, "check": keys.check, "last": 0, "entries": {}}
        return made, keys

    def _opened(self, ask: Ask | None = None) -> tuple[dict[str, Any], Keys]:
        """The whole store, its seal checked, and its keys."""
        held = self._read()
        if held is None:
            raise NotFetched(
                f'there is no store of credentials in "{self._data}"',
                "make it: wharfinger credentials set NAME",
            )
        if self._keys is None or self._keys[0] != held["id"]:
            keys = store_key.again(held["key"], self._data, held["id"], ask or self._ask)
        else:
            keys = self._keys[1]
        if not keys.fits(held.get("check")):
            how = held["key"].get("how")
            raise NotFetched(
                "the passphrase is wrong"
                if how == "passphrase"
                else f"the store has another key than the {how}'s",
                "try again" if how == "passphrase" else "put the right key back, from a backup",
            )
        seal = held.get("seal")
        try:
            if not isinstance(seal, dict):
                raise InvalidTag
            AESGCM(keys.whole).decrypt(_bytes(seal.get("nonce")), _bytes(seal.get("tag")), _whole(held))
        except (InvalidTag, ValueError):
            raise _changed("the store of credentials was changed by something else") from None
        self._keys = (held["id"], keys)
        return held, keys

    def _read(self) -> dict[str, Any] | None:
        try:
            content = private.read(self._path, limit=LIMIT)
        except FileNotFoundError:
            return None
        except Fault as fault:
            raise NotFetched(fault.message, fault.hint) from None
        try:
            held = json.loads(content)
            if held["version"] != _VERSION:
                raise NotFetched(
                    "the store of credentials is of another version", "use the version that made it"
                )
            well = isinstance(held["id"], str) and isinstance(held["key"], dict) and type(held["last"]) is int
            entries = held["entries"]
            for name, each in entries.items():
                _entry(name, each)
        except (ValueError, LookupError, TypeError, AttributeError):
            well, held = False, None
        if not well or not isinstance(held, dict):
            raise _changed("the store of credentials is cut off, or is none")
        return held

    def _write(self, held: dict[str, Any], keys: Keys) -> None:
        held.pop("seal", None)
        nonce = secrets.token_bytes(_NONCE)
        tag = AESGCM(keys.whole).encrypt(nonce, b"", _whole(held))
        held["seal"] = {"nonce": _text(nonce), "tag": _text(tag)}
        try:
            private.replace(self._path, json.dumps(held, indent=1).encode() + b"\n")
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise NotFetched(
                f'"{self._path}" cannot be written: {reason}', "see that there is room"
            ) from None
        self._keys = (held["id"], keys)


def _bound(ident: str, each: Mapping[str, Any], name: str) -> bytes:
    """What a sealed value is bound to."""
    return _canonical(["wharfinger credential", _VERSION, ident, name, each["generation"], each["changed"]])


def _whole(held: Mapping[str, Any]) -> bytes:
    """What the seal of the whole is bound to."""
    return _canonical(["wharfinger store", {key: value for key, value in held.items() if key != "seal"}])


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _entry(name: str, each: Mapping[str, Any]) -> Entry:
    changed = datetime.fromisoformat(each["changed"])
    if type(each["generation"]) is not int or changed.tzinfo is None:
        raise ValueError
    return Entry(name, each["generation"], changed)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: object) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(text, validate=True) if isinstance(text, str) else b""


def _changed(what: str) -> NotFetched:
    return NotFetched(what, _RESTORE)
