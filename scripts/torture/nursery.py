"""Start wharfinger often for the price of one import: a process that has imported it, and forks.

What is forked runs the same `main` with the same arguments, in a session of its own, and is in nothing
else different from one that was started by a shell. Only the imports are done already.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_IMPORTED = ("wharfinger.cli.main", "wharfinger.cli.up", "wharfinger.running.serving")


class Forked:
    """One process that was forked, as `subprocess.Popen` shows one of its own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._fd = -1

    def poll(self) -> int | None:
        """None while it runs. How it ended is not known, only that it did."""
        if self._fd >= 0 and select.select([self._fd], [], [], 0)[0]:
            os.close(self._fd)
            self._fd = -1
        return None if self._fd >= 0 else 0

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        if self._fd >= 0 and not select.select([self._fd], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a forked proxy", timeout or 0)
        self.poll()
        return 0

    def kill(self) -> None:
        """It, and all that it started."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)


class Nursery:
    """The process that forks."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def start(self, arguments: Sequence[str], log: Path, *, stopped: bool = False) -> Forked:
        """Run wharfinger with these arguments, and write what it says to `log`.

        `stopped`: it waits for SIGCONT before it does anything.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"arguments": list(arguments), "log": str(log), "stopped": stopped}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it. What it has forked goes on."""
        self._process.communicate()


def _serve() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            _be(asked["arguments"], asked["log"], stopped=asked["stopped"])
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _be(arguments: list[str], log: str, *, stopped: bool) -> None:
    """Be that process: never returns."""
    os.setsid()
    if stopped:
        os.kill(os.getpid(), signal.SIGSTOP)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing, said = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
    )
    for number, fd in enumerate((nothing, said, said)):
        os.dup2(fd, number)
    os.closerange(3, 1024)
    sys.argv = ["wharfinger", *arguments]
    code: object = 1
    try:
        importlib.import_module("wharfinger.cli.main").main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    _serve()
