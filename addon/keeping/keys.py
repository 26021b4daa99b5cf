"""The keys of an installation, and what is made of them: agent tokens, run tokens, placeholders.

One random key lies in the data folder; a key for each purpose is derived from it by HKDF-SHA256
(RFC 5869), so that none of them tells anything about another. Tokens and placeholders are MACs over
ids that the store hands out, made on demand and kept nowhere.

An agent's token is `wa_` + MAC(agent id, generation). A run's token is `wr_RUN_END_` + MAC(agent id,
generation, run id, end), END being whole seconds since 1970, or 0 for "as long as the run". Both are
of `[A-Za-z0-9_-]`, since some clients send a proxy password without decoding it.
"""

from __future__ import annotations

import base64
import contextlib
import enum
import hashlib
import hmac
import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from wharfinger.faults import Fault
from wharfinger.keeping import private

KEY_FILE = "installation.key"
_KEY_BYTES = 32
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SUFFIX = 36
"""Characters after a placeholder's prefix: 214 bits, and as long as GitHub's tokens, the longest
common ones whose length clients are known to check."""


class Purpose(enum.StrEnum):
    """What a derived key is for; each value is the `info` of its derivation and never changes."""

    TOKENS = "agent tokens"
    PLACEHOLDERS = "placeholders"
    AUDIT = "audit hmac"
    LINKS = "approval links"
    CODES = "approval codes"
    BUTTONS = "channel buttons"
    CHECKPOINTS = "checkpoints"
    PSEUDONYMS = "pseudonyms"


class KeyUnusable(Fault):
    """The installation key cannot be read or made."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token proves, beyond that it is the agent's."""

    run_id: str | None = None
    """The run that the token was issued for; the store knows whether it has ended."""
    ends: datetime | None = None


class Keys:
    """The keys of one installation."""

    __slots__ = ("__placeholders", "__root", "__tokens")

    def __init__(self, root: bytes) -> None:
        """`root` is the installation key of 32 random bytes."""
        if len(root) != _KEY_BYTES:
            raise KeyUnusable(f"an installation key has {_KEY_BYTES} bytes, not {len(root)}")
        self.__root = root
        self.__tokens = self.derive(Purpose.TOKENS)
        self.__placeholders = self.derive(Purpose.PLACEHOLDERS)

    @classmethod
    def open(cls, data: Path) -> Self:
        """The keys of the data folder `data`, made there if it has none yet; raises `KeyUnusable`."""
        path = data / KEY_FILE
        try:
            try:
                return cls(private.read(path, limit=_KEY_BYTES))
            except FileNotFoundError:
                return cls(_make(path))
        except KeyUnusable as fault:
            raise KeyUnusable(
                f'"{path}" is not an installation key: {fault.message}',
                "restore it from a backup; a new one changes all tokens and placeholders",
            ) from fault
        except Fault as fault:
            raise KeyUnusable(fault.message, fault.hint) from fault
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise KeyUnusable(f'the installation key "{path}" cannot be made: {reason}') from error

    def __repr__(self) -> str:
        return "Keys()"

    def derive(self, purpose: Purpose) -> bytes:
        """The key of 32 bytes for one purpose."""
        return _hkdf(self.__root, f"wharfinger/1/{purpose}".encode())

    def agent_token(
        self, agent_id: str, generation: int, run_id: str | None = None, ends: datetime | None = None
    ) -> str:
        """The proxy password of an agent, or of one run of it; the user name is the agent's name."""
        if run_id is None:
            return "wa_" + self._token_mac("agent", agent_id, str(generation))
        end = "0" if ends is None else str(int(ends.timestamp()))
        return f"wr_{run_id}_{end}_" + self._token_mac("run", agent_id, str(generation), run_id, end)

    def verify_token(self, token: str, agent_id: str, generation: int, now: datetime) -> Identity | None:
        """What `token` proves of that agent at `now`, or None if it is not, or no longer, a token of it."""
        kind, _, rest = token.partition("_")
        if kind == "wa":
            good = _same(token, self.agent_token(agent_id, generation))
            return Identity() if good else None
        if kind != "wr" or rest.count("_") < 2:
            return None
        run_id, end, mac = rest.split("_", 2)
        if not _same(mac, self._token_mac("run", agent_id, str(generation), run_id, end)):
            return None
        if end == "0":
            return Identity(run_id)
        ends = datetime.fromtimestamp(int(end), UTC)
        return Identity(run_id, ends) if now < ends else None

    def placeholder(self, agent_id: str, credential: str, prefix: str = "") -> str:
        """The dummy that an agent holds in a credential's stead: `prefix` and 36 of `[0-9A-Za-z]`."""
        mac = hmac.digest(self.__placeholders, _joined("placeholder", agent_id, credential), "sha256")
        number, letters = int.from_bytes(mac), []
        for _ in range(_SUFFIX):
            number, index = divmod(number, len(_ALPHABET))
            letters.append(_ALPHABET[index])
        return prefix + "".join(letters)

    def _token_mac(self, *parts: str) -> str:
        mac = hmac.digest(self.__tokens, _joined(*parts), "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _make(path: Path) -> bytes:
    with contextlib.suppress(FileExistsError):  # made by another process just now: its key is the key
        private.create(path, secrets.token_bytes(_KEY_BYTES))
    return private.read(path, limit=_KEY_BYTES)


def _hkdf(key: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, of one block; the standard library's hmac keeps start-up quick."""
    extracted = hmac.digest(b"\0" * hashlib.sha256().digest_size, key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def _joined(*parts: str) -> bytes:
    """The parts, each after its length, so that they cannot run into each other."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4) + part for part in encoded)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
