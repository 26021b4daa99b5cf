"""The fourth boundary type, `Event`, and one constructor for each kind of it.

An event holds what is to be recorded as it came; what of it is stored, cut or turned into an HMAC is
decided in one place, `render`. Sequence, time and chain are the book's to give.
"""

from __future__ import annotations

import enum
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from wharfinger.rules.types import JSON, Call, Code, Decision, Observed, Request, Verdict

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)


class EventKind(enum.StrEnum):
    """What an event tells of."""

    SEGMENT = "segment"
    """First line of every file: which log, which part of it, and where it continues from."""
    STARTED = "started"
    STOPPED = "stopped"
    RECOVERED = "recovered"
    """What opening the book found after a crash, and did about it."""
    INTENT = "intent"
    """A request is about to be sent: durable before its first byte goes upstream."""
    DENIED = "denied"
    HELD = "held"
    """A request waits for a person."""
    APPROVAL = "approval"
    """An approval changed its state."""
    OUTCOME = "outcome"
    """What became of an intent."""
    CONTROL = "control"
    """A person did something to the runtime."""
    GRANT = "grant"
    """A grant was proposed, agreed to, given, or has ended."""
    NOTICE = "notice"
    """Something that a person should look at, though nothing was refused or done by it."""


class Outcome(enum.StrEnum):
    """How an intent ended."""

    COMPLETED = "completed"
    CLIENT_GONE = "client_gone"
    UPSTREAM_FAILED = "upstream_failed"
    NOT_SENT = "not_sent"
    """No byte of the request went upstream."""
    TIMED_OUT = "timed_out"
    """It took longer than its tool or rule allows, and was cut off."""
    WITHHELD = "withheld"
    """The upstream answered, and the agent was not given the answer."""
    UNKNOWN = "unknown"
    """The process ended before the outcome was written; found at the next start."""


@dataclass(frozen=True, slots=True)
class Who:
    """The agent an event is about, and how sure we are of that."""

    agent: str
    agent_id: str = ""
    run: str = ""
    identified_by: str = ""
    """`token`, `run token`, `socket`, …"""
    confinement: str = "none"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request would go. Of the query only the names: values are inputs, or nobody's business."""

    method: str
    scheme: str
    host: str
    port: int
    path: str = ""
    query: tuple[str, ...] = ()
    size: int | None = None
    """Bytes of the body; None where it is streamed."""

    @classmethod
    def of(cls, request: Request) -> Target:
        """What is recorded of `request`."""
        path, _, query = request.target.partition("?")
        return cls(
            method=request.method,
            scheme=request.scheme,
            host=request.host,
            port=request.port,
            path=path,
            query=_names(query) if query else (),
            size=None if request.body is None else len(request.body),
        )


def _names(query: str) -> tuple[str, ...]:
    """Names of the parameters in a raw query; a part without `=` may be a value, so it has no name."""
    parts = query.split("&", 256)[:256]
    return tuple(unquote_plus(part.partition("=")[0]) if "=" in part else "" for part in parts)


@dataclass(frozen=True, slots=True)
class Sent:
    """Measurements of a request that went (or was to go) upstream."""

    status: int | None = None
    address: str = ""
    """The address that was dialled, as `192.0.2.1:443`."""
    request_bytes: int | None = None
    response_bytes: int | None = None
    request_messages: int | None = None
    """On a WebSocket: messages that the agent sent, and that reached the upstream."""
    response_messages: int | None = None
    """Messages that the upstream sent."""
    response_digest: str = ""
    findings: Mapping[str, int] = field(default_factory=dict)
    """Name of a finding → how often redaction met it in the response."""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    reused: bool | None = None
    """Whether the upstream connection had carried a request before."""


@dataclass(frozen=True, slots=True)
class Event:
    """One audit record before it has a place in the book. Empty fields are not stored."""

    kind: EventKind
    decision: str = ""
    """The id `d_…` that ties all events of one request together."""
    who: Who | None = None
    target: Target | None = None
    calls: tuple[Call, ...] = ()
    verdict: Verdict | None = None
    code: Code | None = None
    reason: str = ""
    rules: tuple[str, ...] = ()
    observed: Observed | None = None
    """What policies that observe would have made of it."""
    review: bool = False
    """Whether a person is to look at the outcome."""
    policy_digest: str = ""
    request_digest: str = ""
    approval: str = ""
    approvers: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    """Ids of the grants it goes out by, or of the one the event is about."""
    state: str = ""
    """The state an approval or a grant came to."""
    credentials: tuple[str, ...] = ()
    """Names of the credentials put in; never a value."""
    dropped: tuple[str, ...] = ()
    outcome: Outcome | None = None
    sent: Sent | None = None
    person: str = ""
    action: str = ""
    detail: Mapping[str, JSON] = field(default_factory=dict)
    """Further facts of our own making: nothing an agent sent."""
    trace: str = ""
    """The trace id of the request's `traceparent` (W3C Trace Context), where it has a valid one."""
    trace_parent: str = ""
    """The id of the span that it was sent in, by the same field."""
    count: int = 0
    """How many denials alike this one stands for; 0 where it stands for itself."""
    decisions: tuple[str, ...] = ()
    """The first of their decision ids."""


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
