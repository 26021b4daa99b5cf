"""What the book tells of each agent, and of changes of the policy: counted while the tail is read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wharfinger.audit.reader import Record

_CHANGES = 200
_AGENTS = 10_000
"""Agents that are counted; those that come after are not."""
_COUNTED = {"intent": "sent", "denied": "denied", "held": "held"}


@dataclass(slots=True)
class Counts:
    """One agent's requests."""

    last: str = ""
    """When it was last heard of."""
    sent: int = 0
    denied: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A policy that came into force, or was kept from it."""

    at: str
    what: str
    """`started` or `reload`."""
    person: str
    policy_digest: str
    """Empty where a reload was refused."""
    why: str
    """Of a refused reload."""
    seq: int


class Activity:
    """See the module's head."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = -1
        self._agents: dict[str, Counts] = {}
        self._changes: deque[Change] = deque(maxlen=_CHANGES)
        self.since = ""
        """The time of the first event that is counted."""

    def take(self, records: Iterable[Record]) -> None:
        """Count these, each once: on the tail's thread."""
        with self._lock:
            for record in records:
                if record.seq > self._last:
                    self._last = record.seq
                    self._take(record)

    def of(self, agent: str) -> Counts:
        """What is known of an agent."""
        return self._agents.get(agent, _NOTHING)

    def changes(self) -> list[Change]:
        """The changes of the policy, newest first."""
        with self._lock:
            return list(reversed(self._changes))

    def _take(self, record: Record) -> None:
        members = record.members
        at = str(members.get("time", ""))
        self.since = self.since or at
        if (counted := _COUNTED.get(record.kind)) is not None and (agent := members.get("agent")):
            self._count(str(agent), counted, at)
        what = record.kind if record.kind == "started" else str(members.get("action", ""))
        if (record.kind, what) in {("started", "started"), ("control", "reload")}:
            self._changes.append(
                Change(
                    at,
                    what,
                    str(members.get("person", "")),
                    str(members.get("policy_digest", "")),
                    str(members.get("reason", "")),
                    record.seq,
                )
            )

    def _count(self, agent: str, counted: str, at: str) -> None:
        counts = self._agents.get(agent)
        if counts is None:
            if len(self._agents) >= _AGENTS:
                return
            counts = self._agents[agent] = Counts()
        counts.last = at
        setattr(counts, counted, getattr(counts, counted) + 1)


_NOTHING = Counts()
