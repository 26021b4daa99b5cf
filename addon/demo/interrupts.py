"""Being told to end: Ctrl-C, SIGTERM and SIGHUP all end the demo in good order, and only once.

Python may raise at any instruction, also between the start of a process and its being written down
somewhere. So an interrupt that comes within `held` waits until its end.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns the signals into one KeyboardInterrupt; handlers of signals belong to a whole process."""

    def __init__(self) -> None:
        self._held = False
        self._came = False
        self._raised = False

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        self._raise()

    def _raise(self) -> None:
        if self._came and not self._held and not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    @contextmanager
    def caught(self) -> Iterator[None]:
        """While this lasts, the first signal is a KeyboardInterrupt, and those after it change nothing."""
        self._came = self._raised = False
        before = {number: signal.signal(number, self._arrived) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that comes within is raised at the end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._raise()


INTERRUPTS = Interrupts()
