"""What recognising a request comes to: its calls, each with the tools that fit it (`Recognised`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.requests import bodies, headers, spelling
from wharfinger.rules.requests.bodies import Body
from wharfinger.rules.requests.refusal import Refusal
from wharfinger.rules.tools.matching import Fit
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.transient import transient
from wharfinger.rules.types import Call


@transient
class Part:
    """One call of a request: what it is, and every tool that fits it."""

    call: Call
    fitting: tuple[Fit, ...] = ()
    """The winner first: what deny rules see. Empty where no tool fits."""

    @property
    def winner(self) -> Tool | None:
        """The most specific tool that fits: the one that allow and ask rules see."""
        return self.fitting[0].tool if self.fitting else None


@transient
class Recognised:
    """What a request is: its calls, the tools they fit, and why it is refused, if it is."""

    parts: tuple[Part, ...] = ()
    """One for each call; one that is `unmatched` where no tool fits, none where it could not be read."""
    refusal: Refusal | None = None
    """Why the request is not let through, whatever policy says."""
    host: str = ""
    """In canonical form."""
    target: spelling.Target | None = None
    body: Body = bodies.EMPTY
    body_read: bool = False
    """Whether the body was read, or there was none."""
    reason: str | None = None
    """What the header `Wharfinger-Reason` says."""
    fields: headers.Fields | None = None
    """The header fields; None where they must not be sent as they are."""
    passes: bool = False
    """Whether it is a message that is no call of its own: then the call is the connection's."""
    texts: tuple[str, ...] = ()
    """Texts that stand in it in a spelling of its protocol's own."""
    protocol: Protocol = Protocol.HTTP
    """What is spoken at its URL."""
    aliases: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What it calls fields of its answer, to the names that these have."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls, in the order of the request."""
        return tuple([part.call for part in self.parts])

    @property
    def winner(self) -> Tool | None:
        """The first call's tool. What carries a request (credential, headers) is the same for all of them."""
        return self.parts[0].winner if self.parts else None

    @property
    def winners(self) -> tuple[Tool, ...]:
        """The tools that the calls are, each once."""
        if len(self.parts) == 1:
            winner = self.parts[0].winner
            return () if winner is None else (winner,)
        return tuple(dict.fromkeys(tool for part in self.parts if (tool := part.winner) is not None))

    @property
    def fitting(self) -> tuple[Fit, ...]:
        """Every tool that fits the first call, the winner first."""
        return self.parts[0].fitting if self.parts else ()

    def with_calls(self, calls: Iterable[Call]) -> Recognised:
        """The same, with other calls in place of those it has."""
        parts = tuple(Part(call, part.fitting) for call, part in zip(calls, self.parts, strict=True))
        return Recognised(
            parts,
            self.refusal,
            self.host,
            self.target,
            self.body,
            self.body_read,
            self.reason,
            self.fields,
            self.passes,
            self.texts,
            self.protocol,
        )


def head_refusal(tool: Tool, fields: headers.Fields) -> Refusal | None:
    """Why a request with these header fields cannot be a call of the tool, if so."""
    encoded = headers.encoded(fields) if tool.media is not None else None
    return encoded or headers.acting(fields, tool.declared_headers)
