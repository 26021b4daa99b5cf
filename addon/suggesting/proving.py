"""Prove a suggested policy before it is shown: it loads, its tests pass, it allows what it was made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from wharfinger.faults import Fault
from wharfinger.replaying.again import Again, Undecidable
from wharfinger.replaying.recorded import Recorded
from wharfinger.rules import cases
from wharfinger.rules.cases import CaseResult
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.policies.compiling import compile_policy
from wharfinger.rules.policies.policy import People
from wharfinger.rules.types import Verdict


class NotProven(Fault):
    """A suggested policy is not what it should be; it is not shown."""


def under(configuration: Configuration, agent: str, name: str, text: str) -> Configuration:
    """The configuration in which the agent has this policy alone. Raises `NotProven`."""
    problems = Problems()
    model = read_model(Policy, Source(f"policies/{name}.yaml", text.encode()), problems)
    if model is None or problems.errors:
        raise _faulty(problems)
    people = People(tuple(configuration.people), configuration.teams)
    expires = configuration.settings.approvals.expires
    compiled = compile_policy(model, configuration.tools, people, expires, problems)
    if problems.errors:
        raise _faulty(problems)
    held = configuration.agents[agent].model_copy(update={"policies": (name,)})
    return replace(
        configuration, agents=MappingProxyType({agent: held}), policies=MappingProxyType({name: compiled})
    )


def failed(configuration: Configuration) -> list[CaseResult]:
    """Tests of the policy that do not pass."""
    return [result for result in cases.run(configuration) if not result.passed]


def prove(configuration: Configuration, requests: Iterable[Recorded]) -> int:
    """How many of the requests it allows, which must be all that can be decided. Raises `NotProven`."""
    again, count = Again(configuration), 0
    for held in requests:
        try:
            answer = again.answer(held)
        except Undecidable:
            continue
        if answer.verdict is not Verdict.ALLOW:
            raise NotProven(
                f"the suggested policy would not allow the call {held.decision}: {answer.reason}",
                "please report this; the policy is not shown",
            )
        count += 1
    return count


def _faulty(problems: Problems) -> NotProven:
    first = problems.errors[0] if problems.errors else "it cannot be read"
    return NotProven(f"the suggested policy cannot be loaded: {first}", "please report this")
