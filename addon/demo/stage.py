"""What every scene finds in place: the stand-ins, the operator, and an agent whose keys are dummies."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wharfinger.demo.folder import RealKeys
from wharfinger.demo.processes import Ended, Operator, Running
from wharfinger.demo.show import Show
from wharfinger.demo.standin import StandIn


@dataclass(slots=True)
class Stage:
    """The cast of one run."""

    show: Show
    root: Path
    keys: RealKeys
    stripe: StandIn
    github: StandIn
    operator: Operator
    proxy: Running
    agent: Mapping[str, str]
    """The whole environment of the agent's processes."""
    started: int = 0

    @property
    def audit(self) -> Path:
        """The folder of the audit log."""
        return self.operator.configuration / "data" / "audit"

    def begin(self, *arguments: str) -> Running:
        """Start a process of the agent's."""
        self.started += 1
        return Running(arguments, self.agent, self.operator.logs, f"agent-{self.started}")

    def run(self, *arguments: str) -> Ended:
        """Run a process of the agent's to its end."""
        process = self.begin(*arguments)
        try:
            return process.wait()
        finally:
            process.stop()

    def python(self, code: str) -> Ended:
        """Run Python code as the agent would."""
        return self.run(sys.executable, "-c", code)

    def events(self) -> list[dict[str, object]]:
        """All events of the audit log, oldest first."""
        lines = self.operator.run("audit", "tail", "-n", "1000", "--json").out.splitlines()
        return [json.loads(line) for line in lines]

    def say_received(self, name: str, stand_in: StandIn, *, last: int = 1) -> None:
        """Tell what a stand-in received last."""
        for seen, _ in stand_in.record.exchanges[-last:]:
            body = f"\n{seen.body.decode('utf-8', 'replace')}" if seen.body else ""
            text = f"{seen.method} {seen.target}\nAuthorization: {seen.header('Authorization')}{body}"
            self.show.output(f"{name} received", text)
