"""A proxy in a process of its own, with the configuration that a user would write, and its commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wharfinger.audit import reader

from .standins import Seen
from .world import AGENT, APPROVER, World

COUNTED = timedelta(seconds=1.2)
"""After a denial, those like it are counted for a second, and told in one event."""

PATIENCE = 40.0
"""Seconds any one process may take."""


def until[T](what: str, found: Callable[[], T], patience: float = PATIENCE) -> T:
    """Wait until `found` gives something true, and give it."""
    end = time.monotonic() + patience
    while not (value := found()):
        assert time.monotonic() < end, f"waited {patience} s in vain: {what}"
        time.sleep(0.02)
    return value


@dataclass(frozen=True)
class Ran:
    """What a process did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        return self.out + self.err


GROUPS = {"approvals", "people", "audit", "agents", "ca", "limits", "deny", "grants", "tokens"}
"""Commands that have commands of their own, before whose options they stand."""


@dataclass
class Operator:
    """Whoever runs wharfinger on one configuration folder: the commands, and `up`."""

    world: World
    folder: Path
    home: Path
    logs: Path
    up: subprocess.Popen[bytes] | None = None
    count: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    """What the ready file of the last `up` said."""

    @classmethod
    def at(cls, world: World, folder: Path) -> Operator:
        home, logs = world.root / f"{folder.name}-home", world.root / f"{folder.name}-logs"
        for made in (home, logs, home / "work"):
            made.mkdir(mode=0o700, exist_ok=True)
        return cls(world, folder, home, logs)

    @property
    def environment(self) -> dict[str, str]:
        bare = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "COLUMNS": "160"}
        return bare | {"PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def typed(self, *arguments: str) -> list[str]:
        """The command line: the command, `--config`, and the rest."""
        command, *rest = arguments
        group = [rest.pop(0)] if command in GROUPS else []
        return [
            sys.executable, "-m", "wharfinger.cli.main", command, *group, "--config", str(self.folder), *rest
        ]  # fmt: skip

    def run(self, *arguments: str, expect: int | None = 0, **variables: str) -> Ran:
        """Run a command to its end."""
        process = subprocess.run(
            self.typed(*arguments), env=self.environment | variables, cwd=self.home / "work",
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        ran = Ran(process.returncode, process.stdout, process.stderr)
        assert expect is None or ran.code == expect, f"{arguments}: exit code {ran.code}\n{ran.said}"
        return ran

    def people(self) -> None:
        """Make the keys of both people."""
        self.run("people", "key", "alice", "--no-passphrase")
        self.run("people", "key", APPROVER, "--no-passphrase", "--as", "alice")

    def begin(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a command; its output goes to files in `logs`."""
        self.count += 1
        name = f"{arguments[0]}-{self.count}"
        with (self.logs / f"{name}.out").open("wb") as out, (self.logs / f"{name}.err").open("wb") as err:
            return subprocess.Popen(
                self.typed(*arguments), env=self.environment | variables, cwd=self.home / "work",
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip

    def start(self) -> dict[str, Any]:
        """`up`, until it is ready: what its ready file says. STRIPE_API_KEY is in its environment."""
        ready = self.logs / "ready.json"
        ready.unlink(missing_ok=True)
        key = {"STRIPE_API_KEY": self.world.keys["STRIPE_API_KEY"]}
        self.up = self.begin("up", "--ready-file", str(ready), **key)
        until("the proxy is ready", lambda: ready.exists() or self.up.poll() is not None)  # type: ignore[union-attr]
        assert ready.exists(), self.logged()
        self.told = json.loads(ready.read_text())
        return self.told

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End `up`: its exit code."""
        if self.up is None:
            return 0
        self.up.send_signal(number)
        try:
            return self.up.wait(PATIENCE)
        finally:
            self.up.kill()
            self.up.wait()
            self.up = None

    def logged(self) -> str:
        """All that `up` and its like have printed."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.logs.glob("*-*.???")))

    def events(self, after: int = -1) -> list[dict[str, Any]]:
        """Events of the book behind the one numbered `after`."""
        if not (self.data / "audit").is_dir():
            return []
        return [dict(record.members) for record in reader.records(self.data / "audit") if record.seq > after]

    def mark(self) -> int:
        """The number of the last event, once every outcome is written, and no denial is being counted."""
        events = until("every intent has its outcome, and every denial is told", self._settled)
        return int(events[-1]["seq"])

    def _settled(self) -> list[dict[str, Any]]:
        events = self.events()
        ids = {
            kind: {event["decision"] for event in events if event["kind"] == kind}
            for kind in ("intent", "outcome")
        }
        denied = [datetime.fromisoformat(event["time"]) for event in events if event["kind"] == "denied"]
        counting = bool(denied) and datetime.now(UTC) - denied[-1] < COUNTED
        return [] if counting or ids["intent"] - ids["outcome"] else events


@dataclass
class Agent:
    """The agent's side: an environment, and processes in it."""

    environment: Mapping[str, str]
    home: Path
    heard: list[str]
    """Everything that any of its processes printed: nothing secret may be in it."""

    @classmethod
    def of(cls, operator: Operator) -> Agent:
        home = operator.world.root / f"{operator.folder.name}-agent"
        home.mkdir(exist_ok=True)
        given = operator.run("env", "--agent", AGENT, "--format", "json").json
        bare = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return cls(bare | given, home, [])

    def begin(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, env={**self.environment, **variables}, cwd=self.home, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def end(self, process: subprocess.Popen[str]) -> Ran:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
        self.heard += [out, err]
        return Ran(process.returncode, out, err)

    def run(self, *command: str, **variables: str) -> Ran:
        return self.end(self.begin(*command, **variables))

    def python(self, script: Sequence[str | Path]) -> Ran:
        return self.run(sys.executable, *map(str, script))


class Watch:
    """What has come to one host, and into the book, since the watch was set."""

    def __init__(self, operator: Operator, host: str) -> None:
        self._operator, self._host = operator, operator.world.hosts[host]
        self._mark = operator.mark()
        self._connected, self._received = len(self._host.connected), len(self._host.requests)

    @property
    def requests(self) -> list[Seen]:
        """Requests that arrived."""
        return self._host.requests[self._received :]

    @property
    def connected(self) -> list[float]:
        """Connections that were made, by the time."""
        return self._host.connected[self._connected :]

    def denied(self) -> int:
        """How many requests were denied, once those that repeat are told as well."""
        self._operator.mark()
        return sum(event.get("count", 1) for event in self.events() if event["kind"] == "denied")

    def kinds(self, *wanted: str) -> list[str]:
        """The kinds of the events written, in order; only those wanted, where any are named."""
        kinds = [str(event["kind"]) for event in self.events()]
        return [kind for kind in kinds if kind in wanted] if wanted else kinds

    def events(self) -> list[dict[str, Any]]:
        """The events written."""
        return self._operator.events(self._mark)
