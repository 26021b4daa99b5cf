"""Secrets that APIs have made for agents: kept here, and known to the agent by a placeholder each.

They are in memory alone: an end of the process ends them, and the agent has to ask the API for others. Each
is one agent's, ends when its API says (or after `LONGEST`), and stands for one credential: its placeholder is
exchanged where, and only where, that credential's own would be.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from wharfinger.secret import Secret

LONGEST: Final = 12 * 3600.0
"""Seconds after which a value ends whatever its API says."""
UNSAID: Final = 3600.0
"""Seconds that a value is kept whose API does not say when it ends."""
MOST: Final = 256
"""Values of one agent; with one more, the oldest ends."""


class Ended(Exception):
    """There is no such value any more; the message is fit for the agent's eyes."""


@dataclass(frozen=True, slots=True, repr=False)
class SealedValue:
    """One secret, whose it is, and what it is known by."""

    name: str
    """By which decisions name it: the credential's, and a number."""
    agent_id: str
    credential: str
    placeholder: str
    secret: Secret
    expires: float


class SealedValues:
    """All of them. Used from the event loop only."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._held: dict[str, SealedValue] = {}
        self._numbers = 0

    def add(
        self,
        agent_id: str,
        credential: str,
        value: str,
        until: object,
        placeholder: Callable[[str], str],
    ) -> SealedValue:
        """Keep a value; `placeholder` makes one of a text that has never been used before."""
        self.end()
        own = [each for each in self._held.values() if each.agent_id == agent_id]
        for each in own[: max(0, len(own) - MOST + 1)]:
            del self._held[each.name]
        self._numbers += 1
        name = f"{credential}~{self._numbers}"
        made = SealedValue(
            name,
            agent_id,
            credential,
            placeholder(f"{name} {randomness.token_hex(16)}"),
            Secret(name, value),
            self._end(until),
        )
        self._held[name] = made
        return made

    def end(self) -> bool:
        """Forget what has ended; whether anything has."""
        now = self._now()
        ended = [name for name, each in self._held.items() if each.expires <= now]
        for name in ended:
            del self._held[name]
        return bool(ended)

    def __iter__(self) -> Iterator[SealedValue]:
        return iter(tuple(self._held.values()))

    def current(self, name: str) -> Secret:
        """The value of that name. Raises `Ended`."""
        found = self._held.get(name)
        if found is None or found.expires <= self._now():
            credential = name.partition("~")[0]
            raise Ended(f"the value for {credential} that this placeholder stood for has ended")
        return found.secret

    def shown_to(self, agent_id: str) -> Mapping[str, str]:
        """The placeholders that this agent has been given, by name."""
        return {each.name: each.placeholder for each in self if each.agent_id == agent_id}

    def _end(self, until: object) -> float:
        """When a value ends, of what its API says: seconds from now, seconds since 1970, or a time."""
        now = self._now()
        try:
            return min(now + LONGEST, _time(until, now))
        except (ValueError, OverflowError):
            return now + UNSAID


def _time(until: object, now: float) -> float:
    if isinstance(until, str) and until.isascii() and until.isdigit():
        until = int(until)
    if isinstance(until, str):
        said = datetime.fromisoformat(until)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
    if isinstance(until, bool) or not isinstance(until, int | float):
        raise ValueError("no time")
    return float(until) if until > 1_000_000_000 else now + float(until)
