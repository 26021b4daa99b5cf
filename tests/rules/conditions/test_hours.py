"""Opening hours hold by the clock on the wall of their zone."""

from datetime import datetime

import pytest
from wharfinger.rules.conditions.hours import hours


@pytest.mark.parametrize(
    ("text", "instant", "holds"),
    [
        ("Mon-Fri 08:00-18:00", "2026-01-14T07:00+00:00", True),  # 08:00 in Berlin, a Wednesday
        ("Mon-Fri 08:00-18:00", "2026-01-14T06:59+00:00", False),
        ("Mon-Fri 08:00-18:00", "2026-01-14T16:59:59+00:00", True),
        ("Mon-Fri 08:00-18:00", "2026-01-14T17:00+00:00", False),
        ("Mon-Fri 08:00-18:00", "2026-07-14T06:00+00:00", True),  # summer time
        ("Mon-Fri 08:00-18:00", "2026-01-17T12:00+00:00", False),  # a Saturday
        ("Sat,Sun 00:00-24:00", "2026-01-17T12:00+00:00", True),
        ("Sat-Mon 08:00-18:00", "2026-01-19T12:00+00:00", True),
        ("Sat-Mon 08:00-18:00", "2026-01-20T12:00+00:00", False),
        ("08:00-18:00", "2026-01-18T12:00+00:00", True),
        ("Fri 22:00-06:00", "2026-01-16T22:00+00:00", True),
        ("Fri 22:00-06:00", "2026-01-17T03:00+00:00", True),  # still Friday's night
        ("Fri 22:00-06:00", "2026-01-16T03:00+00:00", False),
        ("Fri 22:00-06:00", "2026-01-17T05:00+00:00", False),
    ],
)
def test_hold(text: str, instant: str, holds: bool) -> None:
    assert hours(text, "Europe/Berlin").hold(datetime.fromisoformat(instant)) is holds


@pytest.mark.parametrize(
    ("text", "zone", "problem"),
    [
        ("8:00-18:00", "UTC", "are no hours"),
        ("Mon-Fri", "UTC", "are no hours"),
        ("Mo 08:00-18:00", "UTC", "are no hours"),
        ("08:00-25:00", "UTC", "are no hours"),
        ("08:00-08:00", "UTC", "begin and end at once"),
        ("08:00-18:00", "Europe/Berlun", "is no time zone"),
        ("08:00-18:00", "../etc/passwd", "is no time zone"),
        ("08:00-18:00", "", "is no time zone"),
    ],
)
def test_refuses_what_it_cannot_read(text: str, zone: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        hours(text, zone)
