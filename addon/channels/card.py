"""The card: what a person reads of one question, in ten seconds, wherever it is shown.

Made of an approval as plain JSON (`Approval.as_json`). The order is that of what matters: who, which tool in
plain words, where to, the inputs that policy looked at first, what policy says, how much harm it could do.
What the agent gave as its reason stands apart, marked as the agent's words.

A view may cut texts to its size (`within`). Where what matters was cut, by it or before it, the card is not
`whole`, and nobody may approve from it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from wharfinger.channels.shown import cut

EXTRA = "beyond the tool's template"


@dataclass(frozen=True, slots=True)
class Line:
    """A name and what stands for it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """See the module's head. All texts but those of our own making are the agent's, and not yet safe."""

    approval: str
    agent: str
    tools: tuple[str, ...]
    """Each call's tool, in plain words."""
    where: str
    inputs: tuple[Line, ...]
    policy: str
    """The rules that ask."""
    approvers: str
    blast: tuple[str, ...]
    volatile: tuple[Line, ...]
    """Header fields that may differ when the request is sent again."""
    said: str
    """What the agent gave as its reason; empty if nothing."""
    body: str
    expires: datetime
    whole: bool
    """Whether everything that matters is shown in full."""

    @property
    def title(self) -> str:
        """What is asked, in one line."""
        more = f" and {len(self.tools) - 1} more calls" if len(self.tools) > 1 else ""
        return f"{self.agent}: {self.tools[0] if self.tools else 'a request'}{more}"

    @classmethod
    def of(cls, approval: Mapping[str, Any], first: Collection[str] = ()) -> Card:
        """The card of an approval; `first` are the inputs that the deciding rules look at."""
        asked = approval["request"]
        calls = asked["calls"]
        lines = [line for call in calls for line in _inputs(call, several=len(calls) > 1)]
        lines.sort(key=lambda line: (line.note == EXTRA, line.name.rpartition(".")[2] not in first))
        port = "" if asked["port"] == {"https": 443, "http": 80}.get(asked["scheme"]) else f":{asked['port']}"
        return cls(
            approval=approval["id"],
            agent=approval["agent"],
            tools=tuple(_tool(call) for call in calls),
            where=f"{asked['method']} {asked['scheme']}://{asked['host']}{port}{asked['path']}",
            inputs=tuple(lines),
            policy=", ".join(approval["rules"]),
            approvers=", ".join(approval["approvers"]) or "any approver",
            blast=tuple(dict.fromkeys(call["blast"] for call in calls if call["blast"])),
            volatile=tuple(Line(name, value) for name, value in asked["headers"]),
            said=asked["reason"] or "",
            body=f"{asked['body_size']} bytes, SHA-256 {asked['body_sha256']}",
            expires=datetime.fromisoformat(approval["expires"]),
            whole=asked["complete"],
        )

    def within(self, value: int, lines: int = 200) -> Card:
        """The card with no text longer than `value`, and no more inputs than `lines`."""
        shown = [(line, cut(line.name, 100), cut(line.value, value)) for line in self.inputs[:lines]]
        where, said = cut(self.where, value), cut(self.said, value)
        tools = [cut(tool, value) for tool in self.tools[:lines]]
        headers = [(cut(line.name, 100), cut(line.value, 200)) for line in self.volatile[:20]]
        whole = (
            self.whole
            and where.whole
            and len(self.inputs) <= lines
            and len(self.tools) <= lines
            and all(name.whole and text.whole for _, name, text in shown)
            and all(tool.whole for tool in tools)
        )
        return replace(
            self,
            agent=cut(self.agent, 100).text,
            tools=tuple(tool.text for tool in tools),
            where=where.text,
            inputs=tuple(Line(name.text, text.text, line.note) for line, name, text in shown),
            policy=cut(self.policy, 500).text,
            approvers=cut(self.approvers, 300).text,
            blast=tuple(cut(text, 300).text for text in self.blast[:5]),
            volatile=tuple(Line(name.text, text.text) for name, text in headers),
            said=said.text,
            whole=whole,
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON of this, and what `from_json` reads back."""
        return {
            "approval": self.approval,
            "agent": self.agent,
            "tools": list(self.tools),
            "where": self.where,
            "inputs": [[line.name, line.value, line.note] for line in self.inputs],
            "policy": self.policy,
            "approvers": self.approvers,
            "blast": list(self.blast),
            "volatile": [[line.name, line.value] for line in self.volatile],
            "said": self.said,
            "body": self.body,
            "expires": self.expires.isoformat(),
            "whole": self.whole,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Card:
        """Read back what `as_json` gave."""
        return cls(
            approval=data["approval"],
            agent=data["agent"],
            tools=tuple(data["tools"]),
            where=data["where"],
            inputs=tuple(Line(*line) for line in data["inputs"]),
            policy=data["policy"],
            approvers=data["approvers"],
            blast=tuple(data["blast"]),
            volatile=tuple(Line(*line) for line in data["volatile"]),
            said=data["said"],
            body=data["body"],
            expires=datetime.fromisoformat(data["expires"]),
            whole=data["whole"],
        )


def _tool(call: Mapping[str, Any]) -> str:
    plain = call["description"] or call["tool"]
    return f"{plain} ({call['tool']}, {call['effect']})"


def _inputs(call: Mapping[str, Any], *, several: bool) -> Iterator[Line]:
    before = f"{call['tool']}." if several else ""
    for note, values in (("", call["inputs"]), (EXTRA, call["extras"])):
        for name, value in values.items():
            shown = name if name.isidentifier() and name.isascii() else json.dumps(name, ensure_ascii=False)
            yield Line(before + shown, json.dumps(value, ensure_ascii=False), note)


def rows(card: Card) -> Iterator[tuple[str, str]]:
    """The card as pairs of a word of ours and a text, in the order in which they matter. Not yet safe."""
    yield "agent", card.agent
    yield from (("call", tool) for tool in card.tools)
    yield "where", card.where
    for line in card.inputs:
        yield "input", f"{line.name} = {line.value}{f'  [{line.note}]' if line.note else ''}"
    yield "policy", f"{card.policy} asks for {card.approvers}"
    yield from (("blast", text) for text in card.blast)
    yield "body", card.body
    yield from (("may vary", f"{line.name}: {line.value}") for line in card.volatile)
    yield "until", f"{card.expires:%Y-%m-%d %H:%M} UTC"


WORDS = "The agent's own words, which nobody has checked:"
"""Stands before what the agent gave as its reason, wherever that is shown."""
CUT_SHORT = "Something that matters was too long to be shown. Look at all of it before you approve."
"""Stands where the card is not whole."""
