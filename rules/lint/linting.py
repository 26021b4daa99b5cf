"""Everything that `check` remarks on in a configuration that can be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Position, Problem, in_order
from wharfinger.rules.lint import (
    bounds,
    contradictions,
    crossing,
    decoding,
    exercise,
    guarding,
    methods,
    shadowing,
    siblings,
    unused,
)
from wharfinger.rules.lint.view import View
from wharfinger.rules.policies.coverage import coverage

if TYPE_CHECKING:
    from wharfinger.rules.cases import CaseResult
    from wharfinger.rules.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Remarks:
    """What was found."""

    problems: tuple[Problem, ...]
    """Warnings, in order of place."""
    unnamed: Mapping[str, int]
    """Built-in tools that no rule is about, by file: that is usual, and worth a number only."""


def remarks(
    configuration: Configuration, results: Iterable[CaseResult], approved: frozenset[str] = frozenset()
) -> Remarks:
    """Look through a configuration.

    `results` are those of its policies' tests, `approved` the digests of proposed tools that a person has
    approved.
    """
    view = View(configuration)
    idle = [*shadowing.shadowed(view), *contradictions.impossible(view)]
    found = [
        *idle,
        *siblings.wide(view),
        *guarding.unguarded(view),
        *unused.tools(view),
        *unused.proposed(view, approved),
        *unused.policies(view),
        *unused.credentials(view),
        *bounds.names(view),
        *methods.misspelled(view),
        *methods.unsent(view),
        *crossing.templates(view),
        *decoding.undecoded(view),
        *exercise.untested(view, coverage(configuration, results), _places(idle)),
    ]
    return Remarks(in_order(found), unused.built_in(view))


def _places(idle: Iterable[Problem]) -> frozenset[Position]:
    """Where rules stand that decide nothing."""
    return frozenset(each.position for each in idle if each.code in {kinds.NEVER, kinds.IMPOSSIBLE})
