"""Rules and policies that no test shows at work."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Position, Problem, Severity
from wharfinger.rules.lint.view import View, place
from wharfinger.rules.policies.coverage import Exercised

HINT: Final = "add one; all rules: wharfinger test --coverage"


def untested(view: View, exercised: Iterable[Exercised], idle: Collection[Position]) -> Iterator[Problem]:
    """Remarks on policies without tests, and on rules of the others that hold in none.

    Rules at the `idle` places are passed over: they decide nothing, so that no test could show it.
    """
    silent = {
        name
        for name, policy in view.configuration.policies.items()
        if not policy.model.tests and not policy.model.abstract
    }
    for name in sorted(silent):
        at = view.configuration.policies[name].model.at("policy")
        message = f'the policy "{name}" has no tests'
        yield Problem(at, message, "add `tests:`", Severity.WARNING, kinds.NO_TESTS)
    for each in exercised:
        if each.rule.policy in silent or each.held or place(each.rule) in idle:
            continue
        message = f"no test makes a call for which this {each.rule.verdict} rule holds"
        yield Problem(place(each.rule), message, HINT, Severity.WARNING, kinds.UNTESTED)
