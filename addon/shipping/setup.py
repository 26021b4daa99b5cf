"""What the process is told at its start, on its standard input, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sink:
    """A place for events."""

    to: str
    format: str
    token: str | None = None
    """A file."""
    ca: str | None = None
    """A file."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A place for traces."""

    to: str
    token: str | None = None
    """A file."""
    ca: str | None = None
    """A file."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Where from, and where to."""

    audit: Path
    """The folder of the book."""
    state: Path
    """A folder of its own, for how far each place has got."""
    checkpoints: tuple[str, ...] = ()
    sinks: tuple[Sink, ...] = ()
    traces: Collector | None = None

    @property
    def places(self) -> int:
        """How many places there are."""
        return len(self.checkpoints) + len(self.sinks) + (self.traces is not None)

    def line(self) -> bytes:
        """As JSON, with its newline."""
        return json.dumps(asdict(self), default=str).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Setup:
        """From JSON."""
        told = json.loads(line)
        return cls(
            Path(told["audit"]),
            Path(told["state"]),
            tuple(told["checkpoints"]),
            tuple(Sink(**sink) for sink in told["sinks"]),
            None if told["traces"] is None else Collector(**told["traces"]),
        )
