"""A configuration as those see it who look for mistakes: each rule once, with what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from wharfinger.rules.conditions.requirements import requirements
from wharfinger.rules.conditions.when import UNMATCHED_INPUTS
from wharfinger.rules.documents.problems import Position
from wharfinger.rules.inputs import Input
from wharfinger.rules.lint.logic import Facts
from wharfinger.rules.policies.policy import CompiledPolicy, Rule
from wharfinger.rules.types import UNMATCHED, RuleRef, Verdict

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration

STRICTNESS: Mapping[Verdict, int] = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 2}


def place(ref: RuleRef) -> Position:
    """Where a rule stands."""
    return Position(ref.file, ref.line, ref.column)


@dataclass(slots=True, eq=False)
class Standing:
    """A rule of one policy, and the tools it is about."""

    rule: Rule
    policy: CompiledPolicy
    names: list[str] = field(default_factory=list)
    _facts: Facts | None = None

    @property
    def verdict(self) -> Verdict:
        """What it answers."""
        return self.rule.ref.verdict

    @property
    def at(self) -> Position:
        """Where it stands."""
        return place(self.rule.ref)

    @property
    def own(self) -> bool:
        """Whether it is written in the policy itself, not in one that it extends."""
        return self.rule.ref.policy == self.policy.name

    @property
    def facts(self) -> Facts:
        """What its condition requires."""
        if self._facts is None:
            self._facts = Facts.make(requirements(self.rule.condition))
        return self._facts

    def covers(self, other: Standing) -> bool:
        """Whether it holds wherever the other does, for a tool that both are about."""
        return self._is_there_for(other) and (self.rule.condition is None or other.facts.implies(self.facts))

    def _is_there_for(self, other: Standing) -> bool:
        """Whether it is in force for every agent, and about every host, that the other is."""
        own, theirs = self.rule, other.rule
        environments = own.environments is None or (
            theirs.environments is not None and theirs.environments <= own.environments
        )
        return environments and (
            not own.hosts or (bool(theirs.hosts) and set(theirs.hosts) <= set(own.hosts))
        )


class View:
    """Everything that is looked through. Policies that only observe are left out: they never decide."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.policies = [policy for policy in configuration.policies.values() if policy.model.until is None]
        self._standing = {policy.name: _standing(policy) for policy in self.policies}

    def __iter__(self) -> Iterator[Standing]:
        """Every rule, by policy, in the order of the tools it is about."""
        for policy in self.policies:
            yield from self._standing[policy.name]

    @cached_property
    def by_tool(self) -> Mapping[str, Mapping[str, list[Standing]]]:
        """The rules of each policy about each tool; those without a condition first."""
        found: dict[str, dict[str, list[Standing]]] = {}
        for policy in self.policies:
            here = found[policy.name] = {}
            for standing in sorted(self._standing[policy.name], key=lambda s: s.rule.condition is not None):
                for name in standing.names:
                    here.setdefault(name, []).append(standing)
        return found

    @cached_property
    def holders(self) -> Mapping[str, list[str]]:
        """The agents that have each policy."""
        found: dict[str, list[str]] = {name: [] for name in self.configuration.policies}
        for name, agent in self.configuration.agents.items():
            for policy in agent.policies:
                found.setdefault(policy, []).append(name)
        return found

    @cached_property
    def companions(self) -> Mapping[str, list[str]]:
        """The policies that every agent which has this one has, this one first."""
        agents = self.configuration.agents
        found = {}
        for policy in self.policies:
            held = [set(agents[name].policies) for name in self.holders[policy.name]]
            common = set.intersection(*held) if held else set()
            others = sorted((common & self._standing.keys()) - {policy.name})
            found[policy.name] = [policy.name, *others]
        return found

    def beside(self, standing: Standing, tool: str) -> Iterator[Standing]:
        """The other rules about a tool that hold for all agents this one holds for."""
        for name in self.companions[standing.policy.name]:
            for other in self.by_tool[name].get(tool, ()):
                if other.rule is not standing.rule:
                    yield other

    def inputs(self, tool: str) -> Mapping[str, Input]:
        """The inputs of a tool, or of `unmatched`."""
        return UNMATCHED_INPUTS if tool == UNMATCHED else self.configuration.tools[tool].inputs


def _standing(policy: CompiledPolicy) -> list[Standing]:
    found: dict[int, Standing] = {}
    for name, rules in policy.rules.items():
        for rule in rules:
            found.setdefault(id(rule), Standing(rule, policy)).names.append(name)
    return list(found.values())
