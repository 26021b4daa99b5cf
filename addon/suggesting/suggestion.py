"""Make a suggestion of recorded requests: gather, write, choose tests that hold, and prove the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from wharfinger.faults import Fault
from wharfinger.replaying.recorded import Recorded
from wharfinger.rules.configuration import Configuration
from wharfinger.suggesting import proving, writing
from wharfinger.suggesting.gathering import Gathered, gather
from wharfinger.suggesting.writing import Test

_TRIED = 12
"""Tests that are tried for each rule."""


class NothingToSuggest(Fault):
    """There are no calls that a rule could be made of."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A policy, proven."""

    name: str
    text: str
    calls: int
    proven: int
    """How many different requests were decided again, and allowed."""


def suggest(configuration: Configuration, agent: str, requests: Sequence[Recorded]) -> Suggestion:
    """The narrowest policy that would have allowed these requests of one agent.

    Raises `NothingToSuggest`, and `NotProven` where what was made is not as it should be.
    """
    gathered = gather(configuration, requests)
    if not gathered.groups:
        why = "; ".join(gathered.left_out) or "none were recorded"
        raise NothingToSuggest(f'there are no calls of "{agent}" to make a policy of: {why}', "")
    name = f"suggested_{agent}"[:64]
    first, last = (f"{each:%Y-%m-%d}" for each in (min(_times(requests)), max(_times(requests))))
    about = f"{len(requests)} requests of {agent}, from {first} to {last}"
    tests = _tests(configuration, agent, name, gathered)
    text = writing.policy(name, agent, gathered, tests, about)
    alone = proving.under(configuration, agent, name, text)
    if wrong := proving.failed(alone):
        raise proving.NotProven(f"a test of the suggested policy fails: {wrong[0]}", "please report this")
    return Suggestion(name, text, len(requests), proving.prove(alone, _different(gathered)))


def _times(requests: Iterable[Recorded]) -> list[datetime]:
    return [held.time for held in requests]


def _different(gathered: Gathered) -> list[Recorded]:
    """Requests that differ, and of which rules were made for every call."""
    whole = {each.decision for each in gathered.whole}
    held = {each.decision: each for group in gathered.groups.values() for each, _ in group.distinct.values()}
    return [each for each in held.values() if each.decision in whole]


def _tests(configuration: Configuration, agent: str, name: str, gathered: Gathered) -> list[Test]:
    """For each rule a call that it allows and one that it does not, of those that prove to be so."""
    tried: list[Test] = []
    for number, group in enumerate(gathered.groups.values()):
        tried += list(writing.allowed(number, group, agent))[:_TRIED]
        tried += list(writing.denied(number, group, agent))[:_TRIED]
    text = writing.policy(name, agent, gathered, tried, "calls")
    alone = proving.under(configuration, agent, name, text)
    first = text.count("\n") - len(tried) + 1
    wrong = {result.position.line - first for result in proving.failed(alone)}
    kept: dict[tuple[int, bool], Test] = {}
    for index, test in enumerate(tried):
        if index not in wrong:
            kept.setdefault((test.group, test.allows), test)
    return list(kept.values())
