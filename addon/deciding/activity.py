"""When agents were last seen, and how many of their requests came to what: for people, not for decisions.

Counted in memory and written now and then, so that no request waits for it; a crash loses a minute of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wharfinger.rules.types import JSON, Code

if TYPE_CHECKING:
    from wharfinger.clock import Clock
    from wharfinger.keeping.store import Connection, Store


@dataclass(slots=True)
class Counts:
    """Of one agent."""

    seen: datetime
    allowed: int = 0
    asked: int = 0
    """Refused because a person had not answered yet."""
    denied: int = 0

    def as_json(self) -> dict[str, JSON]:
        """Plain JSON of this."""
        return {
            "last_seen": self.seen.isoformat(),
            "allowed": self.allowed,
            "asked": self.asked,
            "denied": self.denied,
        }


class Activity:
    """Of all agents, by their ids."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counts: dict[str, Counts] = {}
        self._changed: set[str] = set()

    async def open(self) -> None:
        """Take up what is known from before."""
        self._counts = await self._store.run(_every)

    def note(self, agent_id: str, refused: Code | None) -> None:
        """Count one request, by why it was refused if it was."""
        if not agent_id:
            return
        counts = self._counts.get(agent_id)
        if counts is None:
            counts = self._counts[agent_id] = Counts(self._clock.now())
        counts.seen = self._clock.now()
        counts.allowed += refused is None
        counts.asked += refused is Code.APPROVAL_PENDING
        counts.denied += refused not in {None, Code.APPROVAL_PENDING}
        self._changed.add(agent_id)

    def of(self, agent_id: str) -> Counts | None:
        """Of one agent; None for one that has never sent anything."""
        return self._counts.get(agent_id)

    async def sweep(self) -> None:
        """Write what has changed."""
        changed, self._changed = self._changed, set()
        rows = [(agent_id, self._counts[agent_id]) for agent_id in sorted(changed)]
        if rows:
            await self._store.run(_write, rows)


def _every(connection: Connection) -> dict[str, Counts]:
    return {
        row["agent_id"]: Counts(
            datetime.fromisoformat(row["seen"]), row["allowed"], row["asked"], row["denied"]
        )
        for row in connection.execute("SELECT * FROM agent_activity")
    }


def _write(connection: Connection, rows: list[tuple[str, Counts]]) -> None:
    connection.executemany(
        "INSERT INTO agent_activity (agent_id, seen, allowed, asked, denied) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (agent_id) DO UPDATE SET seen = excluded.seen, allowed = excluded.allowed,"
        " asked = excluded.asked, denied = excluded.denied",
        [
            (
                agent_id,
                counts.seen.astimezone(UTC).isoformat(timespec="microseconds"),
                counts.allowed,
                counts.asked,
                counts.denied,
            )
            for agent_id, counts in rows
        ],
    )
