"""Opening hours: `within("Mon-Fri 08:00-18:00", "Europe/Berlin")` (DESIGN 5.3).

Days are optional and come as ranges or lists (`Mon-Fri`, `Sat,Sun`). Hours run from the first minute up to
and without the last; where the end is before the beginning they run over midnight and belong to the day
on which they begin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY: Final = "|".join(DAYS)
_HOURS = re.compile(
    rf"(?:(?P<days>(?:{_DAY})(?:-(?:{_DAY}))?(?:,(?:{_DAY})(?:-(?:{_DAY}))?)*) )?"
    r"(?P<start>[01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9])-(?P<end>[01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]|24:00)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of some days of the week, in one time zone."""

    days: frozenset[int]
    """0 is Monday."""
    start: int
    """Minutes from midnight."""
    end: int
    zone: ZoneInfo

    def hold(self, instant: datetime) -> bool:
        """Whether `instant` (aware) is within them, by the clock on the wall of the zone."""
        local = instant.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return local.weekday() in self.days and self.start <= minute < self.end
        if minute >= self.start:
            return local.weekday() in self.days
        return minute < self.end and (local - timedelta(days=1)).weekday() in self.days


@lru_cache(maxsize=1024)
def hours(text: str, zone: str) -> Hours:
    """Read hours and the name of a time zone (IANA). Raises `ValueError`, saying what to write."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" are no hours; write them like "Mon-Fri 08:00-18:00"')
    try:
        info = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'"{zone}" is no time zone; write it like "Europe/Berlin"') from None
    start, end = _minutes(found["start"]), _minutes(found["end"])
    if start == end:
        raise ValueError(f'"{text}" begin and end at once; the whole day is 00:00-24:00')
    return Hours(_days(found["days"] or "Mon-Sun"), start, end, info)


def _days(text: str) -> frozenset[int]:
    chosen: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        chosen |= {day % 7 for day in range(start, end + 1 if start <= end else end + 8)}
    return frozenset(chosen)


def _minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)
