"""How the answer to a request is treated: what its tools declare, and what can be given of it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.redact.fields import FieldPath
from wharfinger.rules.requests import ranges
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import Code, Request, ResponseRules


def answered(tools: tuple[Tool, ...], credentialed: bool, redact: tuple[str, ...]) -> ResponseRules:
    """What becomes of it: cookies of hosts with a credential are withheld, if not declared."""
    if not tools:
        return _response_rules(redact, not credentialed, credentialed)
    cookies = not credentialed or all(tool.auth_own or "cookie" in tool.passed for tool in tools)
    switch = tools[0].protocol is Protocol.WEBSOCKET
    redirects = tools[0].redirects if all(tool.redirects == tools[0].redirects for tool in tools) else ()
    kept = tools[0].kept if all(tool.kept == tools[0].kept for tool in tools) else ""
    returns = None if tools[0].auth_own else tools[0].returns
    undecoded = all(tool.undecoded for tool in tools)
    cookies = cookies and not kept
    rules = _response_rules(redact, cookies, credentialed, redirects, switch=switch, undecoded=undecoded)
    return replace(rules, returns=returns, kept=kept) if returns is not None or kept else rules


def uncut(request: Request, kept: tuple[tuple[str, str], ...], answer: ResponseRules) -> Refusal | None:
    """Why no part of the answer can be given, where the fields `kept` ask for one."""
    if not answer.credentialed:
        return None
    try:
        part = ranges.asked(request.method, kept)
    except Refused as refused:
        return refused.refusal
    if part is not None and (answer.redact or answer.detectors or answer.returns):
        return Refusal(
            Code.DENIED,
            "something is to be taken out of the answer, which cannot be done in a part of it",
            "Ask for all of it, without Range.",
        )
    return None


@lru_cache(maxsize=8192)
def _response_rules(
    redact: tuple[str, ...],
    cookies: bool,
    credentialed: bool,
    redirects: tuple[str, ...] = (),
    *,
    switch: bool = False,
    undecoded: bool = False,
) -> ResponseRules:
    return ResponseRules(_paths(redact), cookies, credentialed, redirects, switch=switch, undecoded=undecoded)


def _paths(written: tuple[str, ...]) -> tuple[FieldPath, ...]:
    return tuple(FieldPath.compile(text) for text in written)
