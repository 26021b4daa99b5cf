"""Policies, compiled: rules by the tool they are about, patterns, and what it takes to approve.

Rules are free of order. Globs are expanded over the tools when loaded, so that a decision looks up one
name. `tool: "*"` includes `unmatched` in deny rules only; elsewhere globs match named tools.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Final

from wharfinger.rules.conditions import UNMATCHED_INPUTS, Condition, Subject, compile_when
from wharfinger.rules.models.policies import Allow, Deny, Policy
from wharfinger.rules.models.policies import Ask as AskRule
from wharfinger.rules.names import Names
from wharfinger.rules.patterns import Patterns
from wharfinger.rules.problems import Position, Problems, did_you_mean
from wharfinger.rules.recognise import Toolset
from wharfinger.rules.spelling import covers
from wharfinger.rules.types import UNMATCHED, Ask, RuleRef, Verdict

_WILD: Final = frozenset("*?[")


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

    def is_about(self, host: str) -> bool:
        """Whether a rule for `unmatched` is about this (canonical) host."""
        return not self.hosts or any(covers(pattern, host) for pattern in self.hosts)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """One policy, ready to decide."""

    model: Policy
    rules: Mapping[str, tuple[Rule, ...]]
    """By name of tool; under `unmatched` those about requests that no tool fits."""
    patterns: Patterns | None
    reads_clock: bool

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.model.policy


@dataclass(frozen=True, slots=True)
class People:
    """Who may approve: people and teams by name."""

    names: Collection[str] = ()
    teams: Mapping[str, Sequence[str]] | None = None
    whole: bool = True
    """False where it is not known who there is, because a file could not be read."""

    def resolve(self, approvers: Iterable[str]) -> frozenset[str]:
        """The people that names of teams and people stand for; everyone where none is named."""
        approvers = tuple(approvers)
        teams = self.teams or {}
        named = {person for name in approvers for person in teams.get(name, (name,))}
        return frozenset(named & set(self.names)) if approvers else frozenset(self.names)


def compile_policy(
    model: Policy,
    tools: Toolset,
    people: People,
    expires: timedelta,
    problems: Problems,
    *,
    named: Names | None = None,
) -> CompiledPolicy:
    """Compile one policy and report everything that is wrong with it.

    `expires` is how long an approval may be waited for where the rule does not say it. Names of
    approvers are checked elsewhere. `named` are the names of tools with errors in them, too: a rule that
    names one of them is not an error as well.
    """
    return _Compiler(model, tools, people, expires, problems, named or Names("tool")).policy()


@dataclass(slots=True)
class _Compiler:
    model: Policy
    tools: Toolset
    people: People
    expires: timedelta
    problems: Problems
    named: Names

    def policy(self) -> CompiledPolicy:
        by_name: dict[str, list[Rule]] = {}
        for names, rule in self._rules():
            for name in names:
                by_name.setdefault(name, []).append(rule)
        rules = {name: tuple(rules) for name, rules in by_name.items()}
        clock = any(r.condition is not None and r.condition.reads.clock for rs in rules.values() for r in rs)
        self._check_streams(rules)
        self._check_instants(clock)
        patterns = Patterns(self.model.deny_patterns, self._ref(self.model.at("deny_patterns"), Verdict.DENY))
        return CompiledPolicy(self.model, rules, patterns if self.model.deny_patterns else None, clock)

    def _rules(self) -> Iterator[tuple[tuple[str, ...], Rule]]:
        for index, name in enumerate(self.model.tools):
            at = self.model.at("tools", index)
            names = self._names(name, at, Verdict.ALLOW)
            if names:
                yield names, self._allow(at)
        for written in self.model.rules:
            names = self._names(written.tool, written.at("tool"), written.verdict)
            if names and (compiled := self._rule(written, names)) is not None:
                yield names, compiled

    def _rule(self, written: Allow | AskRule | Deny, names: tuple[str, ...]) -> Rule | None:
        condition = None
        if written.when is not None:
            subjects = [
                Subject(n, UNMATCHED_INPUTS if n == UNMATCHED else self.tools[n].inputs) for n in names
            ]
            condition = compile_when(
                written.when,
                subjects,
                lambda *path, key=False: written.at("when", *path, key=key),
                self.problems,
            )
            if condition is None:
                return None
        at = written.position
        if isinstance(written, Deny):
            return Rule(self._ref(at, Verdict.DENY), condition, written.because)
        hosts = written.hosts or ()
        if isinstance(written, AskRule):
            ask = self._ask(at, written.approvers or self.model.approvers, written.expires)
            return Rule(self._ref(at, Verdict.ASK), condition, written.because, ask, hosts)
        return self._allow(at, condition, written.because, hosts)

    def _allow(
        self, at: Position, condition: Condition | None = None, because: str = "", hosts: tuple[str, ...] = ()
    ) -> Rule:
        """An allow, which the policy's own approvers turn into an ask."""
        if not self.model.approvers:
            return Rule(self._ref(at, Verdict.ALLOW), condition, because, hosts=hosts)
        ask = self._ask(at, self.model.approvers, None)
        return Rule(self._ref(at, Verdict.ASK), condition, because, ask, hosts)

    def _ask(self, at: Position, approvers: tuple[str, ...], expires: timedelta | None) -> Ask:
        people = self.people.resolve(approvers)
        if not people and not approvers and self.people.whole:
            self.problems.error(
                at, "the rule asks, and there is no one to approve", "name people in people.yaml"
            )
        return Ask(approvers, people, expires or self.expires)

    def _ref(self, at: Position, verdict: Verdict) -> RuleRef:
        return RuleRef(self.model.policy, at.file, at.line, verdict)

    def _names(self, written: str, at: Position, verdict: Verdict) -> tuple[str, ...]:
        """The tools that a rule's `tool` stands for."""
        if written == UNMATCHED or written in self.tools:
            return (written,)
        if not _WILD & set(written):
            if not self.named.missing(written):
                return ()
            hint = did_you_mean(written, [*self.tools.tools, UNMATCHED])
            self.problems.error(
                at, f'there is no tool "{written}"', hint or "name one of tools/ or the catalogue"
            )
            return ()
        names = [name for name in self.tools.tools if fnmatchcase(name, written)]
        if verdict is Verdict.DENY and written == "*":
            names.append(UNMATCHED)
        if not names and not self.named.matched(written):
            self.problems.warning(at, f'"{written}" matches no tool', "the rule can never decide")
        return tuple(sorted(names))

    def _check_streams(self, rules: Mapping[str, tuple[Rule, ...]]) -> None:
        """A tool whose body is not read cannot be held, nor searched for patterns (DESIGN 3)."""
        for name, about in rules.items():
            tool = self.tools.get(name)
            if tool is None or not (tool.stream or tool.opening):
                continue
            for rule in about:
                at = Position(rule.ref.file, rule.ref.line)
                if rule.ref.verdict is Verdict.ASK and tool.stream:
                    self.problems.error(
                        at, f'"{name}" streams its body and cannot wait for approval', "allow it, or deny it"
                    )
                elif rule.ref.verdict is Verdict.ALLOW and self.model.deny_patterns:
                    self.problems.error(
                        at,
                        f'"{name}" streams its body, which deny_patterns would have to read',
                        "keep the two in policies of different agents",
                    )

    def _check_instants(self, clock: bool) -> None:
        """Tests of a policy that reads the clock must show that someone has thought of the time."""
        tests = self.model.tests
        if clock and tests and not any(case.says_when for case in tests):
            self.problems.error(
                tests[0].position,
                "the policy reads the clock, and none of its tests says when it takes place",
                "add `at: 2026-01-14T12:00Z`, in the zone that matters, to those the time decides",
            )
            asking = [limit for limit in policy.limits.get(name, ()) if limit.ask is not None]
            for limit in asking if tool.stream else ():
                self.problems.error(
                    Position(limit.ref.file, limit.ref.line),
                    f'"{name}" streams its body and cannot wait for approval',
                    "write `then: deny`",
                )
