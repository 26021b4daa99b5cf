"""Events of the audit log as calls: one entry for each decision, and what became of it.

Rules: no input, no output and no clock here. What comes from another proxy is believed in nothing: whatever
is not of the kind it should be counts as not there. The number of entries is bounded; what was counted stays
counted when its entry goes.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from wharfinger.watching.filters import EVERYTHING, Filter
from wharfinger.watching.rates import Rates

KEPT: Final = 1_000
"""Entries that are kept, unless somebody asks for more or fewer."""
_EVENTS_OF_ONE: Final = 12
"""Events that are kept of one call: the first, and the newest of the others."""
_DECIDES: Final = frozenset({"intent", "denied", "held"})


@dataclass(slots=True)
class Entry:
    """One call, as far as the audit log tells of it."""

    decision: str
    at: str
    agent: str
    tool: str
    where: str
    verdict: str
    observed: str
    """What policies that only observe would have decided."""
    rule: str
    reason: str
    approval: str
    state: str
    """How far it has come: of its outcome, its approval, or that it is under way."""
    status: int | None = None
    milliseconds: float | None = None
    sent_bytes: int | None = None
    received_bytes: int | None = None
    findings: int = 0
    """How often redaction met something in the answer."""
    times: int = 1
    """How many calls alike it stands for."""
    events: list[Mapping[str, Any]] = field(default_factory=list)

    def fields(self) -> Mapping[str, str | float | None]:
        """What a filter can name."""
        return {
            "agent": self.agent,
            "tool": self.tool,
            "where": self.where,
            "verdict": self.verdict,
            "observed": self.observed,
            "rule": self.rule,
            "reason": self.reason,
            "approval": self.approval,
            "state": self.state,
            "decision": self.decision,
            "status": self.status,
            "ms": self.milliseconds,
            "sent": self.sent_bytes,
            "received": self.received_bytes,
            "findings": self.findings,
        }


class Calls:
    """See the module's head."""

    def __init__(self, only: Filter = EVERYTHING, kept: int = KEPT) -> None:
        """Calls that `only` lets through, as they are decided; the newest `kept` of them."""
        self._only = only
        self._kept = kept
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._by_approval: dict[str, str] = {}
        self.last = -1
        """Sequence number of the newest event."""
        self.missed = 0
        """Events that were not had: the proxy tells so many at a time."""
        self.news = ""
        """The last thing told that is no call."""
        self.counted: Counter[str] = Counter()
        """Calls by verdict, since the view was opened."""
        self.rates = Rates()
        self.sent_bytes = 0
        self.received_bytes = 0
        self.findings = 0

    def __len__(self) -> int:
        return len(self._entries)

    def newest(self, seen: Filter = EVERYTHING) -> list[Entry]:
        """The entries that `seen` lets through, newest first."""
        return [entry for entry in reversed(self._entries.values()) if seen.lets(entry.fields())]

    def get(self, decision: str) -> Entry | None:
        """The entry of a decision."""
        return self._entries.get(decision)

    def of(self, event: Mapping[str, Any]) -> Entry | None:
        """The entry of the call that an event belongs to."""
        approval = self._by_approval.get(_text(event.get("approval")))
        return self._entries.get(_text(event.get("decision"))) or self._entries.get(approval or "")

    def clear(self) -> None:
        """Forget the entries; what was counted stays."""
        self._entries.clear()
        self._by_approval.clear()

    def take(self, events: Iterable[Mapping[str, Any]], second: int | None) -> bool:
        """Take events in their order, each once; whether any is about a question to people.

        They count for the rate of `second`; None: each for that of its own time, as what was before.
        """
        asked = False
        for event in events:
            seq = _whole(event.get("seq"))
            if seq is None or seq <= self.last:
                continue
            self.last = seq
            kind = _text(event.get("kind"))
            asked |= kind in {"held", "approval"}
            if kind in _DECIDES:
                self._decided(kind, event, _second(event) if second is None else second)
            elif kind == "outcome":
                self._ended(event)
            elif kind == "approval":
                self._answered(event)
            elif kind != "segment":
                self.news = _news(kind, event)
        return asked

    def _decided(self, kind: str, event: Mapping[str, Any], second: int) -> None:
        made = _entry(kind, event)
        known = self._entries.get(made.decision)
        if known is None:
            if not self._only.lets(made.fields()):
                return
            self._count(made.verdict, made.times, second)
            self._entries[made.decision] = made
        else:
            made.events = known.events
            self._entries[made.decision] = made
        _keep(made, event)
        if made.approval:
            self._by_approval[made.approval] = made.decision
        while len(self._entries) > self._kept:
            _, gone = self._entries.popitem(last=False)
            self._by_approval.pop(gone.approval, None)

    def _count(self, verdict: str, times: int, second: int) -> None:
        self.counted[verdict] += times
        self.rates.add(verdict, second, times)

    def _ended(self, event: Mapping[str, Any]) -> None:
        entry = self.of(event)
        if entry is None:
            return
        entry.state = _text(event.get("outcome"))
        entry.status = _whole(event.get("status"))
        entry.milliseconds = _number(_mapping(event.get("timings_ms")).get("total"))
        entry.received_bytes = _whole(event.get("response_bytes"))
        if (size := _whole(event.get("request_bytes"))) is not None:
            entry.sent_bytes = size
        entry.findings = sum(_whole(count) or 0 for count in _mapping(event.get("findings")).values())
        self.sent_bytes += entry.sent_bytes or 0
        self.received_bytes += entry.received_bytes or 0
        self.findings += entry.findings
        _keep(entry, event)

    def _answered(self, event: Mapping[str, Any]) -> None:
        entry = self.of(event)
        if entry is None:
            return
        if entry.status is None:
            entry.state = _text(event.get("state"))
        _keep(entry, event)


def _keep(entry: Entry, event: Mapping[str, Any]) -> None:
    entry.events.append(event)
    if len(entry.events) > _EVENTS_OF_ONE:
        del entry.events[1]


def _entry(kind: str, event: Mapping[str, Any]) -> Entry:
    host, path = _text(event.get("host")), _text(event.get("path"))
    seq = event.get("seq")
    return Entry(
        decision=_text(event.get("decision")) or f"event {seq}",
        at=_text(event.get("time")),
        agent=_text(event.get("agent")),
        tool=", ".join(tools(event)),
        where=f"{_text(event.get('method'))} {host}{path}" if host else "",
        verdict=_text(event.get("verdict")),
        observed=_text(event.get("observed")),
        rule=", ".join(_texts(event.get("rules"))),
        reason=_text(event.get("reason")),
        approval=_text(event.get("approval")),
        state={"intent": "under way", "denied": _text(event.get("code")), "held": "waits"}[kind],
        sent_bytes=_whole(event.get("request_bytes")),
        times=max(1, _whole(event.get("count")) or 1),
    )


def tools(event: Mapping[str, Any]) -> Sequence[str]:
    """Names of the tools that an event is about."""
    calls = event.get("calls")
    return [_text(_mapping(call).get("tool")) for call in calls] if isinstance(calls, list) else []


def _news(kind: str, event: Mapping[str, Any]) -> str:
    said = (_text(event.get(name)) for name in ("person", "action", "agent", "state", "reason"))
    return " ".join((_text(event.get("time"))[11:19], kind, *(part for part in said if part)))


def _second(event: Mapping[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(_text(event.get("time"))).timestamp())
    except (ValueError, OverflowError):
        return 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> Iterator[str]:
    yield from (_text(part) for part in value) if isinstance(value, list) else ()


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
