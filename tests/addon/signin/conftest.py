"""A store, two clocks that can be stepped, and passwords that cost next to nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wharfinger.keeping.store import Store
from wharfinger.signin import passwords


class SteppedClock:
    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def step(self, **time: float) -> None:
        self.wall += timedelta(**time)
        self.seconds += timedelta(**time).total_seconds()


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_ITERATIONS", 1)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened
