"""Methods that no request has: misspelled in a tool, or asked for by a rule about what matches none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Position, Problem, Severity, did_you_mean
from wharfinger.rules.lint.view import View
from wharfinger.rules.requests.spelling import METHODS
from wharfinger.rules.types import UNMATCHED

_REGISTERED: Final = METHODS | {
    "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE",
    "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PRI",
    "PROPFIND", "PROPPATCH", "QUERY", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNCHECKOUT", "UNLINK",
    "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
}  # fmt: skip
"""IANA's registry of HTTP methods, but for those that never pass."""


def misspelled(view: View) -> Iterator[Problem]:
    """Remarks on methods of the user's own tools that are nearly a usual one, and registered nowhere."""
    for tool in view.configuration.tools:
        for method in () if tool.builtin else tool.methods:
            if method not in _REGISTERED and (near := did_you_mean(method, METHODS)):
                yield _remark(tool.position, f'"{tool.name}" has the method "{method}"', near)


def unsent(view: View) -> Iterator[Problem]:
    """Remarks on rules about `unmatched` that ask for a method with which nothing passes."""
    known = METHODS.union(*(tool.methods for tool in view.configuration.tools))
    for standing in view:
        said = standing.facts.known.get(("input", "method")) if UNMATCHED in standing.names else None
        for method in (said.values or ()) if said is not None and standing.own else ():
            if isinstance(method, str) and method not in known:
                hint = did_you_mean(method.upper(), METHODS) or "a tool has to declare any that is not usual"
                yield _remark(standing.at, f'no request has the method "{method}"', hint)


def _remark(at: Position, message: str, hint: str) -> Problem:
    return Problem(at, message, hint, Severity.WARNING, kinds.NO_METHOD)
