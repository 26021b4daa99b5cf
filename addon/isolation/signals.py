"""Signals that a run passes on to its command, so that none is kept back.

A handler written in Python runs between two steps of the interpreter. A signal that comes just before a
blocking call is handled only when that call returns, which for a wait is when the command has ended. So
whoever waits here waits on a descriptor that the interpreter's own handler writes to
(https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Collection, Iterator

_CHUNK = 64


@contextlib.contextmanager
def passing_on(numbers: Collection[int], send: Callable[[int], None]) -> Iterator[int]:
    """Pass these signals on by `send`; the descriptor can be read when one came, or a child has ended.

    Only in the main thread. A `ProcessLookupError` of `send` says that there is nobody to send to, and is
    left at that.
    """

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            send(number)

    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    told_before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    before = {number: signal.signal(number, pass_on) for number in numbers}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        yield woken
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(told_before)
        os.close(woken)
        os.close(wake)


def drain(woken: int) -> None:
    """Take what was written to the descriptor, so that it can be waited on again."""
    with contextlib.suppress(BlockingIOError):
        while len(os.read(woken, _CHUNK)) == _CHUNK:
            pass


def wait(process: subprocess.Popen[bytes], woken: int) -> int:
    """Wait for the end of a child, and pass signals on until then: its exit code, as a shell gives it."""
    while (code := process.poll()) is None:
        select.select([woken], [], [])
        drain(woken)
    return 128 - code if code < 0 else code
