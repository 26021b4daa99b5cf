"""What passes between the gate and whoever comes to it: the session, the permit, how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from wharfinger.audit.event import Outcome, Sent, Who
from wharfinger.deciding.answers import Answer
from wharfinger.rules.requests import ranges
from wharfinger.rules.types import Decision, Origin, Request

if TYPE_CHECKING:
    from wharfinger.secret import Secret

MASKED = "[masked]"
"""Shown in place of an agent's own login."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who speaks on a client connection, as established by `identify`."""

    who: Who
    reason: str | None = None
    """Reason given for the whole run."""
    origin: Origin = Origin.PROXY
    generation: int = 0
    """Generation of the token that was shown; 0 where none was."""
    address: str = ""
    """Where the connection comes from; empty where that is no matter of its identity."""


@dataclass(slots=True, eq=False)
class Permit:
    """The single-use right to send exactly one request."""

    decision_id: str
    session: Session
    request: Request
    decision: Decision
    generation: int
    secrets: tuple[tuple[Secret, int], ...]
    """Credentials to put in, each with the generation it was read at; read again when the permit is used."""
    approval: str = ""
    used: bool = False
    made: tuple[str, ...] = ()
    """Signatures that were made for this request, and are good for it alone."""
    cookies: str = ""
    """What is kept for the agent and goes with this request, read when the permit is used."""

    @property
    def part(self) -> ranges.Asked | None:
        """What part is asked for of an answer that may hold a secret; None where it is all of it."""
        if not self.decision.response.credentialed:
            return None
        return ranges.asked(self.request.method, self.decision.forward)

    @property
    def seen(self) -> Request:
        """The request as the flow shows it: the agent's own logins are masked there."""
        if not self.decision.own:
            return self.request
        own = frozenset(self.decision.own)
        headers = tuple(
            (name, MASKED if name.lower() in own else value) for name, value in self.request.headers
        )
        return replace(self.request, headers=headers)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an exchange ended."""

    outcome: Outcome
    sent: Sent | None = None
    reason: str = ""

    def unsent(self) -> Ending:
        """The same for a request of which no byte went upstream."""
        return replace(self, outcome=Outcome.NOT_SENT, sent=None)


@dataclass(frozen=True, slots=True)
class Admission:
    """The gate's answer: a permit, or what to tell the agent."""

    decision_id: str
    permit: Permit | None = None
    refusal: Answer | None = None


class Withdrawn(Exception):
    """A permit no longer holds; nothing may be sent on it."""


class Presence(Protocol):
    """Whether the client still waits."""

    @property
    def gone(self) -> asyncio.Event:
        """Set once the client has left."""
        ...
