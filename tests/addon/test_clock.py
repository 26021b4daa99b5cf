"""The system's clocks."""

from datetime import UTC, datetime, timedelta

from wharfinger.clock import Clock, SystemClock


def test_the_wall_clock_is_aware_and_in_utc():
    clock: Clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_monotonic_clock_does_not_go_back():
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
