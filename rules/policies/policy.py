"""Policies, compiled: rules by tool, without an order; patterns; and who may approve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from wharfinger.rules.conditions.when import Condition
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.policies.limits import Limits
from wharfinger.rules.policies.patterns import Patterns
from wharfinger.rules.requests.spelling import covers
from wharfinger.rules.types import Absence, Ask, RuleRef

LONGEST: Final = timedelta(days=14)
"""How long a policy may observe: one that ends later is in force until then is so near."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled."""

    ref: RuleRef
    condition: Condition | None
    """None where the rule always holds."""
    because: str = ""
    ask: Ask | None = None
    """Of rules that ask: whose approval."""
    hosts: tuple[str, ...] = ()
    """Of rules that open `unmatched`: the hosts they are about."""
    environments: frozenset[str] | None = None
    """The environments of the agents that it is about; None for all."""
    timeout: timedelta | None = None
    review: bool = False

    def is_about(self, host: str) -> bool:
        """Whether a rule for `unmatched` is about this (canonical) host."""
        return not self.hosts or any(covers(pattern, host) for pattern in self.hosts)

    def holds_in(self, environment: str | None) -> bool:
        """Whether it is about agents of this environment."""
        return self.environments is None or environment in self.environments


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """The `deny_patterns` of one file."""

    patterns: Patterns
    environments: frozenset[str] | None = None

    def holds_in(self, environment: str | None) -> bool:
        """Whether they are about agents of this environment."""
        return self.environments is None or environment in self.environments


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """One policy, ready to decide."""

    model: Policy
    rules: Mapping[str, tuple[Rule, ...]]
    """By name of tool; under `unmatched` those about requests that no tool fits."""
    patterns: tuple[Searched, ...] = ()
    limits: Limits = field(default_factory=dict)
    reads_clock: bool = False
    digest: str = ""
    """Of what is written in its file, but its tests."""
    redact: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is taken out of answers, as written, by name of tool; wherever agents are, for it only hides."""
    sees: frozenset[str] = frozenset()
    """The detectors that tools name in vain for its agents."""

    def holds_in(self, environment: str | None) -> bool:
        """Whether it is about agents of this environment."""
        return self.model.environments is None or environment in self.model.environments

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.model.policy

    def search_time(self, size: int) -> float:
        """Nanoseconds that its patterns may take in a request of so many bytes."""
        return sum(each.patterns.nanoseconds(size) for each in self.patterns)

    def observes(self, now: datetime) -> bool:
        """Whether what it says is only recorded: in the 14 days before `until`, and never else."""
        until = self.model.until
        return until is not None and now < until <= now + LONGEST


@dataclass(frozen=True, slots=True)
class People:
    """Who may approve: people and teams by name."""

    names: Collection[str] = ()
    teams: Mapping[str, Sequence[str]] | None = None
    whole: bool = True
    """False where it is not known who there is, because a file could not be read."""
    absences: tuple[Absence, ...] = ()
    """Who has said who answers for them."""

    def resolve(self, approvers: Iterable[str]) -> frozenset[str]:
        """The people that names of teams and people stand for; everyone where none is named."""
        approvers = tuple(approvers)
        teams = self.teams or {}
        named = {person for name in approvers for person in teams.get(name, (name,))}
        return frozenset(named & set(self.names)) if approvers else frozenset(self.names)
