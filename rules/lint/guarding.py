"""Rules that fail on a call which leaves out an optional input, and so deny what another rule allows."""

from __future__ import annotations

from collections.abc import Iterator

from wharfinger.rules.conditions.when import Listed
from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.lint.view import Standing, View
from wharfinger.rules.types import Verdict


def unguarded(view: View) -> Iterator[Problem]:
    """Remarks on mappings that read an optional input, beside a rule that would do without it."""
    for standing in view:
        condition = standing.rule.condition
        if not standing.own or not isinstance(condition, Listed):
            continue
        for name in sorted(condition.reads.inputs):
            found = _opened(view, standing, name)
            if found is not None:
                tool, other = found
                message = (
                    f'the rule fails where "{name}" is left out, and an error denies: '
                    f"so the rule at {other.at} cannot let out such a call of {tool}"
                )
                hint = f'write it in CEL, and ask first: given("{name}") && …'
                yield Problem(standing.at, message, hint, Severity.WARNING, kinds.UNGUARDED)
                break


def _opened(view: View, standing: Standing, name: str) -> tuple[str, Standing] | None:
    """A tool whose calls may be without the input, and a rule about them that does not read it."""
    for tool in standing.names:
        spec = view.inputs(tool).get(name)
        if spec is None or spec.required:
            continue
        for other in view.beside(standing, tool):
            if other.verdict is Verdict.DENY or not _does_without(other, name):
                continue
            return tool, other
    return None


def _does_without(other: Standing, name: str) -> bool:
    """Whether a rule may hold for a call that is without the input."""
    condition = other.rule.condition
    if condition is None:
        return True
    reads = condition.reads
    if isinstance(condition, Listed):
        return name not in reads.inputs
    known = other.facts.known.get(("input", name))
    return not reads.whole and (name not in reads.inputs or (known is not None and known.absent))
