"""One call in full: how it was decided, what was hidden or found, where it stands in the audit log."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.text import Text
from wharfinger.audit.reader import printable
from wharfinger.watching.calls import Entry
from wharfinger.watching.drawing import STYLES

_LONGEST: Final = 4096
NAME: Final = 17
"""Columns that the name of a line takes."""
_BODY: Final = ("calls", "hmac", "cut", "version", "prev", "leaf", "mono_ns")
_FIRST: Final = (
    "verdict", "code", "reason", "rules", "observed", "observed_reason", "observed_rules", "review",
    "approval", "approvers", "grants", "credentials",
)  # fmt: skip
"""What stands before what was asked for, and the steps to the decision."""
_THEN: Final = (
    "agent", "agent_id", "run", "identified_by", "confinement", "method", "scheme", "host", "port", "path",
    "query", "policy_digest", "request_digest", "trace",
)  # fmt: skip

type Told = Mapping[str, Any]
"""`steps` as `explain` has them, and a `note` of what they rest on, or why there are none."""


class Tab(enum.StrEnum):
    """What can be looked at."""

    DECISION = "decision"
    REDACTIONS = "redactions"
    AUDIT = "audit position"
    EVENTS = "events"


def show(entry: Entry, tab: Tab, signed: int | None, told: Told | None) -> Text:
    """A tab's text. `signed`: how many events the newest checkpoint is over; None where that is not known.

    `told` are the steps to the decision: None while they are not known.
    """
    lines = {
        Tab.DECISION: lambda: _decision(entry, told),
        Tab.REDACTIONS: lambda: _redactions(entry),
        Tab.AUDIT: lambda: _position(entry, signed),
        Tab.EVENTS: lambda: _events(entry),
    }[tab]()
    return Text("\n").join(lines)


def decided(entry: Entry) -> Mapping[str, Any] | None:
    """The event that tells what policy answered: of several the first."""
    return next((event for event in entry.events if "verdict" in event), None)


def _decision(entry: Entry, told: Told | None) -> Iterator[Text]:
    """What was decided and why, for whom and where, and how it ended."""
    for number, event in enumerate(event for event in entry.events if "verdict" in event):
        if number:
            yield Text("")
        yield _head(event)
        for name in _FIRST:
            if name in event:
                yield _line(name, event[name], STYLES.get(str(event[name]), "") if name == "verdict" else "")
        for call in _list(event.get("calls")):
            yield from _call(call)
        if not number:
            yield from _steps(told)
        for name in _THEN:
            if name in event:
                yield _line(name, event[name])
    for event in entry.events:
        if "verdict" not in event:
            yield Text("")
            yield _head(event)
            for name in ("state", "person", "outcome", "status", "address", "timings_ms", "reason"):
                if name in event:
                    yield _line(name, event[name])


def _steps(told: Told | None) -> Iterator[Text]:
    """Every step to the decision, as `explain` has them; nothing where nobody was asked for them."""
    if told is not None and not told:
        return
    yield Text("every step", "bold underline")
    if told is None:
        yield Text("being worked out", "dim")
        return
    several = len({step.get("call") for step in _list(told.get("steps"))}) > 1
    for step in _list(told.get("steps")):
        result = str(step.get("result") or "")
        line = _line(str(step.get("kind") or ""), f"{step['call']}: " if several and "call" in step else "")
        line.append(printable(str(step.get("text") or "")[:_LONGEST]))
        if rule := step.get("rule"):
            line.append(f"  {printable(str(rule)[:200])}", "dim")
        line.append(f"  {printable(result[:200])}", STYLES.get(result, "bold"))
        yield line
    yield Text(printable(str(told.get("note") or "")[:_LONGEST]), "dim")


def _call(call: Mapping[str, Any]) -> Iterator[Text]:
    yield _line("tool", f"{call.get('tool', '')} ({call.get('effect', '')})", "bold")
    if "blast" in call:
        yield _line("  blast", call["blast"])
    if "reason" in call:
        yield _line("  it says", call["reason"], "italic")
    for group in ("inputs", "extras"):
        for name, value in _dict(call.get(group)).items():
            yield _line(f"  {name}", value)
    for name in _dict(call.get("hmac")):
        yield _line(f"  {name}", "▓▓▓▓ not kept: the tool calls it sensitive", "reverse")


def _redactions(entry: Entry) -> Iterator[Text]:
    """What the agent was not given, what the log does not keep, what did not go out."""
    nothing = True
    for event in entry.events:
        for line in _hidden(event):
            nothing = False
            yield line
    if nothing:
        yield Text("nothing was found, hidden, cut or left out", "dim")


def _hidden(event: Mapping[str, Any]) -> Iterator[Text]:
    for name, count in _dict(event.get("findings")).items():
        yield _line("found", f"▓▓▓▓ {name}: {count} times in the answer", "magenta")
    if event.get("outcome") == "withheld":
        yield _line("withheld", "▓▓▓▓ the whole answer", "magenta")
    for credential in _list_of_texts(event.get("credentials")):
        yield _line("put in", f"▓▓▓▓ {credential}: by the proxy, below what is seen here", "reverse")
    for call in _list(event.get("calls")):
        for name, mark in _dict(call.get("hmac")).items():
            yield _line("sensitive", f"▓▓▓▓ {name}: kept as HMAC {str(mark)[:16]}…", "reverse")
    for name, mark in _dict(event.get("hmac")).items():
        yield _line("sensitive", f"▓▓▓▓ {name}: kept as HMAC {str(mark)[:16]}…", "reverse")
    for name, said in _dict(event.get("cut")).items():
        yield _line("cut short", f"{name}: {_json(said)}")
    for name in _list_of_texts(event.get("dropped")):
        yield _line("not forwarded", f"header {name}")


def _position(entry: Entry, signed: int | None) -> Iterator[Text]:
    yield Text(f"wharfinger audit show {printable(entry.decision[:100])}", "dim")
    for event in entry.events:
        yield _head(event)
        for name in ("seq", "id", "time", "prev", "leaf"):
            if name in event:
                yield _line(name, event[name])
        seq = event.get("seq")
        if signed is not None and isinstance(seq, int):
            done = seq < signed
            said = f"in the checkpoint over {signed} events" if done else "not yet in a checkpoint"
            yield _line("signed", said, "green" if done else "yellow")
        yield Text("")


def _events(entry: Entry) -> Iterator[Text]:
    for event in entry.events:
        yield _head(event)
        for name, value in event.items():
            if name not in _BODY:
                yield _line(name, value)
        yield Text("")


def _head(event: Mapping[str, Any]) -> Text:
    return Text(printable(f"{event.get('kind', '')} {event.get('time', '')}"[:100]), "bold underline")


def _line(name: str, value: Any, style: str = "") -> Text:
    texts = isinstance(value, list) and all(isinstance(part, str) for part in value)
    shown = value if isinstance(value, str) else ", ".join(value) if texts else _json(value)
    text = Text(f"{printable(name[:80]):<{NAME - 1}} ", "cyan")
    text.append(printable(shown[:_LONGEST]), style or "default")
    return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (_dict(part) for part in value) if isinstance(value, list) else ()


def _list_of_texts(value: object) -> Iterator[str]:
    yield from (part for part in value if isinstance(part, str)) if isinstance(value, list) else ()
