"""Links to decide by, and the codes that go with them.

A link names an approval and one approver. It is `wl_`, a tag of this installation, and base64 of an id of 11
random bytes and an Ed25519 signature (RFC 8032) over id, approval, approver, digest of the request and end.
All but the id lies in the store, so a link that the store does not have is none. A link shows the question;
deciding by it takes a code of eight digits that was sent to the same person and is not in the link.

The tag is the same in all links of an installation: it is how a link is known wherever it turns up.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LIFETIME: Final = timedelta(hours=1)
"""How long a link can be used, at most."""
TRIES: Final = 5
"""Wrong codes after which a link is no longer good for anything."""
PREFIX: Final = "wl_"
_ID_BYTES: Final = 11
"""With a signature of 64 bytes these are 75: base64 without a spare bit, so no text but one says the same."""
_SIGNATURE_BYTES: Final = 64
_TAG_CHARACTERS: Final = 20
_PURPOSE: Final = b"wharfinger approval link 1\n"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is good for."""

    id: str
    """22 hexadecimal digits."""
    approval: str
    person: str
    digest: str
    """Request digest of the approval."""
    expires: datetime
    used: datetime | None = None
    tries: int = 0
    """Wrong codes so far."""

    def message(self) -> bytes:
        """What the signature is over."""
        said = [self.id, self.approval, self.person, self.digest, self.expires.astimezone(UTC).isoformat()]
        return _PURPOSE + json.dumps(said, separators=(",", ":")).encode("ascii")


class Signer:
    """Makes and reads links of one installation."""

    __slots__ = ("_codes", "_key", "tag")

    def __init__(self, links: bytes, codes: bytes) -> None:
        """`links` and `codes` are keys of 32 bytes, each for this purpose alone."""
        self._key = Ed25519PrivateKey.from_private_bytes(links)
        self._codes = codes
        digest = hmac.digest(codes, b"tag", "sha256")
        self.tag = _text(digest)[:_TAG_CHARACTERS].replace("_", "A").replace("-", "B")
        """What stands in every link."""

    def __repr__(self) -> str:
        return "Signer()"

    def text(self, link: Link) -> str:
        """The link as it is written."""
        signature = self._key.sign(link.message())
        return f"{PREFIX}{self.tag}{_text(bytes.fromhex(link.id) + signature)}"

    def id_of(self, text: str) -> str | None:
        """The id in a link as written; None for what no link of this installation can look like."""
        parts = self._parts(text)
        return None if parts is None else parts[0].hex()

    def holds(self, text: str, link: Link) -> bool:
        """Whether `text` is `link`, signed by this installation."""
        parts = self._parts(text)
        if parts is None or parts[0].hex() != link.id:
            return False
        try:
            self._key.public_key().verify(parts[1], link.message())
        except InvalidSignature:
            return False
        return True

    def code(self, link: Link) -> str:
        """The code that goes with a link: eight digits, kept nowhere."""
        number = int.from_bytes(hmac.digest(self._codes, b"code\n" + link.message(), "sha256"))
        return f"{number % 10**8:08}"

    def opens(self, code: str, link: Link) -> bool:
        """Whether `code`, as typed, is the one that goes with the link."""
        typed = "".join(char for char in code if char not in " -")
        right = self.code(link)
        return hmac.compare_digest(typed.encode("utf-8", "replace"), right.encode())

    def _parts(self, text: str) -> tuple[bytes, bytes] | None:
        head = f"{PREFIX}{self.tag}"
        if not text.startswith(head) or not text.isascii():
            return None
        rest = text[len(head) :]
        try:
            raw = base64.b64decode(rest, altchars=b"-_", validate=True)
        except ValueError:
            return None
        if len(raw) != _ID_BYTES + _SIGNATURE_BYTES or _text(raw) != rest:
            return None
        return raw[:_ID_BYTES], raw[_ID_BYTES:]


def new(approval: str, person: str, digest: str, now: datetime, ends: datetime) -> Link:
    """A fresh link that ends with the approval, or after an hour, whichever comes first."""
    expires = min(now + LIFETIME, ends)
    return Link(secrets.token_hex(_ID_BYTES), approval, person, digest, expires)


def spelled(code: str) -> str:
    """A code as it is sent: in two groups, so that it is easy to read and is not taken for any number."""
    return f"{code[:4]}-{code[4:]}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
