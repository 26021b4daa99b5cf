"""Tools of the user's whose answers pass although they cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.lint.view import View


def undecoded(view: View) -> Iterator[Problem]:
    """Remarks on tools that say `undecodable: pass`."""
    for tool in view.configuration.tools:
        if not tool.builtin and tool.undecoded:
            message = f'answers of "{tool.name}" pass even where no secret can be found in them'
            hint = "leave `undecodable` out, unless its API really answers in a coding of its own"
            yield Problem(tool.position, message, hint, Severity.WARNING, kinds.NOT_DECODED)
