"""What the agent is told of a decision that is not an allow, in words that its program shows."""

from __future__ import annotations

from wharfinger.deciding.answers import Answer
from wharfinger.deciding.spoken import spoken
from wharfinger.rules.protocols import git
from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.types import Decision, Request


def refusal(
    decision_id: str,
    decision: Decision,
    request: Request,
    *,
    approval: str | None = None,
    retry_after: int | None = None,
) -> Answer:
    """The refusal of `request`; with the approval that is waited for, if one is."""
    call = decision.calls[0] if decision.calls else None
    program = request.values("user-agent")
    return Answer(
        decision.code,
        decision.reason,
        decision.help,
        decision_id,
        tool=call.tool if call else None,
        rule=str(decision.rules[0]) if decision.rules else None,
        approval=approval,
        retry_after=retry_after,
        spoken=spoken(decision.protocol, request),
        pushed=git.pushed(request) if decision.protocol == Protocol.GIT else None,
        plain=any(value.startswith("git/") for value in program),
        flat=any(value.startswith("npm/") for value in program),
    )
