"""Rules whose conditions no call can meet."""

from __future__ import annotations

from collections.abc import Iterator

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.lint.view import View


def impossible(view: View) -> Iterator[Problem]:
    """Remarks on rules that can hold for none of the tools they are about."""
    for standing in view:
        if not standing.own or standing.rule.condition is None:
            continue
        if not any(standing.facts.possible(view.inputs(name)) for name in standing.names):
            message = "the conditions of the rule cannot hold together for any call, so it never decides"
            hint = "compare its bounds and values with one another, and with what the tool takes"
            yield Problem(standing.at, message, hint, Severity.WARNING, kinds.IMPOSSIBLE)
