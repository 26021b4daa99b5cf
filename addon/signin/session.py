"""One session: that somebody has proved who they are, and until when that holds."""

from __future__ import annotations

import enum
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from wharfinger.rules.types import JSON

PREFIXES = {"browser": "ws_", "token": "wt_", "link": "wl_"}
"""What the text of a token begins with, by what it is for."""


class Kind(enum.StrEnum):
    """Who presents it."""

    BROWSER = "browser"
    TOKEN = "token"  # noqa: S105 - a kind, not a secret
    """A machine, on behalf of the person who made it."""


class Began(enum.StrEnum):
    """How the person was proved."""

    PASSWORD = "password"  # noqa: S105 - a way, not a secret
    LINK = "link"
    SESSION = "session"
    """By another session, which made this one: a machine's token."""
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Session:
    """See the module's head."""

    id: str
    """Names it to people; commands nothing."""
    digest: bytes = field(repr=False)
    """SHA-256 of its token."""
    person: str
    kind: Kind
    began: Began
    label: str
    """What a machine's token is for."""
    role: str | None
    """The most that it may do; None for all that the person may."""
    created: datetime
    seen: datetime
    ends: datetime

    def as_json(self) -> dict[str, JSON]:
        """What people are shown of it."""
        return {
            "id": self.id,
            "person": self.person,
            "kind": self.kind.value,
            "began": self.began.value,
            "label": self.label,
            "role": self.role,
            "created": self.created.isoformat(),
            "seen": self.seen.isoformat(),
            "ends": self.ends.isoformat(),
        }


def new_token(purpose: str) -> str:
    """256 random bits, with a prefix that tells scanners of secrets what they have found."""
    return PREFIXES[purpose] + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
