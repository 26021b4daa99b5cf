"""Agents that ask for more than people can be asked at once: each time one begins to is told once.

A flood ends when nothing has been refused for `CALM`; meanwhile further refusals are only counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from wharfinger.clock import Clock

CALM = timedelta(minutes=10)


@dataclass(slots=True)
class _Flood:
    refused: int
    last: float


class Floods:
    """The floods under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._floods: dict[str, _Flood] = {}

    def refused(self, agent_id: str) -> bool:
        """Count one request that was refused for its agent has too many waiting; whether a flood begins."""
        now = self._clock.monotonic()
        flood = self._floods.get(agent_id)
        if flood is None or now - flood.last >= CALM.total_seconds():
            self._floods[agent_id] = _Flood(1, now)
            return True
        flood.refused, flood.last = flood.refused + 1, now
        return False

    def under_way(self) -> dict[str, int]:
        """How many requests have been refused, by the ids of agents that flood."""
        now = self._clock.monotonic()
        ended = [key for key, flood in self._floods.items() if now - flood.last >= CALM.total_seconds()]
        for key in ended:
            del self._floods[key]
        return {key: flood.refused for key, flood in self._floods.items()}
