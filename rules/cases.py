"""The tests that stand in policies: made into requests and decided like any other (DESIGN 5.3).

`call:` fills in the tool's template, and the request that makes is recognised again, so templates are part
of the test. No history but what `after:` says, nothing suspended; a missing credential is taken as the
agent's placeholder. A test that cannot be made into a request fails, whatever it expects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wharfinger.rules.decide import decide
from wharfinger.rules.documents.problems import Position, did_you_mean
from wharfinger.rules.models.base import plain
from wharfinger.rules.models.policies import Case
from wharfinger.rules.policies.limits import Before
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.spelling import DEFAULT_PORTS, authority
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.types import Decision, Facts, Origin, Request, Verdict

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration

_URL: Final = re.compile(r"(https?)://([^/?#]+)(/?[^#]*)")
_NONE_ISSUED: Final = Placeholders({})


class Unusable(ValueError):
    """A test that cannot be made into a request."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one test."""

    policy: str
    position: Position
    passed: bool
    expected: Verdict
    got: Verdict | None
    """None where there was no request to decide on."""
    decision: Decision | None
    problem: str = ""
    """Why there was none."""

    def __str__(self) -> str:
        if self.decision is None or self.got is None:
            return f"{self.position}: the test cannot be run: {self.problem}"
        if self.passed:
            return f"{self.position}: {self.expected}, as expected"
        by = f" by {', '.join(map(str, self.decision.rules))}" if self.decision.rules else ""
        return f"{self.position}: expected {self.expected}, got {self.got}{by}: {self.decision.reason}"


def run(configuration: Configuration) -> tuple[CaseResult, ...]:
    """Run the tests of all policies, in the order of their names and as written."""
    return tuple(
        run_case(configuration, name, case)
        for name, policy in sorted(configuration.policies.items())
        for case in policy.model.tests
    )


def run_case(configuration: Configuration, policy: str, case: Case) -> CaseResult:
    """Run one test."""
    try:
        if case.agent not in configuration.agents:
            hint = did_you_mean(case.agent, configuration.agents)
            raise Unusable(f'there is no agent "{case.agent}"' + (f"; {hint}" if hint else ""))
        request = case_request(configuration, case)
    except Unusable as error:
        return CaseResult(policy, case.position, False, case.expect, None, None, str(error))
    counters = None if case.after is None else Before(case.after, case.instant)
    facts = Facts(
        _NONE_ISSUED,
        agent_id=case.agent,
        reason=case.reason,
        origin=Origin.TEST,
        confinement=case.confinement,
        counters=counters,
    )
    decision = decide(configuration, request, facts, case.instant, explain=True)
    passed = decision.verdict is case.expect
    return CaseResult(policy, case.position, passed, case.expect, decision.verdict, decision)


def case_request(configuration: Configuration, case: Case) -> Request:
    """The request that a test is about. Raises `Unusable`."""
    if case.call is None:
        return _written(case)
    tool = configuration.tools.get(case.call)
    if tool is None:
        hint = did_you_mean(case.call, configuration.tools.tools)
        raise Unusable(f'there is no tool "{case.call}"' + (f"; {hint}" if hint else ""))
    try:
        return tool.fill(plain(case.input)).request(case.agent)
    except Refused as refused:
        raise Unusable(str(refused.refusal)) from None


def _written(case: Case) -> Request:
    method, _, url = (case.request or "").partition(" ")
    found = _URL.fullmatch(url)
    if found is None:
        raise Unusable(f'"{url}" is not a URL; write it like https://api.example.com/v1')
    scheme, where, target = found.groups()
    try:
        host, port = authority(where, DEFAULT_PORTS[scheme])
    except Refused as refused:
        raise Unusable(f'the host of "{url}" cannot be: {refused.refusal}') from None
    return Request(
        agent=case.agent,
        method=method,
        scheme=scheme,
        host=host,
        port=port,
        target=target if target.startswith("/") else f"/{target}",
        headers=tuple(_fields(case, where)),
        body=_body(case),
    )


def _fields(case: Case, where: str) -> Iterator[tuple[str, str]]:
    names = {name.lower() for name in case.headers}
    if "host" not in names:
        yield "Host", where
    yield from ((name, value.encode("utf-8").decode("latin-1")) for name, value in case.headers.items())
    if case.body is not None and not isinstance(case.body, str) and "content-type" not in names:
        yield "Content-Type", "application/json"


def _body(case: Case) -> bytes:
    if case.body is None:
        return b""
    return case.body.encode("utf-8") if isinstance(case.body, str) else canonical_json(plain(case.body))
