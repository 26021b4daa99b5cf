"""How often answers to an agent held a secret: who guesses at one by what is masked is slowed down.

Only whole values are masked, so each answer tells of one guess whether it is right. An API that gives keys
back is met again and again by honest agents, too: the bound is far above what they do, and far below what a
guess would need.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from wharfinger.rules.detecting.table import NAMES

MOST: Final = 300
"""Answers with a secret in them, to one agent…"""
WINDOW: Final = 60.0
"""… in so many seconds; beyond it nothing goes out for that agent until they are past."""

_OTHERS: Final = NAMES | {"fields"}
"""Findings that are no secret of ours."""


class Echoes:
    """The latest answers with secrets, by agent."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def note(self, agent: str, findings: Mapping[str, int], now: float) -> None:
        """Take up what was found in one answer; `now` is of the monotonic clock."""
        if findings.keys() - _OTHERS:
            self._times.setdefault(agent, deque(maxlen=MOST)).append(now)

    def too_many(self, agent: str, now: float) -> bool:
        """Whether `agent` has had as many as it may."""
        times = self._times.get(agent)
        return times is not None and len(times) == MOST and now - times[0] < WINDOW
