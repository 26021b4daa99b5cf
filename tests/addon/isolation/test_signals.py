"""A signal that comes at the worst moment is passed on all the same."""

from __future__ import annotations

import ctypes
import functools
import operator
import select
import signal
import subprocess
import sys

import pytest
from wharfinger.isolation import signals

_SLEEPS = [sys.executable, "-I", "-S", "-c", "import time; print('up', flush=True); time.sleep(8)"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_between_the_interpreters_last_step_and_the_wait_is_passed_on(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised, and the wait begun, with no step of the interpreter between the two."""
    raising = functools.partial(ctypes.PyDLL(None)["raise"], int(number))
    real = select.select
    raised: list[int] = []

    def racing(*handles: list[int]) -> object:
        if raised:
            return real(*handles)
        raised.append(number)
        return list(map(operator.call, (raising, functools.partial(real, *handles))))[1]

    with subprocess.Popen(_SLEEPS, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        monkeypatch.setattr(signals.select, "select", racing)
        with signals.passing_on((number,), process.send_signal) as woken:
            assert signals.wait(process, woken) == 128 + number
    assert raised


def test_all_is_as_it_was_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]
    with signals.passing_on((signal.SIGTERM,), lambda _: None):
        pass
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_nobody_to_send_to_is_no_error() -> None:
    def gone(_: int) -> None:
        raise ProcessLookupError

    with signals.passing_on((signal.SIGUSR1,), gone):
        signal.raise_signal(signal.SIGUSR1)


def test_the_end_of_a_child_that_ended_before_is_seen() -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "raise SystemExit(7)"]) as process:
        process.wait()
        with signals.passing_on((), process.send_signal) as woken:
            assert signals.wait(process, woken) == 7
