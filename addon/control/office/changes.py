"""When the policy in force changed, as the book tells it: gathered while the tail is read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wharfinger.audit.reader import Record

_KEPT = 200


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


class Changes:
    """See the module's head."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = -1
        self._kept: deque[Change] = deque(maxlen=_KEPT)

    def take(self, records: Iterable[Record]) -> None:
        """Gather from these, from each once: on the tail's thread."""
        with self._lock:
            for record in records:
                if record.seq > self._last:
                    self._last = record.seq
                    self._take(record)

    def newest(self) -> list[Change]:
        """The changes, newest first."""
        with self._lock:
            return list(reversed(self._kept))

    def _take(self, record: Record) -> None:
        members, kind = record.members, record.kind
        what = kind if kind == "started" else str(members.get("action", ""))
        if (kind, what) not in {("started", "started"), ("control", "reload")}:
            return
        at, person, digest, why = (
            str(members.get(name, "")) for name in ("time", "person", "policy_digest", "reason")
        )
        self._kept.append(Change(at, what, person, digest, why, record.seq))
