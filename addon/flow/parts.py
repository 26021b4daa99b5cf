"""What the layers and hooks of one runtime share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wharfinger.audit.event import Who
    from wharfinger.deciding.gate import Gate
    from wharfinger.deciding.live import Live
    from wharfinger.flow.sessions import Link, Sessions


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request may take, in bytes, and on connections."""

    head: int = 64 * 1024
    body: int = 32 * 1024 * 1024
    parse: int = 1024 * 1024
    connections: int = 512
    per_agent: int = 64


@dataclass(frozen=True, slots=True)
class Parts:
    """The runtime, as the flow sees it."""

    gate: Gate
    live: Live
    sessions: Sessions
    limits: Limits

    def who(self, link: Link | None) -> Who | None:
        """Who speaks on a connection, for the book; at the door of a run, though nothing was said yet."""
        if link is None:
            return None
        session, door = link.session, link.door
        if session is None and door is not None:
            session = self.live.callers.identify_at_door(door.run, door.agent, door.token)
        return session.who if session is not None else None
