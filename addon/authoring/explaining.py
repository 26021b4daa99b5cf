"""Explain a decision: the request as it is written on a command line, and the decision as JSON.

The decision itself is made by the one function that enforcement uses; here is only what goes in and how
it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from wharfinger.faults import Fault
from wharfinger.rules import decide as deciding
from wharfinger.rules.blast import Blast
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.policies.nearest import Near
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Decision, Facts, Origin, Request, Step


class BadRequest(Fault):
    """What was typed is not a request."""


def request_of(
    agent: str, method: str, url: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> Request:
    """The request of `METHOD URL -H … -d …`. Raises `BadRequest`."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"http", "https"}:
        raise BadRequest(
            f'"{url}" is not an http or https URL', "write it whole: https://api.example.com/path"
        )
    authority, slash, path = rest.partition("/")
    if not slash and "?" in authority:
        authority, _, query = authority.partition("?")
        path = f"?{query}"
    try:
        host, port = spelling.authority(authority, spelling.DEFAULT_PORTS[scheme])
    except Refused as refused:
        raise BadRequest(f'"{authority}": {refused.refusal.reason}', refused.refusal.help) from None
    fields = [(name, value) for name, value in headers if name.lower() not in {"host", "content-length"}]
    named = {name.lower() for name, _ in fields}
    if body and "content-type" not in named:
        looks_like_json = body.lstrip()[:1] in {b"{", b"["}
        kind = "application/json" if looks_like_json else "application/x-www-form-urlencoded"
        fields.append(("Content-Type", kind))
    shown = host if port == spelling.DEFAULT_PORTS[scheme] else f"{host}:{port}"
    return Request(
        agent=agent,
        method=method.upper(),
        scheme=scheme,
        host=host,
        port=port,
        target=f"/{path}",
        headers=(("Host", shown), *fields),
        body=body,
    )


def offline(
    configuration: Configuration,
    request: Request,
    placeholders: Placeholders,
    now: datetime,
    *,
    agent_id: str = "",
    reason: str | None = None,
    origin: Origin = Origin.EXPLAIN,
    confinement: str = "none",
    approved: frozenset[str] = frozenset(),
) -> Decision:
    """The decision by the configuration on disk, with empty history and no suspension.

    `approved` are the digests of proposed tools that a person has approved.
    """
    facts = Facts(
        placeholders,
        agent_id,
        reason=reason,
        origin=origin,
        confinement=confinement,
        approved_tools=approved,
    )
    return deciding.decide(configuration, request, facts, now, explain=True)


def as_json(decision: Decision, assumed: Iterable[str] = (), nearest: Iterable[Near] = ()) -> dict[str, Any]:
    """The decision for programs; `assumed` are the live facts that were taken for granted.

    `nearest` is what kept a denied request from going out, told with the values of whoever asks.
    """
    return {
        "verdict": str(decision.verdict),
        "code": str(decision.code),
        "reason": decision.reason,
        "help": decision.help,
        "policy_digest": decision.policy_digest,
        "request_digest": decision.digest,
        "calls": [
            {"tool": call.tool, "effect": str(call.effect), "inputs": call.inputs, "extras": call.extras,
             "reason": call.reason, "blast": _blast(call.blast)}
            for call in decision.calls
        ],
        "rules": [str(rule) for rule in decision.rules],
        "credentials": [
            {"name": placed.credential, "place": str(placed.place), "field": placed.name}
            for placed in decision.placements
        ],
        "dropped": list(decision.dropped),
        "ask": None
        if decision.ask is None
        else {
            "approvers": list(decision.ask.approvers),
            "people": sorted(decision.ask.people),
            "expires": decision.ask.expires.total_seconds(),
        },
        "timeout": None if decision.timeout is None else decision.timeout.total_seconds(),
        "review": decision.review,
        "observed": None
        if decision.observed is None
        else {
            "verdict": str(decision.observed.verdict),
            "reason": decision.observed.reason,
            "rules": [str(rule) for rule in decision.observed.rules],
        },
        "steps": [_step(step) for step in decision.trace],
        "nearest": [row for near in nearest for row in _near(near)],
        "assumed": list(assumed),
    }  # fmt: skip


def _near(near: Near) -> Iterator[dict[str, Any]]:
    """A row for each thing that kept a rule from deciding otherwise; one for a rule that always denies."""
    shared = {"call": near.call, "tool": near.tool, "rule": str(near.rule), "verdict": str(near.rule.verdict)}
    for lack in near.lacks or (None,):
        told = {} if lack is None else {"input": lack.what, "needs": lack.needs, "given": lack.given}
        yield {**shared, "input": None, "needs": None, "given": None, **told, "text": str(near)}


def _blast(found: Blast) -> dict[str, Any]:
    parts = [{"part": part.name, "points": part.points, "why": part.why} for part in found.parts]
    return {"score": found.score, "parts": parts}


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "text": step.text,
        "result": step.result,
        "rule": str(step.rule) if step.rule is not None else None,
    }
