"""The fourth boundary type, `Event`, and what it is made of.

An event holds what is to be recorded as it came; what of it is stored, cut or turned into an HMAC is
decided in one place, `render`. Sequence, time and chain are the book's to give.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from wharfinger.rules.types import JSON, Call, Code, Observed, Request, Verdict


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
