"""Allows that are wider than the deny beside them: one of a kind is kept in, and the others go out."""

from __future__ import annotations

from collections.abc import Iterator

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.lint.view import Standing, View
from wharfinger.rules.types import Effect, Verdict

SHOWN = 3
"""How many names a message lists."""


def wide(view: View) -> Iterator[Problem]:
    """Remarks on globs that allow destructive tools, where one of them is denied."""
    tools = view.configuration.tools
    destructive = {tool.name for tool in tools if tool.effect is Effect.DESTRUCTIVE}
    for standing in view:
        if not standing.own or standing.verdict is not Verdict.ALLOW or len(standing.names) < 2:
            continue
        among = [name for name in standing.names if name in destructive]
        denied = [name for name in among if _denied(view, standing, name) is not None]
        left = [name for name in among if not _restrained(view, standing, name)]
        if denied and left:
            yield _remark(view, standing, denied[0], left)


def _denied(view: View, standing: Standing, name: str) -> Standing | None:
    """A deny that is about few tools, this one among them."""
    for other in view.beside(standing, name):
        if other.verdict is Verdict.DENY and len(other.names) < len(standing.names):
            return other
    return None


def _restrained(view: View, standing: Standing, name: str) -> bool:
    """Whether a stricter rule is about the tool: for whatever it does, or about fewer tools than the glob."""
    return any(
        other.verdict is not Verdict.ALLOW
        and (other.rule.condition is None or len(other.names) < len(standing.names))
        for other in view.beside(standing, name)
    )


def _remark(view: View, standing: Standing, denied: str, left: list[str]) -> Problem:
    by = _denied(view, standing, denied)
    shown = ", ".join(left[:SHOWN]) + (f" and {len(left) - SHOWN} more" if len(left) > SHOWN else "")
    message = (
        f'the rule is wider than the denial of "{denied}" at {by.at if by else standing.at}: '
        f"it also lets out {shown}, which destroy"
    )
    hint = "deny those as well, or name the tools that are meant"
    return Problem(standing.at, message, hint, Severity.WARNING, kinds.WIDE)
