"""Which rules the tests of a configuration exercise, and how often each held, did not, and decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wharfinger.rules.types import RuleRef

if TYPE_CHECKING:
    from wharfinger.rules.cases import CaseResult
    from wharfinger.rules.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Exercised:
    """One rule, and in how many tests what came of it."""

    rule: RuleRef
    decided: int = 0
    """It was among the rules that determined the decision."""
    held: int = 0
    unmet: int = 0
    errors: int = 0

    @property
    def reached(self) -> bool:
        """Whether it was evaluated at all."""
        return bool(self.held or self.unmet or self.errors)

    @property
    def state(self) -> str:
        """The most that was shown of it."""
        if self.decided:
            return "decided"
        if self.held:
            return "held"
        return "never held" if self.reached else "never reached"


def coverage(configuration: Configuration, results: Iterable[CaseResult]) -> tuple[Exercised, ...]:
    """Every rule of every policy, in order of place."""
    results = [result for result in results if result.decision is not None]
    decided = Counter(rule for result in results if result.decision for rule in result.decision.rules)
    outcomes = Counter(seen for result in results for seen in _outcomes(result))
    return tuple(
        Exercised(
            rule,
            decided[rule],
            outcomes[rule, "holds"],
            outcomes[rule, "does not hold"],
            outcomes[rule, "error"],
        )
        for rule in _rules(configuration)
    )


def percentage(exercised: Iterable[Exercised]) -> float:
    """How many of a hundred rules held in some test; 100 where there are none."""
    held = [bool(each.held) for each in exercised]
    return 100 * sum(held) / len(held) if held else 100.0


def _rules(configuration: Configuration) -> list[RuleRef]:
    found: dict[RuleRef, None] = {}
    for policy in configuration.policies.values():
        for rules in policy.rules.values():
            found.update(dict.fromkeys(rule.ref for rule in rules))
        found.update(dict.fromkeys(searched.patterns.ref for searched in policy.patterns))
    return sorted(found, key=lambda ref: (ref.file, ref.line, ref.column, ref.verdict))


def _outcomes(result: CaseResult) -> Iterator[tuple[RuleRef, str]]:
    """What came of each rule in one test: once, however many calls and tools it was evaluated for."""
    steps = result.decision.trace if result.decision is not None else ()
    yield from dict.fromkeys((step.rule, step.result) for step in steps if step.rule is not None)
