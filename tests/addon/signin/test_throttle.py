"""Each failure makes the next attempt wait longer, for one name and for all."""

from wharfinger.signin.throttle import LONGEST_FOR_ALL, LONGEST_WAIT, Throttle, TooMany


def wait_of(throttle: Throttle, name: str) -> int:
    try:
        throttle.attempt(name)
    except TooMany as fault:
        return fault.seconds
    return 0


def test_waits_double_and_have_an_end(clock):
    throttle = Throttle(clock)
    assert [wait_of(throttle, "alice") for _ in range(4)] == [0, 0, 0, 0]
    waits = []
    for _ in range(12):
        waits.append(wait_of(throttle, "alice"))
        clock.step(seconds=waits[-1])
        assert wait_of(throttle, "alice") == 0
    assert waits[:9] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert max(waits) == LONGEST_WAIT


def test_an_attempt_that_comes_too_soon_counts_for_nothing(clock):
    throttle = Throttle(clock)
    for _ in range(100):
        wait_of(throttle, "alice")
    assert wait_of(throttle, "alice") == 1


def test_a_success_forgets_the_failures_of_that_name(clock):
    throttle = Throttle(clock)
    for _ in range(4):
        throttle.attempt("alice")
    throttle.succeeded("alice")
    assert wait_of(throttle, "alice") == 0


def test_many_names_make_everybody_wait_but_not_for_long(clock):
    throttle = Throttle(clock)
    waits = [wait_of(throttle, f"name-{number}") for number in range(21)]
    assert waits == [0] * 20 + [1]
    for number in range(40):
        clock.step(seconds=LONGEST_FOR_ALL)
        assert wait_of(throttle, f"other-{number}") == 0
    assert wait_of(throttle, "alice") == LONGEST_FOR_ALL


def test_an_hour_later_all_is_forgotten(clock):
    throttle = Throttle(clock)
    for _ in range(9):
        wait_of(throttle, "alice")
        clock.step(seconds=400)
    clock.step(hours=1, seconds=1)
    assert [wait_of(throttle, "alice") for _ in range(5)] == [0, 0, 0, 0, 1]


def test_the_names_kept_are_bounded(clock, monkeypatch):
    monkeypatch.setattr("wharfinger.signin.throttle._NAMES", 3)
    throttle = Throttle(clock)
    for number in range(10):
        throttle.attempt(f"name-{number}")
    assert list(throttle._names) == ["name-7", "name-8", "name-9"]
