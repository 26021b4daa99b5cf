"""What the JSON API offers, in one table: a new call is a row more."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from wharfinger.control.office import worked_out
from wharfinger.control.office.pages.audit import KINDS, VERDICTS
from wharfinger.control.office.tail import Search
from wharfinger.control.office.visit import Office, whoever
from wharfinger.rules.types import JSON

_LIMIT = 200
_STATES = ("pending", "approved", "denied", "expired", "cancelled", "used")


class Place(enum.StrEnum):
    """Where a field of a call stands."""

    PATH = "path"
    QUERY = "query"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a call."""

    name: str
    place: Place
    says: str
    kind: type = str
    required: bool = False
    one_of: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What it has to be, in words."""
        if self.one_of:
            return f"one of {', '.join(self.one_of)}"
        return {str: "a text", int: "a whole number", bool: "true or false"}[self.kind]


type Work = Callable[[Office, str, Mapping[str, Any]], Awaitable[JSON]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it is for, what it takes, and what does it."""

    method: str
    path: str
    says: str
    role: str
    """The least role that may."""
    work: Work
    fields: tuple[Field, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


def _do(action: str, **fixed: Any) -> Work:
    """Pass a call on as it is."""

    async def work(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
        done: JSON = await office.runtime.ask(token, action, {**fixed, **given})
        return done

    return work


async def _approvals(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
    found: JSON = await office.runtime.ask(
        token, "approvals.list", {"states": [given.get("state", "pending")]}
    )
    return found


async def _audit(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
    await whoever(office, token)
    limit = max(1, min(given.get("limit", 50), _LIMIT))
    search = Search(
        words=tuple(given.get("q", "").split()[:8]),
        kind=given.get("kind", ""),
        verdict=given.get("verdict", ""),
        agent=given.get("agent", ""),
        before=given.get("before"),
    )
    found = await run_in_threadpool(office.tail.search, search, limit)
    return {
        "events": [dict(record.members) for record in found],
        "complete": office.tail.complete,
        "trouble": office.tail.trouble,
    }


async def _life(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
    await whoever(office, token)
    found = await run_in_threadpool(office.tail.life, given["reference"])
    return {"events": [dict(record.members) for record in found], "complete": office.tail.complete}


_ID = Field("id", Place.PATH, "id of the approval", required=True)
_AGENT = Field("agent", Place.PATH, "name of the agent", required=True)
_PATTERN = "those only whose name matches; * stands for anything"
_REASON = Field("reason", Place.BODY, "why; it stands in the audit log")

CALLS: tuple[Call, ...] = (
    Call("GET", "/status", "How the runtime is.", "viewer", _do("status")),
    Call("GET", "/me", "Who you are, and what you may.", "viewer", _do("sessions.show")),
    Call(
        "GET",
        "/approvals",
        "The newest approvals in a state, newest first; those that wait, if no state is given.",
        "viewer",
        _approvals,
        (Field("state", Place.QUERY, "which ones", one_of=_STATES),),
    ),
    Call(
        "GET",
        "/approvals/{id}",
        "One approval, and what happened to it.",
        "viewer",
        _do("approvals.show"),
        (_ID,),
    ),
    Call(
        "POST",
        "/approvals/{id}/approve",
        "Let the request go through, once.",
        "approver",
        _do("approvals.approve"),
        (_ID, _REASON),
    ),
    Call(
        "POST",
        "/approvals/{id}/deny",
        "Refuse the request. The agent is told the reason.",
        "approver",
        _do("approvals.deny"),
        (_ID, _REASON),
    ),
    Call("GET", "/agents", "All agents.", "viewer", _do("agents.list")),
    Call("GET", "/agents/{agent}", "One agent.", "viewer", _do("agents.show"), (_AGENT,)),
    Call(
        "POST",
        "/agents/{agent}/suspend",
        "Stop an agent: what it asks for, holds, and has open.",
        "admin",
        _do("agents.suspend"),
        (_AGENT, _REASON),
    ),
    Call(
        "POST",
        "/agents/{agent}/rotate",
        "Make every token useless that an agent has been given.",
        "admin",
        _do("agents.rotate"),
        (_AGENT, _REASON),
    ),
    Call(
        "GET",
        "/agents/{agent}/preflight",
        "Whether an agent could set off now, and what is in its way.",
        "viewer",
        worked_out.preflight_of,
        (_AGENT,),
    ),
    Call(
        "POST",
        "/agents/{agent}/explain",
        "What would be decided on a request, and why. Nothing is sent.",
        "viewer",
        worked_out.explain,
        (
            _AGENT,
            Field("method", Place.BODY, "of the request", required=True),
            Field("url", Place.BODY, "whole", required=True),
            Field("headers", Place.BODY, "one a line, as Name: value"),
            Field("body", Place.BODY, "of the request"),
            Field("reason", Place.BODY, "that the agent gives"),
        ),
    ),
    Call(
        "GET",
        "/graph",
        "What agents reach: a row for each agent and tool, with hosts, credentials and rules.",
        "viewer",
        worked_out.graph,
        (
            *(Field(name, Place.QUERY, _PATTERN) for name in ("agent", "tool", "host", "credential")),
            Field("effect", Place.QUERY, "of this effect only", one_of=("read", "write", "destructive")),
        ),
    ),
    Call("POST", "/agents/{agent}/resume", "Let it go on.", "admin", _do("agents.resume"), (_AGENT,)),
    Call(
        "GET",
        "/audit",
        "Events of the audit log that match all that is given, newest first.",
        "viewer",
        _audit,
        (
            Field("q", Place.QUERY, "words that an event holds"),
            Field("kind", Place.QUERY, "of this kind", one_of=KINDS),
            Field("verdict", Place.QUERY, "with this verdict", one_of=VERDICTS),
            Field("agent", Place.QUERY, "of this agent"),
            Field("before", Place.QUERY, "older than this sequence number", int),
            Field("limit", Place.QUERY, f"how many, {_LIMIT} at most", int),
        ),
    ),
    Call(
        "GET",
        "/audit/{reference}",
        "All events of one decision (d_…), approval (a_…) or event, oldest first.",
        "viewer",
        _life,
        (Field("reference", Place.PATH, "what it is called", required=True),),
    ),
    Call(
        "GET",
        "/audit/{reference}/steps",
        "Every step to a recorded decision, worked out by the configuration that made it; a note says what "
        "that rests on, or why there are none.",
        "viewer",
        worked_out.steps,
        (Field("reference", Place.PATH, "the decision (d_…), or its approval or event", required=True),),
    ),
    Call(
        "POST",
        "/stop",
        "Stop everything at once, for everyone.",
        "admin",
        _do("stop"),
        (Field("reason", Place.BODY, "why", required=True),),
    ),
)
"""All there is."""
