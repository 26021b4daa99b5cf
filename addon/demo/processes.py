"""The processes of the demo: wharfinger's own commands, the proxy, and the agent's clients.

Each gets an environment made from nothing, so that neither a proxy nor a key of the user's own is in play.
Whatever is started here is ended here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wharfinger.demo.interrupts import INTERRUPTS

PATIENCE = 60.0
"""Seconds any one process may take."""
_GRACE = 10.0
"""Seconds a process gets to end by itself."""


class DemoFailed(Exception):
    """Something the demo cannot go on without; the message says what, and what it printed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a process."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All it printed."""
        return "\n".join(text for text in (self.out.strip(), self.err.strip()) if text)


def bare_environment(home: Path) -> dict[str, str]:
    """What a process of the demo finds: a path, a home of its own, and nothing else of the user's."""
    home.mkdir(mode=0o700, exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


_STARTED: list[Running] = []


def stop_all() -> None:
    """End every process that was started here, the youngest first."""
    while _STARTED:
        _STARTED.pop().stop()


class Running:
    """A process under way, whose output is kept in files; ended by `stop` at the latest."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, name: str
    ) -> None:
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err, INTERRUPTS.held():
            self._process = subprocess.Popen(
                arguments, env=dict(environment), cwd=environment["HOME"], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err,
            )  # fmt: skip
            _STARTED.append(self)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait(self, patience: float = PATIENCE) -> Ended:
        """Wait for its end. Raises `DemoFailed` if it takes too long."""
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.stop()
            raise DemoFailed(f"a process took more than {patience:.0f} s\n{self.so_far().said}") from None
        return self.so_far(code)

    def so_far(self, code: int = 0) -> Ended:
        """What it has printed until now."""
        return Ended(code, self._out.read_text(errors="replace"), self._err.read_text(errors="replace"))

    def stop(self) -> None:
        """End it: asked first, then made to."""
        if not self.alive:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Operator:
    """Runs wharfinger's commands on one configuration, as the people who operate it do."""

    configuration: Path
    environment: Mapping[str, str]
    logs: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line of one of wharfinger's commands."""
        return [sys.executable, "-m", "wharfinger.cli.main", *arguments, "--config", str(self.configuration)]

    def run(self, *arguments: str, expect: int | None = 0) -> Ended:
        """Run a command to its end. Raises `DemoFailed` if its exit code is not `expect`."""
        name = f"{arguments[0]}-{time.monotonic_ns()}"
        process = Running(self.command(*arguments), self.environment, self.logs, name)
        try:
            ended = process.wait()
        finally:
            process.stop()
        if expect is not None and ended.code != expect:
            raise DemoFailed(f"wharfinger {' '.join(arguments)}: exit code {ended.code}\n{ended.said}")
        return ended

    def json(self, *arguments: str, expect: int | None = 0) -> Any:
        """The same for a command that prints JSON."""
        ended = self.run(*arguments, expect=expect)
        try:
            return json.loads(ended.out)
        except ValueError:
            raise DemoFailed(f"wharfinger {' '.join(arguments)} printed no JSON\n{ended.said}") from None


@contextmanager
def proxy(operator: Operator) -> Iterator[Running]:
    """`wharfinger up`, from its ready file to its end. Raises `DemoFailed` if it does not come up."""
    ready = operator.logs / "ready.json"
    process = Running(
        operator.command("up", "--ready-file", str(ready)), operator.environment, operator.logs, "up"
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready.exists():
            if not process.alive or time.monotonic() > deadline:
                raise DemoFailed(f"the proxy did not start\n{process.so_far().said}")
            time.sleep(0.05)
        yield process
    finally:
        process.stop()
