"""Grants in a decision: whether what rules ask for has been given in advance, and what can be granted.

Rules: all calls that ask are covered, or no grant is used; what a limit asks for, no grant gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from wharfinger.rules import digests
from wharfinger.rules.policies import grants
from wharfinger.rules.policies.asking import for_agent
from wharfinger.rules.policies.grants import Asked, Sample, Shared
from wharfinger.rules.policies.judging import Judgement
from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.requests import headers
from wharfinger.rules.types import UNMATCHED, Facts, Request, Step, Verdict

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.recognition.recognised import Recognised


@dataclass(slots=True, eq=False)
class Granting:
    """What is known of one request that asks."""

    configuration: Configuration
    request: Request
    read: Recognised
    covered: list[tuple[str, str]]
    """Header fields that the request digest covers."""
    credentials: tuple[str, ...]
    facts: Facts
    now: datetime
    owner: str
    steps: list[Step] = field(default_factory=list)
    _shared: Shared | None = None

    def granted(self, judgement: Judgement) -> Judgement:
        """The judgement, an allow if grants cover all calls that ask."""
        if judgement.verdict is not Verdict.ASK or not self.facts.grants:
            return judgement
        asked = list(self._asked(judgement))
        self.steps = list(self._objections(asked))
        uses = grants.cover(self.facts.grants, asked, self._what())
        if not uses:
            return judgement
        people = ", ".join(dict.fromkeys(name for use in uses for name in use.given_by))
        names = ", ".join(use.grant for use in uses)
        return replace(
            judgement,
            verdict=Verdict.ALLOW,
            reason=f"granted in advance by {people} ({names})",
            ask=None,
            uses=uses,
        )

    def sample(self, judgement: Judgement, salt: str) -> Sample | None:
        """What a grant can be made of, where one call asks."""
        asked = list(self._asked(judgement)) if judgement.verdict is Verdict.ASK else []
        if len(asked) != 1 or len(self.read.calls) != 1 or asked[0].call.tool == UNMATCHED:
            return None
        tool = self.configuration.tools.get(asked[0].call.tool)
        return None if tool is None else grants.sample(asked[0], self._what(), tool.inputs, salt)

    def _asked(self, judgement: Judgement) -> Iterator[Asked]:
        parts = judgement.parts or (judgement,)
        for call, part in zip(self.read.calls, parts, strict=True):
            if part.verdict is Verdict.ASK and part.ask is not None:
                yield Asked(call, for_agent(part.ask, self.owner), part.rules)

    def _what(self) -> Shared:
        if self._shared is None:
            request = self.request
            self._shared = Shared(
                self.facts.agent_id,
                self.now,
                f"{request.method} {request.scheme}://{self.read.host}:{request.port}",
                tuple((n, v) for n, v in self.covered if n != "host" and not headers.is_base(n)),
                self._readable(),
                credential_digests(self.configuration, self.credentials),
                {name: policy.digest for name, policy in self.configuration.policies.items()},
            )
        return self._shared

    def _readable(self) -> bool:
        """Whether all that is sent stands in the inputs; protocols above HTTP read theirs by themselves."""
        return not self.request.body or all(
            tool.media is not None or tool.protocol is not Protocol.HTTP for tool in self.read.winners
        )

    def _objections(self, asked: list[Asked]) -> Iterator[Step]:
        for each in self.facts.grants:
            for one in asked:
                why = grants.objection(each.grant, one, self._what())
                left = "used up" if each.left <= 0 else f"{each.left} left"
                yield Step("grant", f"{each.grant.id} for {each.grant.tool} ({left})", why or "covers")


def credential_digests(configuration: Configuration, names: tuple[str, ...]) -> Mapping[str, str]:
    """The digests of credentials' declarations, by name; empty for one that is not declared."""
    known = configuration.credentials
    return {name: digests.credential_digest(known[name]) if name in known else "" for name in names}


def ended(grant: grants.Grant, configuration: Configuration) -> str | None:
    """Why a grant covers nothing any more under this configuration, if so."""
    rests_on = grant.rests_on
    tool = configuration.tools.get(grant.tool)
    if tool is None or rests_on.template not in {one.digest for one in (tool, *tool.others)}:
        return "the tool has changed"
    for name, digest in rests_on.policies.items():
        if name not in configuration.policies or configuration.policies[name].digest != digest:
            return f"the policy {name} has changed"
    if credential_digests(configuration, tuple(rests_on.credentials)) != rests_on.credentials:
        return "the credential has changed"
    return None
