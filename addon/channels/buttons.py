"""What the buttons of a posted question say: which approval, and which answer, under a MAC of ours.

`wb_MOVE_APPROVAL_MAC`: HMAC-SHA256 over channel, approval, digest of the request and move, in hexadecimal.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

MOVES: Final = ("approve", "deny")
_MAC_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Said:
    """What a button says, not yet believed."""

    move: str
    approval: str
    mac: str


class Buttons:
    """Makes and checks values of buttons for one installation."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """`key` is of 32 bytes, for this purpose alone."""
        self._key = key

    def __repr__(self) -> str:
        return "Buttons()"

    def value(self, channel: str, approval: str, digest: str, move: str) -> str:
        """The value of one button."""
        return f"wb_{move}_{approval}_{self._mac(channel, approval, digest, move)}"

    def holds(self, said: Said, channel: str, digest: str) -> bool:
        """Whether this installation has made the value, for this channel and this request."""
        right = self._mac(channel, said.approval, digest, said.move)
        return hmac.compare_digest(said.mac.encode("ascii"), right.encode("ascii"))

    def _mac(self, channel: str, approval: str, digest: str, move: str) -> str:
        said = "\n".join((channel, approval, digest, move)).encode()
        return hmac.digest(self._key, said, "sha256").hex()


def read(value: str) -> Said | None:
    """What a value says; None for anything else."""
    if not value.isascii() or not value.startswith("wb_") or len(value) > 200:
        return None
    move, _, rest = value[3:].partition("_")
    approval, _, mac = rest.rpartition("_")
    if move not in MOVES or not approval or len(mac) != _MAC_DIGITS:
        return None
    return Said(move, approval, mac)
