"""The suggested policy, as YAML that a person reads: a rule for each group, and tests made of real calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from wharfinger.replaying.recorded import Recorded, RecordedCall
from wharfinger.rules.types import UNMATCHED
from wharfinger.suggesting.gathering import Gathered, Group
from wharfinger.suggesting.narrowing import Bound, quoted

_WIDTH: Final = 100
_LONG_TEST: Final = 2_000
"""Bytes of inputs that a test repeats."""
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_METHODS: Final = ("DELETE", "POST", "GET", "PUT")


@dataclass(frozen=True, slots=True)
class Test:
    """One test of the policy; `group` is the number of the rule that it is about."""

    group: int
    text: str
    allows: bool


def flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key(name)}: {flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return quoted(value)


def key(name: str) -> str:
    """A name as a key: quoted where it could be read as something else."""
    plain = name.isidentifier() and name.isascii() and name.lower() not in _WORDS
    return name if plain else quoted(name)


def policy(name: str, agent: str, gathered: Gathered, tests: list[Test], about: str) -> str:
    """The whole file."""
    lines = [
        f"# Suggested from {about}.",
        "# It allows what was seen, and as little else as can be said. Look at each rule before it is used.",
        *(f"# Left out: {count} calls: {why}." for why, count in sorted(gathered.left_out.items())),
        f"policy: {name}",
        f"description: {quoted(f'What {agent} did')}",
        "allow:",
    ]
    for group in gathered.groups.values():
        lines += rule(group)
    if tests:
        lines.append("tests:")
        lines += [f"  - {test.text}" for test in tests]
    return "\n".join(lines) + "\n"


def rule(group: Group) -> Iterator[str]:
    """The lines of one rule."""
    bounds = group.bounds()
    yield f"  # {group.calls} {'call' if group.calls == 1 else 'calls'}"
    if group.host and group.calls == 1:
        yield f"  # seen once: host {group.host}"
    for name, each in bounds.items():
        if each is not None and each.open:
            yield f"  # left open: {name} ({each.open})"
        elif each is not None and each.once:
            yield f"  # seen once: {name} {', '.join(quoted(value) for value in each.once)}"
    yield f"  - tool: {group.tool}"
    if group.host:
        yield f"    hosts: [{quoted(group.host)}]"
    said = {name: each for name, each in bounds.items() if each is not None and not each.open}
    told: dict[str, Bound | None] = dict(said)
    told |= {name: None for name, each in bounds.items() if each is None}
    if len(said) == len(told) and all(group.always(name) for name in said):
        yield from _mapping(said)
    else:
        yield from _expression(group, told)


def _mapping(told: Mapping[str, Bound]) -> Iterator[str]:
    if told:
        yield "    when:"
        for name, each in told.items():
            yield f"      {key(name)}: {flow(each.mapping)}"


def _expression(group: Group, told: Mapping[str, Bound | None]) -> Iterator[str]:
    """An expression, where an input is not always given: a mapping would fail there."""
    yield "    when: >-"
    for number, (name, each) in enumerate(told.items()):
        joined = "" if number == 0 else "&& "
        if each is None:
            yield f'      {joined}!given("{name}")'
        elif group.always(name):
            yield f"      {joined}{each.cel(name)}"
        else:
            yield f'      {joined}(!given("{name}") || {each.cel(name)})'


def allowed(number: int, group: Group, agent: str) -> Iterator[Test]:
    """Tests that real calls of a group pass, the shortest first."""
    written = sorted(_written(group, agent), key=len)
    yield from (Test(number, f"{{{text}, expect: allow}}", True) for text in written)


def denied(number: int, group: Group, agent: str) -> Iterator[Test]:
    """Tests of calls that are like real ones and differ in what the rule says; the likeliest first."""
    if group.tool == UNMATCHED:
        methods = {held.method for held, _ in group.distinct.values()}
        for held, call in group.distinct.values():
            other = (
                next(method for method in _METHODS if method not in methods) if len(methods) < 4 else "PATCH"
            )
            yield Test(number, f"{{{_one(replace(held, method=other), call, agent)}, expect: deny}}", False)
            return
    bounds = {name: each for name, each in group.bounds().items() if each is not None and not each.open}
    whole = [pair for pair in group.distinct.values() if not pair[1].lost]
    for held, call in sorted(whole, key=lambda pair: len(flow(pair[1].inputs)))[:1]:
        for name, each in bounds.items():
            for value in each.outside():
                changed = replace(call, inputs={**call.inputs, name: value})
                yield Test(number, f"{{{_one(held, changed, agent)}, expect: deny}}", False)


def _written(group: Group, agent: str) -> Iterator[str]:
    for held, call in group.distinct.values():
        if not call.lost and len(text := _one(held, call, agent)) <= _LONG_TEST:
            yield text


def _one(held: Recorded, call: RecordedCall, agent: str) -> str:
    if call.tool == UNMATCHED:
        url = f"{held.method} {held.scheme}://{held.host}{held.path}"
        return f"agent: {key(agent)}, request: {quoted(url)}"
    return f"agent: {key(agent)}, call: {call.tool}, input: {flow(call.inputs)}"
