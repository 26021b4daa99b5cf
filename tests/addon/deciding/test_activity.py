"""When agents were seen is counted in memory and kept across restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from wharfinger.deciding.activity import Activity
from wharfinger.keeping.store import Store
from wharfinger.rules.types import Code


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 14, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


async def test_requests_are_counted_by_what_came_of_them(tmp_path: Path) -> None:
    clock = Clock()
    with Store.open(tmp_path) as store:
        activity = Activity(store, clock)
        await activity.open()
        assert activity.of("ag_1") is None
        for refused in (None, None, Code.APPROVAL_PENDING, Code.DENIED, Code.LIMIT):
            clock.at += timedelta(seconds=1)
            activity.note("ag_1", refused)
        activity.note("", None)
        told = {"last_seen": clock.at.isoformat(), "allowed": 2, "asked": 1, "denied": 2}
        counts = activity.of("ag_1")
        assert counts is not None
        assert counts.as_json() == told
        await activity.sweep()
        activity.note("ag_1", None)
        again = Activity(store, clock)
        await again.open()
        kept = again.of("ag_1")
        assert kept is not None
        assert kept.as_json() == told
