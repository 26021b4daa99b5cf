"""What the book tells of a decided request, as far as it can be decided again.

A decision may have several events (held, then sent); the first of them tells what policy answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wharfinger.audit.reader import Record
from wharfinger.rules.types import JSON, Code, Verdict

KINDS: Final = frozenset({"intent", "denied", "held"})
_UNOPENED: Final = "no rule allows this"


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call of a request."""

    tool: str
    inputs: Mapping[str, JSON]
    """Those that are recorded whole."""
    extras: frozenset[str]
    reason: str | None
    template: str
    hidden: frozenset[str]
    """Inputs of which a keyed digest is recorded only."""
    cut: frozenset[str]
    """Inputs that were cut short; `*` where some may be missing altogether."""

    @property
    def lost(self) -> str:
        """Why the call cannot be made again, if so."""
        if self.hidden:
            return f'the input "{min(self.hidden)}" is recorded as a keyed digest'
        if self.cut:
            name = min(self.cut)
            return "its inputs were cut" if name == "*" else f'the input "{name}" was cut'
        return ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One decided request."""

    decision: str
    time: datetime
    agent: str
    confinement: str
    verdict: Verdict
    by_policy: bool
    """Whether rules decided it: not a suspension, a limit, a credential out of place."""
    rules: tuple[str, ...]
    calls: tuple[RecordedCall, ...]
    method: str
    scheme: str
    host: str
    port: int
    path: str | None
    """None where it is not recorded whole."""
    query: tuple[str, ...]
    """Names of the query's parameters."""
    size: int | None
    lost: str = ""
    """Why it cannot be decided again, if so."""

    @property
    def tools(self) -> str:
        """Its tools, in words."""
        return ", ".join(dict.fromkeys(call.tool for call in self.calls))


def decided(records: Iterable[Record]) -> Iterator[Record]:
    """Of each decided request the first event that tells its calls and verdict, in their order."""
    seen: set[str] = set()
    for record in records:
        members = record.members
        if members.get("kind") not in KINDS:
            continue
        decision = members.get("decision")
        if not decision or decision in seen or not members.get("calls") or "verdict" not in members:
            continue
        seen.add(decision)
        yield record


def recorded(members: Mapping[str, Any]) -> Recorded:
    """What an event of a decision tells. Raises `ValueError` or `KeyError` if it is none."""
    cut = members.get("cut", {})
    hidden_path = "path" in members.get("hmac", {})
    verdict = Verdict(members["verdict"])
    return Recorded(
        decision=str(members["decision"]),
        time=datetime.fromisoformat(members["time"]),
        agent=str(members.get("agent", "")),
        confinement=str(members.get("confinement", "none")),
        verdict=verdict,
        by_policy=verdict is not Verdict.DENY or _by_rules(members),
        rules=tuple(members.get("rules", ())),
        calls=tuple(_call(call, f"calls.{index}", cut) for index, call in enumerate(members["calls"])),
        method=str(members.get("method", "")),
        scheme=str(members.get("scheme", "")),
        host=str(members.get("host", "")),
        port=int(members.get("port", 0)),
        path=None if hidden_path or "path" in cut else str(members.get("path", "")),
        query=tuple(members.get("query", ())),
        size=members.get("request_bytes"),
        lost=_lost(cut),
    )


def _by_rules(members: Mapping[str, Any]) -> bool:
    code, reason = members.get("code"), members.get("reason")
    return code == Code.DENIED and (bool(members.get("rules")) or reason == _UNOPENED)


def _lost(cut: Mapping[str, Any]) -> str:
    if "event" in cut:
        return "the event was cut"
    if "calls" in cut:
        return "some of its calls are not recorded"
    return "where it went was cut" if {"host", "method", "agent"} & cut.keys() else ""


def _call(call: Mapping[str, Any], where: str, cut: Mapping[str, Any]) -> RecordedCall:
    inputs = f"{where}.inputs"
    below = {key.removeprefix(f"{inputs}.") for key in cut if key.startswith(f"{inputs}.")}
    # The place of a cut is told by its first 80 characters: a longer name is not known whole.
    known = {name for name in below if name in call.get("inputs", {})}
    others = {inputs, f"{where}.hmac", f"{where}.tool", f"{where}.reason"} & cut.keys()
    lost = known | ({"*"} if below - known or others else set())
    return RecordedCall(
        tool=str(call["tool"]),
        inputs={name: value for name, value in call.get("inputs", {}).items() if name not in lost},
        extras=frozenset(call.get("extras", ())),
        reason=call.get("reason"),
        template=str(call.get("template", "")),
        hidden=frozenset(call.get("hmac", ())),
        cut=frozenset(lost),
    )
