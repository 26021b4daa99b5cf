"""Everything that `check` remarks on in a configuration that can be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wharfinger.rules.coverage import coverage
from wharfinger.rules.lint import (
    bounds,
    contradictions,
    crossing,
    exercise,
    guarding,
    shadowing,
    siblings,
    unused,
)
from wharfinger.rules.lint.view import View
from wharfinger.rules.problems import Problem, in_order

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


def remarks(configuration: Configuration, results: Iterable[CaseResult]) -> Remarks:
    """Look through a configuration; `results` are those of its policies' tests."""
    view = View(configuration)
    found = [
        *shadowing.shadowed(view),
        *contradictions.impossible(view),
        *siblings.wide(view),
        *guarding.unguarded(view),
        *unused.tools(view),
        *unused.policies(view),
        *unused.credentials(view),
        *bounds.names(view),
        *crossing.templates(view),
        *exercise.untested(view, coverage(configuration, results)),
    ]
    return Remarks(in_order(found), unused.built_in(view))
