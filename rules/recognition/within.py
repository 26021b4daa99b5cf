"""Recognise requests that stand within another one: each as the call it would be if it were sent alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.recognition.recognised import Part, Recognised
from wharfinger.rules.requests import headers
from wharfinger.rules.requests.headers import Passes
from wharfinger.rules.requests.refusal import Refusal
from wharfinger.rules.tools.matching import Fit
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import UNMATCHED, Call, Code, Effect, Request

_ALONE: Final = "Send this request alone."


def recognise(
    inner: Request, envelope: Sequence[Fit], again: Callable[[Request], Recognised]
) -> tuple[Part, Refusal | None]:
    """The call that `inner` is, and why it may not stand in there, if so.

    `envelope` is what the request around it fits; deny rules see those tools beside the inner ones.
    """
    read = again(inner)
    part = read.parts[0] if read.parts else Part(Call(UNMATCHED, "", Effect.WRITE, {}))
    part = Part(part.call, (*part.fitting, *envelope) if part.fitting else ())
    if read.refusal is not None:
        return part, read.refusal
    tool = part.winner
    if tool is None or not envelope or len(read.parts) > 1:
        return part, Refusal(Code.DENIED, "a request of the batch is no known tool", "Ask the operator.")
    reason = _unfit(tool, envelope[0].tool, inner, read)
    refusal = envelope[0].refusal
    return part, refusal if reason is None else Refusal(Code.DENIED, reason, _ALONE)


def _unfit(tool: Tool, envelope: Tool, inner: Request, read: Recognised) -> str | None:
    """Why a call of this tool cannot be one among others."""
    if read.protocol is not Protocol.HTTP:
        return "a request of the batch is of another protocol"
    if tool.placements != envelope.placements or tool.auth_own is not envelope.auth_own:
        return "a request of the batch needs another credential"
    if tool.redact:
        return "fields of the answer to a request of the batch are masked, and would not be found"
    if read.fields is None:
        return "a request of the batch has header fields that are not plain"
    passes = Passes(tool.passed, tool.declared_headers)
    if headers.plan(inner, read.fields.names, passes).dropped:
        return "a request of the batch has a header field that does not go upstream"
    return None
