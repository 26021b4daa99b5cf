"""How often something may happen: so many times a second, of all agents together, and half as often of one.

Rules: whoever comes too soon is refused, not made to wait. What was not used in the last seconds may be used
at once, up to a burst; time is the monotonic clock's.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float

    def fill(self, now: float, rate: float, most: float) -> None:
        """Let in what has come since."""
        self.left = min(most, self.left + (now - self.at) * rate)
        self.at = now


class Rate:
    """Something that may happen so often."""

    def __init__(self, most: float, burst: float = 1.0, now: Callable[[], float] = time.monotonic) -> None:
        """`most`: times a second; `burst`: seconds' worth of it that may come at once."""
        self._rate, self._room, self._now = most, most * burst, now
        self._all = _Bucket(self._room, now())
        self._by_agent: dict[str, _Bucket] = {}
        self.taken = 0
        """How often it has happened."""
        self.refused: Counter[str] = Counter()
        """How often each agent came too soon."""

    def take(self, agent: str, times: int = 1) -> bool:
        """Whether it may happen now, so many times, for `agent`; then it counts."""
        now = self._now()
        own = self._by_agent.setdefault(agent, _Bucket(self._room / 2, now))
        own.fill(now, self._rate / 2, self._room / 2)
        self._all.fill(now, self._rate, self._room)
        if own.left < times or self._all.left < times:
            self.refused[agent] += 1
            return False
        own.left -= times
        self._all.left -= times
        self.taken += times
        return True
