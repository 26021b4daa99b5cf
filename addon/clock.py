"""The time, as something that is passed in.

Deadlines hold on wall and monotonic clock, the stricter of the two (DESIGN 6), so whoever keeps one
asks a `Clock` for both, and a test can step either.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Both clocks of this machine."""

    def now(self) -> datetime:
        """The wall clock: aware, in UTC. It may be stepped either way."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment before the process began; never goes back, ends with the boot."""
        ...


class SystemClock:
    """The clocks of the operating system."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()
