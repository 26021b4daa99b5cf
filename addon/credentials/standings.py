"""What there is to say of credentials: what is wrong, how they stand, what happens to them. Never a value."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CredentialProblem:
    """One thing that keeps a credential from being used."""

    name: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"credential {self.name}: {self.message}\n  hint: {self.hint}"


class Turn(enum.StrEnum):
    """What happens to a credential."""

    CHANGED = "changed"
    """It has another value."""
    FAILED = "failed"
    """It could not be fetched, for another reason than the last time."""
    RECOVERED = "recovered"
    """It could be fetched again."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What there is to tell of a credential, without a word of its value."""

    name: str
    turn: Turn
    generation: int
    reason: str = ""
    """Why it could not be fetched."""
    usable: bool = True
    """Whether there is a value to go on with."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a credential stands, without a word of its value."""

    name: str
    generation: int
    age: float | None
    """Seconds since its value changed; None where it has none."""
    left: float | None
    """Seconds that the value holds; None for one that does not end."""
    problem: str = ""
    version: str = ""
    """What its source calls the value."""
    used: float | None = None
    """Seconds since a request was let out with it; None if that was not since the start."""
