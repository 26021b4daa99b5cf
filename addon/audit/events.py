"""One constructor for each kind of event."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from wharfinger.audit.event import Event, EventKind, Outcome, Sent, Target, Who
from wharfinger.rules.types import JSON, Code, Decision, Request, Verdict

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)


def decision_id() -> str:
    """A new id for one request's decision and everything that follows from it."""
    return f"d_{secrets.token_hex(10)}"


def trace_of(request: Request) -> tuple[str, str]:
    """Trace id and parent id of a request; empty where it has none, or not exactly one that is valid."""
    given = request.values("traceparent")
    found = _TRACEPARENT.fullmatch(given[0]) if len(given) == 1 else None
    if found is None or found[1] == "0" * 32 or found[2] == "0" * 16:
        return "", ""
    return found[1], found[2]


def _decided(
    kind: EventKind,
    decision_id: str,
    who: Who,
    request: Request,
    decision: Decision,
    *,
    approval: str,
    approvers: tuple[str, ...] = (),
) -> Event:
    trace, parent = trace_of(request)
    return Event(
        kind,
        decision=decision_id,
        who=who,
        target=Target.of(request),
        calls=decision.calls,
        verdict=decision.verdict,
        code=decision.code,
        reason=decision.reason,
        rules=tuple(str(rule) for rule in decision.rules),
        observed=decision.observed,
        review=decision.review,
        policy_digest=decision.policy_digest,
        request_digest=decision.digest,
        credentials=tuple(placement.credential for placement in decision.placements),
        dropped=decision.dropped,
        trace=trace,
        trace_parent=parent,
        approval=approval,
        approvers=approvers or tuple(name for use in decision.grants for name in use.given_by),
        grants=tuple(use.grant for use in decision.grants),
    )


def intent(
    decision_id: str,
    who: Who,
    request: Request,
    decision: Decision,
    *,
    approval: str = "",
    approvers: tuple[str, ...] = (),
) -> Event:
    """The request is about to be sent, under `approval` by `approvers` if it was an `ask`."""
    return _decided(
        EventKind.INTENT, decision_id, who, request, decision, approval=approval, approvers=approvers
    )


def refused(decision_id: str, who: Who, request: Request, decision: Decision, *, approval: str = "") -> Event:
    """The request was decided and is refused."""
    return _decided(EventKind.DENIED, decision_id, who, request, decision, approval=approval)


def rejected(
    decision_id: str,
    who: Who | None,
    code: Code,
    reason: str,
    *,
    target: Target | None = None,
    policy_digest: str = "",
    detail: Mapping[str, JSON] | None = None,
) -> Event:
    """The request is refused before, or after, policy could speak: malformed, not identified, no means."""
    return Event(
        EventKind.DENIED,
        decision=decision_id,
        who=who,
        target=target,
        verdict=Verdict.DENY,
        code=code,
        reason=reason,
        policy_digest=policy_digest,
        detail=detail or {},
    )


def held(decision_id: str, who: Who, request: Request, decision: Decision, *, approval: str) -> Event:
    """The request waits for an answer to `approval`."""
    return _decided(EventKind.HELD, decision_id, who, request, decision, approval=approval)


def approval(
    approval_id: str,
    state: str,
    *,
    who: Who | None = None,
    person: str = "",
    reason: str = "",
    decision_id: str = "",
    request_digest: str = "",
    detail: Mapping[str, JSON] | None = None,
) -> Event:
    """An approval came to `state`, by `person` where it was one."""
    return Event(
        EventKind.APPROVAL,
        decision=decision_id,
        who=who,
        approval=approval_id,
        state=state,
        person=person,
        reason=reason,
        request_digest=request_digest,
        detail=detail or {},
    )


def grant(
    grant_id: str,
    state: str,
    *,
    who: Who,
    person: str = "",
    reason: str = "",
    approvers: tuple[str, ...] = (),
    detail: Mapping[str, JSON] | None = None,
) -> Event:
    """A grant came to `state`, by `person` where it was one; `approvers` have agreed to it so far."""
    return Event(
        EventKind.GRANT,
        who=who,
        grants=(grant_id,),
        state=state,
        person=person,
        reason=reason,
        approvers=approvers,
        detail=detail or {},
    )


def outcome(
    decision_id: str, who: Who | None, outcome: Outcome, sent: Sent | None = None, *, reason: str = ""
) -> Event:
    """What became of the intent with this decision id."""
    return Event(EventKind.OUTCOME, decision=decision_id, who=who, outcome=outcome, sent=sent, reason=reason)


def control(
    action: str,
    person: str,
    *,
    who: Who | None = None,
    reason: str = "",
    policy_digest: str = "",
    detail: Mapping[str, JSON] | None = None,
) -> Event:
    """`person` did `action` (`reload`, `agents.suspend`, …), on the agent `who` where there is one."""
    return Event(
        EventKind.CONTROL,
        who=who,
        person=person,
        action=action,
        reason=reason,
        policy_digest=policy_digest,
        detail=detail or {},
    )


def notice(
    action: str, reason: str, *, who: Who | None = None, detail: Mapping[str, JSON] | None = None
) -> Event:
    """Something a person should look at (`approvals.flood`, …), about the agent `who` where there is one."""
    return Event(EventKind.NOTICE, who=who, action=action, reason=reason, detail=detail or {})


def started(policy_digest: str, *, detail: Mapping[str, JSON] | None = None) -> Event:
    """A runtime begins to serve, under this policy; `detail` holds version, addresses and the like."""
    return Event(EventKind.STARTED, policy_digest=policy_digest, detail=detail or {})


def stopped(reason: str) -> Event:
    """A runtime ends in good order."""
    return Event(EventKind.STOPPED, reason=reason)
