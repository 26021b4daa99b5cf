"""Decide a recorded request again, under another configuration: the same function, on a request made anew.

Inputs are recorded, not requests. Each call is filled into its tool's template as it is now, and what that
makes is recognised and decided like any other; if it does not go where the recorded request went, nothing
is said. Of several calls the strictest answer counts, as it does for a request that makes them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from wharfinger.replaying.recorded import Recorded, RecordedCall
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.decide import decide
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import UNMATCHED, Decision, Facts, Origin, Request, Verdict

ASSUMED: Final = (
    "no suspension, no emergency denial",
    "limits that have counted nothing",
    "proposed tools approved",
    "credentials as they should be",
    "extras, headers and bodies beyond the recorded inputs hold nothing that a pattern denies",
)
"""What is taken for granted when a call is decided again."""
STRICTNESS: Final = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}
_NONE_ISSUED: Final = Placeholders({})


class Undecidable(Exception):
    """A recorded request that cannot be decided again; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What would be decided."""

    verdict: Verdict
    reason: str
    rules: tuple[str, ...]


class Again:
    """Decides by one configuration; where it is to `explain`, with every step to the decision."""

    def __init__(self, configuration: Configuration, *, explain: bool = False) -> None:
        self.configuration = configuration
        self._explain = explain
        self._narrowed: dict[tuple[int, str, str, str, int], Tool | None] = {}

    def answer(self, held: Recorded) -> Answer:
        """What would be decided on a recorded request. Raises `Undecidable`."""
        decisions = [decision for _, decision in self.decisions(held)]
        strictest = max(decisions, key=lambda decision: STRICTNESS[decision.verdict])
        alike = [each for each in decisions if each.verdict is strictest.verdict]
        rules = tuple(dict.fromkeys(str(rule) for each in alike for rule in each.rules))
        return Answer(strictest.verdict, strictest.reason, rules)

    def decisions(self, held: Recorded) -> Iterator[tuple[Request, Decision]]:
        """The request and the decision for each call. Raises `Undecidable`."""
        if held.lost or not held.calls:
            raise Undecidable(held.lost or "it has no calls")
        for call in held.calls:
            request = self.request(held, call)
            facts = Facts(
                _NONE_ISSUED, held.agent, reason=call.reason, origin=Origin.TEST, confinement=held.confinement
            )
            decision = decide(self.configuration, request, facts, held.time, explain=self._explain)
            if call.tool == UNMATCHED and (held.query or held.size):
                named = [each.tool for each in decision.calls if each.tool != UNMATCHED]
                if named or not decision.calls:
                    raise Undecidable("a tool is there now, and its query and body are not recorded")
            yield request, decision

    def request(self, held: Recorded, call: RecordedCall) -> Request:
        """The request that makes this call. Raises `Undecidable`."""
        if call.tool == UNMATCHED:
            return _unmatched(held)
        tool = self.configuration.tools.get(call.tool)
        if tool is None:
            raise Undecidable("there is no such tool any more")
        if call.lost:
            raise Undecidable(call.lost)
        if call.extras and not tool.extra:
            raise Undecidable("it had fields beyond the tool's template, which the tool does not admit now")
        why = "the tool's requests go elsewhere now"
        for form in (tool, *tool.others):
            narrow = self._narrow(form, held)
            if narrow is None:
                continue
            try:
                request = narrow.fill(call.inputs).request(held.agent)
                if held.path is None or _path(request.target) == _path(held.path):
                    return request
            except Refused:
                why = "its inputs make no request of the tool as it is now"
        raise Undecidable(why)

    def _narrow(self, tool: Tool, held: Recorded) -> Tool | None:
        """The tool at the method and the base that the request used; None where it has them no more."""
        key = id(tool), held.method, held.scheme, held.host, held.port
        if key not in self._narrowed:
            self._narrowed[key] = _narrowed(tool, held)
        return self._narrowed[key]


def _narrowed(tool: Tool, held: Recorded) -> Tool | None:
    if held.method not in tool.methods:
        return None
    for endpoint in tool.endpoints:
        if (endpoint.scheme, endpoint.port) != (held.scheme, held.port):
            continue
        try:
            if endpoint.read(spelling.host(held.host)) is not None:
                return replace(tool, methods=(held.method,), endpoints=(endpoint,))
        except Refused:
            continue
    return None


def _path(target: str) -> str:
    """The path of a target in its canonical form. Raises `Refused`."""
    return spelling.target(target.partition("?")[0]).path.canonical


def _unmatched(held: Recorded) -> Request:
    if held.path is None:
        raise Undecidable("its path is not recorded whole")
    names = "&".join(f"{quote(name, safe='')}=" for name in held.query if name)
    usual = held.port == spelling.DEFAULT_PORTS.get(held.scheme)
    return Request(
        agent=held.agent,
        method=held.method,
        scheme=held.scheme,
        host=held.host,
        port=held.port,
        target=held.path + (f"?{names}" if names else ""),
        headers=(("Host", held.host if usual else f"{held.host}:{held.port}"),),
    )
