"""Inputs whose names read like the short form of a bound: `max_amount`."""

from __future__ import annotations

from collections.abc import Iterator

from wharfinger.rules.conditions.when import SHORT
from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.lint.view import View


def names(view: View) -> Iterator[Problem]:
    """Remarks on inputs of the user's own tools that begin with `max_` or `min_`."""
    for tool in view.configuration.tools:
        if tool.builtin:
            continue
        for name in tool.inputs:
            if name.startswith(tuple(SHORT)):
                message = f'the input "{name}" of "{tool.name}" is named like a bound'
                hint = f"a condition `{name}: …` is about this input; rename it if a bound could be meant"
                yield Problem(tool.position, message, hint, Severity.WARNING, kinds.BOUND_NAME)
