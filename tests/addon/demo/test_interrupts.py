"""An interrupt ends the demo once, and never between a process's start and its being known."""

from __future__ import annotations

import os
import signal

import pytest
from wharfinger.demo.interrupts import SIGNALS, Interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_raises_and_those_after_it_do_not(number: signal.Signals) -> None:
    interrupts, before = Interrupts(), signal.getsignal(number)
    with interrupts.caught():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_signal_waits_until_the_end_of_held() -> None:
    interrupts, reached = Interrupts(), []

    def start() -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("the process is written down")

    with interrupts.caught():
        with pytest.raises(KeyboardInterrupt):
            start()
        assert reached
