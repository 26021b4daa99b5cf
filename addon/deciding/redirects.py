"""Which redirects agents may follow at the moment: in memory, each for one request and a minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from wharfinger.rules.recognition.redirecting import Pass

MOST: Final = 64
"""Passes that one agent may have at a time; the oldest go."""


class Redirects:
    """See the module's head. Keyed by the agent's id, which no other agent ever gets."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._held: dict[str, deque[Pass]] = {}

    def add(self, agent_id: str, given: Pass) -> None:
        """Let the agent follow one redirect."""
        self._held.setdefault(agent_id, deque(maxlen=MOST)).append(given)

    def of(self, agent_id: str) -> tuple[Pass, ...]:
        """What the agent may follow now."""
        held = self._held.get(agent_id)
        if not held:
            return ()
        now = self._now()
        while held and held[0].until <= now:
            held.popleft()
        if not held:
            del self._held[agent_id]
        return tuple(held)

    def take(self, agent_id: str, given: Pass) -> bool:
        """Use one up; False if it has been used already."""
        try:
            self._held.get(agent_id, deque()).remove(given)
        except ValueError:
            return False
        return True
