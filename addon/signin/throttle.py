"""How often somebody may try to sign in: each failure makes the next try wait twice as long.

Counted for each name, whether or not there is such a person, and for all together. An attempt counts as
failed from its beginning, so that many at once are no way around it. Kept in memory: to forget it takes
a restart of the proxy, which an attacker at the sign-in page cannot bring about.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from wharfinger.clock import Clock
from wharfinger.faults import Fault

LONGEST_WAIT = 300.0
LONGEST_FOR_ALL = 30.0
"""Shorter, since whoever fails on purpose makes everybody wait."""
_FREE_FOR_ONE = 4
"""Failures of one name that cost no waiting."""
_FREE_IN_TOTAL = 20
_FORGOTTEN = 3600.0
"""Seconds without a failure after which a name starts anew."""
_NAMES = 4096


class TooMany(Fault):
    """There were too many failures; `seconds` says how long to wait."""

    def __init__(self, seconds: float) -> None:
        """Say for how long."""
        self.seconds = max(1, round(seconds))
        super().__init__(f"too many attempts to sign in: wait {self.seconds} s", "then try again")


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last: float = 0.0

    def wait(self, now: float, free: int, longest: float) -> float:
        if now - self.last > _FORGOTTEN:
            self.failures = 0
        over = self.failures - free
        return self.last + min(2.0 ** min(over, 16), longest) - now if over >= 0 else 0.0


class Throttle:
    """See the module's head."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._total = _Count()
        self._names: OrderedDict[str, _Count] = OrderedDict()

    def attempt(self, name: str) -> None:
        """Count an attempt; raises `TooMany`, and counts nothing, where it comes too soon."""
        now = self._clock.monotonic()
        count = self._names.get(name) or _Count()
        wait = max(
            count.wait(now, _FREE_FOR_ONE, LONGEST_WAIT),
            self._total.wait(now, _FREE_IN_TOTAL, LONGEST_FOR_ALL),
        )
        if wait > 0:
            raise TooMany(wait)
        for each in (count, self._total):
            each.failures += 1
            each.last = now
        self._names[name] = count
        self._names.move_to_end(name)
        if len(self._names) > _NAMES:
            self._names.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Take back what `attempt` counted, and all earlier failures of this name."""
        self._names.pop(name, None)
        self._total.failures = max(0, self._total.failures - 1)
