"""Deadlines on two clocks, of which the stricter holds.

The wall clock can be set back by its owner, the monotonic one cannot but does not survive a restart.
A deadline has passed when either says so; after a restart the wall clock alone is known, and what it
leaves is never more than the whole time that was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from wharfinger.clock import Clock


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant on both clocks."""

    wall: datetime
    monotonic: float
    """Seconds of `Clock.monotonic`."""

    @classmethod
    def at(cls, clock: Clock, wall: datetime, whole: timedelta) -> Deadline:
        """The deadline `wall` as it looks now; `whole` is the time that was given to begin with."""
        left = min(wall - clock.now(), whole)
        return cls(wall, clock.monotonic() + left.total_seconds())

    def left(self, clock: Clock) -> timedelta:
        """The time left on the stricter clock; zero or less once it has passed."""
        monotonic = timedelta(seconds=self.monotonic - clock.monotonic())
        return min(self.wall - clock.now(), monotonic)

    def passed_on_both(self, clock: Clock) -> bool:
        """Whether it has passed on both: for what becomes possible, where the later clock is the stricter."""
        return self.wall <= clock.now() and self.monotonic <= clock.monotonic()

    def passed(self, clock: Clock) -> bool:
        """Whether it has passed on either clock."""
        return self.left(clock) <= timedelta(0)
