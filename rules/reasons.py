"""Why an agent makes a call, in its own words: where that is said, and which of several is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wharfinger.rules.recognition.recognised import Recognised
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import Call, Facts, Origin

LIMIT: Final = 1_000
"""Characters of a reason that are kept."""


def given(read: Recognised, facts: Facts) -> Recognised:
    """The reason of each call, first found: header, argument of `call`, the tool's input, the run's."""
    run = facts.reason
    if run is None and read.reason is None and all(call.reason is None for call in read.calls):
        return read
    argument = run if facts.origin is not Origin.PROXY else None
    found = [_first(read.reason, argument, call, run) for call in read.calls]
    return read.with_calls(
        call if reason == call.reason else replace(call, reason=reason)
        for call, reason in zip(read.calls, found, strict=True)
    )


def how(tool: Tool | None) -> str:
    """How an agent that has given none, and must, can do so."""
    named = f', or in the input "{tool.reason}"' if tool is not None and tool.reason else ""
    return f'Give the reason in the header "Wharfinger-Reason"{named}.'


def _first(header: str | None, argument: str | None, call: Call, run: str | None) -> str | None:
    """The first that says anything. The header is in `call.reason`, too, if it was given."""
    own = None if header is not None else call.reason
    for text in (header, argument, own, run):
        if text is not None and text.strip():
            return text.strip()[:LIMIT]
    return None
