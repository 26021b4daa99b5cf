"""What deserves a look because a policy only observes (`mode: observe`), at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.policies.policy import LONGEST, CompiledPolicy

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration


def observed_agents(configuration: Configuration, now: datetime) -> dict[str, tuple[str, ...]]:
    """The agents whose policies observe, in part or all of them: by name, those policies."""
    found = {}
    for name, agent in configuration.agents.items():
        held = [configuration.policies[policy] for policy in agent.policies]
        if observing := tuple(policy.name for policy in held if policy.observes(now)):
            found[name] = observing
    return found


def free_agents(configuration: Configuration, now: datetime) -> tuple[str, ...]:
    """The agents that no policy holds, because all of theirs observe."""
    observed = observed_agents(configuration, now)
    return tuple(
        sorted(
            name
            for name, policies in observed.items()
            if len(policies) == len(configuration.agents[name].policies)
        )
    )


def remarks(configuration: Configuration, now: datetime) -> Iterator[Problem]:
    """An error for a policy that would observe for too long, and a warning for each that observes or has."""
    for policy in configuration.policies.values():
        until = policy.model.until
        if until is not None:
            yield _remark(policy, until, now)
    for name in free_agents(configuration, now):
        yield Problem(
            configuration.agents[name].position,
            f'all policies of "{name}" observe: whatever they would deny passes',
            "end `mode: observe` in one of them as soon as you have seen enough",
            Severity.WARNING,
            kinds.OBSERVES,
        )


def _remark(policy: CompiledPolicy, until: datetime, now: datetime) -> Problem:
    at = policy.model.at("until")
    if until > now + LONGEST:
        return Problem(
            at, "a policy observes for at most 14 days", f"write a date until {_day(now + LONGEST)}"
        )
    if policy.observes(now):
        said = f'the policy "{policy.name}" observes until {until.isoformat(timespec="minutes")}'
        hint = "what it says is recorded, and not enforced"
    else:
        said, hint = f'the policy "{policy.name}" has observed, and is in force', "drop `mode` and `until`"
    return Problem(at, said, hint, Severity.WARNING, kinds.OBSERVES)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
