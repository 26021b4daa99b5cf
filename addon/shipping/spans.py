"""From events to spans: one for each request, with its decision, its hold and its exchange as children.

Made of what stands in the audit log, and of that only names: agent, tools, rules, codes, sizes and times.
Ids follow from the decision's, so that events read a second time give the same spans. A request that came
with a `traceparent` has its span in that trace, below the span it names.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from wharfinger.audit.event import EventKind, Outcome
from wharfinger.rules.types import UNMATCHED

MOST = 10_000
"""Requests under way that are remembered; the oldest are forgotten, and have no span."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
"""Any other is told as `_OTHER`, as OpenTelemetry's conventions have it."""
_FAILED = frozenset({Outcome.UPSTREAM_FAILED, Outcome.TIMED_OUT, Outcome.WITHHELD, Outcome.UNKNOWN})
_LIFE = frozenset({EventKind.HELD, EventKind.INTENT, EventKind.DENIED, EventKind.OUTCOME})

type Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A span, as any exporter can be told of it."""

    name: str
    trace: int
    id: int
    parent: int
    """0 where it has none."""
    begins: datetime
    ends: datetime
    upstream: bool = False
    """Whether it is the exchange with the upstream."""
    attributes: Mapping[str, str | int | tuple[str, ...]] = field(default_factory=dict)
    failed: str = ""


class Spans:
    """Puts the events of each request together until it has ended."""

    def __init__(self) -> None:
        self._lives: OrderedDict[str, list[Members]] = OrderedDict()

    def of(self, events: Iterable[Members]) -> Iterator[Span]:
        """The spans of the requests that end with these."""
        for event in events:
            decision = event.get("decision")
            if event["kind"] not in _LIFE or not isinstance(decision, str):
                continue
            life = self._lives.setdefault(decision, [])
            life.append(event)
            if event["kind"] in {EventKind.DENIED, EventKind.OUTCOME}:
                yield from _spans(self._lives.pop(decision))
            elif len(self._lives) > MOST:
                self._lives.popitem(last=False)


def _spans(life: list[Members]) -> Iterator[Span]:
    """All spans of one request, whose events these are in their order."""
    by_kind = {event["kind"]: event for event in life}
    intent, held, outcome = (
        by_kind.get(kind) for kind in (EventKind.INTENT, EventKind.HELD, EventKind.OUTCOME)
    )
    first, last = life[0], life[-1]
    decided, ends = _time(first), max(map(_time, life))
    begins = min(decided, ends - timedelta(milliseconds=_total(last)))
    told = intent or by_kind.get(EventKind.DENIED) or first
    decision = str(last["decision"])
    trace = _trace(told, decision)
    root = _id(decision, "request")

    def child(name: str, from_: datetime, to: datetime, **more: Any) -> Span:
        return Span(name, trace, _id(decision, name), root, from_, max(from_, to), **more)

    failed = str(last["outcome"]) if last.get("outcome") in _FAILED else ""
    yield Span(
        _name(told),
        trace,
        root,
        _parent(told),
        begins,
        ends,
        attributes=_attributes(told, last),
        failed=failed,
    )
    if first is not outcome:
        yield child("decision", begins, decided)
    if held is not None:
        yield child("hold", _time(held), _time(intent or last))
    if intent is not None and outcome is not None and last["outcome"] != Outcome.NOT_SENT:
        yield child("upstream", _time(intent), ends, upstream=True, attributes=_measured(last), failed=failed)


def _time(event: Members) -> datetime:
    return datetime.fromisoformat(event["time"])


def _total(event: Members) -> float:
    timings = event.get("timings_ms")
    total = timings.get("total", 0.0) if isinstance(timings, dict) else 0.0
    return max(0.0, float(total))


def _id(decision: str, name: str) -> int:
    return int.from_bytes(sha256(f"{decision} {name}".encode()).digest()[:8]) or 1


def _trace(event: Members, decision: str) -> int:
    given = event.get("trace")
    if isinstance(given, str):
        return int(given, 16)
    return int.from_bytes(sha256(f"{decision} trace".encode()).digest()[:16]) or 1


def _parent(event: Members) -> int:
    given = event.get("trace_parent")
    return int(given, 16) if isinstance(given, str) else 0


def _tools(event: Members) -> tuple[str, ...]:
    return tuple(str(call["tool"]) for call in event.get("calls", ()))


def _name(event: Members) -> str:
    tools = dict.fromkeys(_tools(event))
    return next(iter(tools)) if len(tools) == 1 else "request"


_SAME = ("agent", "run", "confinement", "verdict", "code", "approval", "decision", "count", "policy_digest")


def _attributes(told: Members, last: Members) -> dict[str, str | int | tuple[str, ...]]:
    """Names and numbers of our own. Where to is told only of a tool, whose hosts are the configuration's."""
    found: dict[str, str | int | tuple[str, ...]] = {
        f"wharfinger.{name}": told[name] for name in _SAME if name in told
    }
    for name in ("rules", "credentials"):
        if given := told.get(name):
            found[f"wharfinger.{name}"] = tuple(map(str, given))
    tools = _tools(told)
    if tools:
        found["wharfinger.tools"] = tools
    if "outcome" in last:
        found["wharfinger.outcome"] = str(last["outcome"])
    if tools and UNMATCHED not in tools:
        found["server.address"], found["server.port"] = str(told.get("host", "")), int(told.get("port", 0))
    if "method" in told:
        found["http.request.method"] = told["method"] if told["method"] in METHODS else "_OTHER"
    return found | _measured(last)


def _measured(last: Members) -> dict[str, str | int | tuple[str, ...]]:
    names = {
        "status": "http.response.status_code",
        "request_bytes": "http.request.body.size",
        "response_bytes": "http.response.body.size",
    }
    return {name: int(last[member]) for member, name in names.items() if member in last}
