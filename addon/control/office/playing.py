"""The playground's work: a request made of what a form holds, and decided here; nothing is sent or kept.

The decision is made by the one function that enforcement uses, by the configuration in force or by one with
a file in another text. What is not known here is told among what was assumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from wharfinger.audit.reader import Record
from wharfinger.authoring import explaining
from wharfinger.faults import Fault
from wharfinger.replaying.again import Again, Undecidable
from wharfinger.replaying.recorded import decided, recorded
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.decide import decide
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.inputs import Input
from wharfinger.rules.policies.denials import Denial
from wharfinger.rules.policies.nearest import nearest
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Facts, Origin, Request

PREFIX: Final = "input."
"""Of the fields of a form that hold a tool's inputs."""
ASSUMED: Final = (
    "the agent's own placeholder where a credential is missing",
    "limits that have counted nothing",
    "no grants",
)
REAL: Final = "suspension, emergency denials and approved tools are those of the running proxy"


class Unmade(Fault):
    """What was typed makes no request."""


@dataclass(frozen=True, slots=True)
class Live:
    """What the running proxy says of this agent at the moment."""

    agent_id: str = ""
    suspended: str | None = None
    approved: frozenset[str] = frozenset()
    denials: tuple[Denial, ...] = ()

    @classmethod
    def of(
        cls,
        agent: Mapping[str, Any],
        approved: Iterable[str],
        denials: Iterable[Mapping[str, Any]],
    ) -> Live:
        """Made of what the actions of the proxy gave."""
        suspended = agent["suspended"]
        return cls(
            agent["id"] or "",
            None if suspended is None else f"this agent is suspended: {suspended}",
            frozenset(approved),
            tuple(map(_denial, denials)),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to decide on."""

    request: Request
    reason: str | None = None
    said: tuple[str, ...] = ()
    """What was assumed in making it."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form holds."""

    agent: str
    tool: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    url: str = ""
    headers: str = ""
    body: str = ""
    reason: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Typed:
        """What was typed, with the line ends that we use."""
        given = {name: value.replace("\r\n", "\n") for name, value in form.items()}
        return cls(
            agent=given.get("agent", "").strip(),
            tool=given.get("tool", "").strip(),
            inputs={name[len(PREFIX) :]: value for name, value in given.items() if name.startswith(PREFIX)},
            method=given.get("method", "").strip() or "GET",
            url=given.get("url", "").strip(),
            headers=given.get("headers", ""),
            body=given.get("body", ""),
            reason=given.get("reason", "").strip(),
        )


def asked(configuration: Configuration, typed: Typed) -> Asked:
    """The request of a form. Raises `Fault`."""
    if typed.agent not in configuration.agents:
        raise Unmade("choose an agent", did_you_mean(typed.agent, configuration.agents))
    reason = typed.reason or None
    if typed.tool:
        return Asked(_filled(configuration, typed), reason)
    if not typed.url:
        raise Unmade("write the URL of a request", "whole, like https://api.example.com/path")
    request = explaining.request_of(
        typed.agent, typed.method, typed.url, tuple(_fields(typed.headers)), typed.body.encode("utf-8")
    )
    return Asked(request, reason)


def _filled(configuration: Configuration, typed: Typed) -> Request:
    tool = configuration.tools.get(typed.tool)
    if tool is None:
        raise Unmade("there is no such tool", did_you_mean(typed.tool, configuration.tools.tools))
    values = {}
    for each in tool.inputs.values():
        if (text := typed.inputs.get(each.name, "")) != "":
            values[each.name] = value_of(each, text)
    try:
        return tool.fill(values).request(typed.agent)
    except Refused as refused:
        raise Unmade(refused.refusal.reason, refused.refusal.help) from None


def value_of(each: Input, text: str) -> Any:
    """The value that was typed for an input: text as it is, anything else as JSON. Raises `Unmade`."""
    if each.kinds == ("string",):
        return text
    try:
        return json.loads(text)
    except ValueError:
        if "string" in each.kinds:
            return text
        raise Unmade(f'the input "{each.name}" is not {each.what}', "write it as JSON") from None


def choices(each: Input) -> list[str]:
    """The texts that an input may be, where they are few; none where it may be any."""
    if each.kinds != ("string",) or not each.enum:
        return []
    return sorted(str(json.loads(value)) for value in each.enum)


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Unmade("a line of the headers is not a header field", "write them like Accept: */*")
        yield name.strip(), value.strip().encode("utf-8").decode("latin-1")


def past(configuration: Configuration, records: Sequence[Record]) -> list[Asked]:
    """The requests that make the calls of a decided request again. Raises `Fault`."""
    found = next(decided(records), None)
    if found is None:
        raise Unmade("no decision of this id is held here", "its id begins with d_: see the audit log")
    held = recorded(found.members)
    if held.agent not in configuration.agents:
        raise Unmade("its agent is not there any more", "")
    if held.lost or not held.calls:
        raise Unmade(f"it cannot be made again: {held.lost or 'it has no calls'}", "")
    again, said = Again(configuration), ("headers and fields that were not recorded: none",)
    try:
        return [Asked(again.request(held, call), call.reason, said) for call in held.calls]
    except Undecidable as why:
        raise Unmade(f"it cannot be made again: {why}", "") from None


def answer(configuration: Configuration, what: Asked, live: Live) -> dict[str, Any]:
    """The decision, with every step to it."""
    facts = Facts(
        Placeholders({}),
        live.agent_id,
        suspended=live.suspended,
        reason=what.reason,
        origin=Origin.EXPLAIN,
        approved_tools=live.approved,
        denials=live.denials,
    )
    decision = decide(configuration, what.request, facts, datetime.now(UTC), explain=True)
    near = nearest(configuration, what.request, decision)
    return explaining.as_json(decision, (*ASSUMED, *what.said, REAL), near)


def _denial(row: Mapping[str, Any]) -> Denial:
    ends = row.get("ends")
    return Denial(
        row["id"],
        row["tool"] or "",
        row["host"] or "",
        row["agent"] or "",
        row["because"],
        row["person"],
        None,
        datetime.fromisoformat(ends) if ends else None,
    )
