"""What one recording is: a call as a user writes it, and the tools its requests are expected to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recorder import Answer, Recorded


@dataclass(frozen=True, slots=True)
class Expected:
    """The tool that one request should be recognised as, with some of its inputs."""

    tool: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A call, evaluated in its suite's namespace, and the requests it makes in order."""

    call: str
    expected: tuple[Expected, ...]
    answer: Answer | Callable[[Recorded], Answer] | None = None


def case(
    call: str,
    tool: str,
    inputs: Mapping[str, Any] | None = None,
    *more: Expected,
    answer: Answer | Callable[[Recorded], Answer] | None = None,
) -> Case:
    """A case whose first (usually only) request is `tool` with at least `inputs`."""
    return Case(call, (Expected(tool, inputs or {}), *more), answer)


@dataclass(frozen=True, slots=True)
class Suite:
    """All cases of one client library, the hosts it talks to, and how its namespace is made."""

    name: str
    """File stem: the corpus is `NAME.jsonl`."""
    client: str
    """The library or program, as recorded."""
    version: Callable[[], str]
    hosts: tuple[str, ...]
    namespace: Callable[[], Mapping[str, Any]]
    """Called with the environment set; imports the library."""
    cases: tuple[Case, ...]
    reply: Callable[[Recorded], Answer]
