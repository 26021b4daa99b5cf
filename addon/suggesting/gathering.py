"""Recorded calls, put together by what a rule of their own would be about: a tool, or a host without one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wharfinger.replaying.recorded import Recorded, RecordedCall
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.inputs import Input
from wharfinger.rules.requests.spelling import DEFAULT_PORTS
from wharfinger.rules.types import UNMATCHED
from wharfinger.rules.weight import cut_off
from wharfinger.suggesting.narrowing import Bound, bound


@dataclass(slots=True)
class Group:
    """The calls that one rule is to allow."""

    tool: str
    host: str
    """Of `unmatched`; empty for a tool."""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    calls: int = 0
    distinct: dict[str, tuple[Recorded, RecordedCall]] = field(default_factory=dict)
    """One of each, by its inputs."""
    seen: dict[str, list[Any]] = field(default_factory=dict)
    """The values of each input."""
    lost: dict[str, str] = field(default_factory=dict)
    """Inputs whose values are not all known, and why."""
    given: dict[str, int] = field(default_factory=dict)

    def add(self, held: Recorded, call: RecordedCall, values: Mapping[str, Any]) -> None:
        """Take in one call."""
        self.calls += 1
        for name in call.hidden:
            self.lost[name] = "recorded as a keyed digest"
        for name in call.cut:
            for each in self.inputs if name == "*" else (name,):
                self.lost[each] = "cut short"
        for name in {*values, *call.hidden, *(call.cut - {"*"})}:
            self.given[name] = self.given.get(name, 0) + 1
        for name, value in values.items():
            self.seen.setdefault(name, []).append(value)
        spelled = json.dumps([values, held.method, held.host, held.agent], sort_keys=True)
        self.distinct.setdefault(spelled, (held, call))

    def bounds(self) -> dict[str, Bound | None]:
        """What is to be said of each input; None of one that was never given."""
        found: dict[str, Bound | None] = {}
        for name in self.inputs:
            if name in self.lost:
                found[name] = Bound(open=self.lost[name])
            else:
                found[name] = bound(self.seen[name]) if name in self.seen else None
        return found

    def always(self, name: str) -> bool:
        """Whether every call gave the input."""
        return self.given.get(name, 0) == self.calls


@dataclass(slots=True)
class Gathered:
    """All of it."""

    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    """Why calls were left out, and how many."""
    whole: list[Recorded] = field(default_factory=list)
    """Requests of which no call was left out."""

    def leave(self, why: str) -> None:
        """Leave one call out."""
        self.left_out[why] = self.left_out.get(why, 0) + 1


def gather(configuration: Configuration, requests: Iterable[Recorded]) -> Gathered:
    """Put the calls of these requests together."""
    found = Gathered()
    for held in requests:
        if all([_gather(configuration, held, call, found) for call in held.calls]):  # noqa: C419 - of each
            found.whole.append(held)
    return found


def _gather(configuration: Configuration, held: Recorded, call: RecordedCall, found: Gathered) -> bool:
    """Take in one call, or leave it out."""
    if call.tool == UNMATCHED:
        why = _unopenable(configuration, held)
        if why:
            found.leave(why)
            return False
        inputs = {name: Input(name) for name in ("method", "path")}
        group = found.groups.setdefault((UNMATCHED, held.host), Group(UNMATCHED, held.host, inputs))
        group.add(held, call, {"method": held.method, "path": held.path})
        return True
    tool = configuration.tools.get(call.tool)
    if tool is None:
        found.leave(f"there is no tool {call.tool} any more")
        return False
    if cut_off(call.inputs):
        found.leave("a text of theirs holds a NUL character, which conditions refuse")
        return False
    group = found.groups.setdefault((call.tool, ""), Group(call.tool, "", tool.inputs))
    group.add(held, call, {name: value for name, value in call.inputs.items() if name in tool.inputs})
    return True


def _unopenable(configuration: Configuration, held: Recorded) -> str:
    """Why no rule can open `unmatched` for a request, if so."""
    if held.path is None:
        return "its path is not recorded whole"
    if held.port != DEFAULT_PORTS.get(held.scheme):
        return "no tool fits, and its port is not that of its scheme"
    if any(credential.goes_to(held.host) for credential in configuration.credentials.values()):
        return "no tool fits, and its host has a credential bound: it needs a tool"
    return ""
