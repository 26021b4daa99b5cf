"""From a policy as it is written to one that can decide, with all that is wrong with it reported.

Globs are expanded over the tools when loaded, so that a decision looks up one name. `tool: "*"` includes
`unmatched` in deny rules only; elsewhere globs match named tools. So does a selection by effect: a deny of
what is destructive includes requests no tool fits whose method is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Final

from wharfinger.rules.conditions.when import UNMATCHED_INPUTS, OfEffect, Subject, compile_when
from wharfinger.rules.detecting.detectors import expanded
from wharfinger.rules.digests import part_digest
from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.names import Names
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean
from wharfinger.rules.models.limits import Limit as LimitRule
from wharfinger.rules.models.limits import Rate
from wharfinger.rules.models.policies import Allow, Deny, Escalate, Policy
from wharfinger.rules.models.policies import Ask as AskRule
from wharfinger.rules.models.selections import Selection
from wharfinger.rules.models.values import spelled_duration
from wharfinger.rules.policies.asking import lacking
from wharfinger.rules.policies.extending import both, by_name, merged, narrowed, once
from wharfinger.rules.policies.limits import Limit, Measure, key_of
from wharfinger.rules.policies.patterns import Patterns, is_too_large
from wharfinger.rules.policies.policy import CompiledPolicy, People, Rule, Searched
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.types import UNMATCHED, Ask, Escalation, RuleRef, Verdict

_WILD: Final = frozenset("*?[")
_NUMBERS: Final = frozenset({"integer", "number"})


def compile_policy(
    model: Policy,
    tools: Toolset,
    people: People,
    expires: timedelta,
    problems: Problems,
    *,
    named: Names | None = None,
    bases: Sequence[CompiledPolicy] = (),
) -> CompiledPolicy:
    """Compile one policy, with what it has of its `bases`, and report everything that is wrong with it.

    `expires` is how long an approval may be waited for where the rule does not say it. Names of
    approvers are checked elsewhere. `named` are the names of tools with errors in them, too: a rule that
    names one of them is not an error as well.
    """
    compiler = _Compiler(model, tools, people, expires, problems, named or Names("tool"))
    return compiler.extended(compiler.policy(), bases)


@dataclass(slots=True)
class _Compiler:
    model: Policy
    tools: Toolset
    people: People
    expires: timedelta
    problems: Problems
    named: Names

    def policy(self) -> CompiledPolicy:
        rules = by_name(self._rules())
        clock = any(r.condition is not None and r.condition.reads.clock for rs in rules.values() for r in rs)
        self._check_instants(clock)
        self._check_patterns()
        patterns = Patterns(self.model.deny_patterns, self._ref(self.model.at("deny_patterns"), Verdict.DENY))
        environments = self._environments(None)
        searched = (Searched(patterns, environments),) if self.model.deny_patterns else ()
        return CompiledPolicy(
            self.model, rules, searched, by_name(self._limits()), clock,
            redact=self._redactions(), sees=expanded(self.model.sees),
        )  # fmt: skip

    def _redactions(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {}
        for written in self.model.redact:
            for name in self._names(written.tool, written.at("tool"), Verdict.DENY):
                found.setdefault(name, {}).update(dict.fromkeys(written.fields))
        return {name: tuple(entries) for name, entries in found.items()}

    def _rules(self) -> Iterator[tuple[tuple[str, ...], Rule]]:
        for index, name in enumerate(self.model.tools):
            at = self.model.at("tools", index)
            names = self._names(name, at, Verdict.ALLOW)
            if names:
                yield names, self._allow(at)
        for written in self.model.rules:
            names = self._names(written.tool, written.at("tool"), written.verdict)
            if names and (compiled := self._rule(written, names)) is not None:
                yield from self._by_effect(written, names, compiled)

    def _by_effect(
        self, written: Allow | AskRule | Deny, names: tuple[str, ...], rule: Rule
    ) -> Iterator[tuple[tuple[str, ...], Rule]]:
        """The rule; about `unmatched`, whose effect its method tells, it asks for the effect first."""
        if not isinstance(written.tool, Selection) or UNMATCHED not in names:
            yield names, rule
            return
        yield tuple(name for name in names if name != UNMATCHED), rule
        effects = frozenset(map(str, written.tool.effect))
        yield (UNMATCHED,), replace(rule, condition=OfEffect(effects, rule.condition))

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
        environments = self._environments(written.environments)
        rule = Rule(
            self._ref(written.position, written.verdict),
            condition,
            written.because,
            environments=environments,
        )
        if isinstance(written, Deny):
            return rule
        rule = replace(rule, hosts=written.hosts or (), timeout=written.timeout)
        if isinstance(written, AskRule):
            approvers = written.approvers or self.model.approvers
            return replace(rule, ask=self._asked(written, approvers))
        return self._signed(replace(rule, review=written.review))

    def _allow(self, at: Position) -> Rule:
        """An allow of the short form."""
        return self._signed(Rule(self._ref(at, Verdict.ALLOW), None, environments=self._environments(None)))

    def _signed(self, rule: Rule) -> Rule:
        """An allow, which the policy's own approvers turn into an ask."""
        if not self.model.approvers or rule.ref.verdict is not Verdict.ALLOW:
            return rule
        ask = self._ask(Position(rule.ref.file, rule.ref.line), self.model.approvers, None)
        return replace(rule, ref=replace(rule.ref, verdict=Verdict.ASK), ask=ask)

    def _environments(self, own: Collection[str] | None) -> frozenset[str] | None:
        """Those that the policy and the rule both name."""
        return both(self.model.environments, own)

    def _ask(self, at: Position, approvers: tuple[str, ...], expires: timedelta | None) -> Ask:
        people = self.people.resolve(approvers)
        if not people and not approvers and self.people.whole:
            self.problems.error(
                at, "the rule asks, and there is no one to approve", "name people in people.yaml"
            )
        absences = tuple(each for each in self.people.absences if each.person in people)
        return Ask(approvers, people, expires or self.expires, absences=absences)

    def _asked(self, written: AskRule, approvers: tuple[str, ...]) -> Ask:
        """What an ask rule asks, with what is wrong with it reported."""
        ask = self._ask(written.position, approvers, written.expires)
        ask = replace(ask, quorum=written.quorum, separate=written.separate)
        if written.escalate is not None:
            ask = self._escalated(ask, written.escalate)
        if ask.everyone and self.people.whole and (lack := lacking(ask)) is not None:
            self.problems.error(written.at("quorum"), lack, "lower the quorum, or name more approvers")
        return ask

    def _escalated(self, ask: Ask, written: Escalate) -> Ask:
        if written.after >= ask.expires:
            self.problems.error(
                written.at("after"),
                "the question has expired by then",
                f"let it begin before the question expires ({spelled_duration(ask.expires)})",
            )
        people = ask.people | self.people.resolve(written.to)
        absences = tuple(each for each in self.people.absences if each.person in people)
        return replace(ask, escalations=(Escalation(written.after, written.to, people),), absences=absences)

    def _ref(self, at: Position, verdict: Verdict) -> RuleRef:
        return RuleRef(self.model.policy, at.file, at.line, verdict, at.column)

    def _names(self, written: str | Selection, at: Position, verdict: Verdict) -> tuple[str, ...]:
        """The tools that a rule's `tool` stands for."""
        if isinstance(written, Selection):
            return self._selected(written, at, verdict)
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
            message = f'"{written}" matches no tool'
            self.problems.warning(at, message, "the rule can never decide", kinds.NO_MATCH)
        return tuple(sorted(names))

    def _selected(self, written: Selection, at: Position, verdict: Verdict) -> tuple[str, ...]:
        names = [tool.name for tool in self.tools.tools.values() if written.picks(tool.api, tool.effect)]
        if verdict is Verdict.DENY and written.effect and written.api is None:
            names.append(UNMATCHED)
        if not names:
            message = f"{written} matches no tool"
            self.problems.warning(at, message, "the rule can never decide", kinds.NO_MATCH)
        return tuple(sorted(names))

    # Limits

    def _limits(self) -> Iterator[tuple[tuple[str, ...], Limit]]:
        for written in self.model.limits:
            names = self._names(written.tool, written.at("tool"), Verdict.DENY)
            if names and all(self._summable(written, name, names) for name in written.sum):
                yield names, self._limit(written)

    def _limit(self, written: LimitRule) -> Limit:
        asks = written.then == "ask"
        rates = [("", written.calls)] if written.calls is not None else []
        rates += list(written.sum.items())
        at = written.position
        return Limit(
            self._ref(at, Verdict.ASK if asks else Verdict.DENY),
            str(written.tool),
            tuple(self._measure(str(written.tool), name, rate) for name, rate in rates),
            written.because,
            self._ask(at, written.approvers or self.model.approvers, written.expires) if asks else None,
            self._environments(None),
            frozenset(map(str, written.tool.effect)) if isinstance(written.tool, Selection) else None,
        )

    def _measure(self, tool: str, name: str, rate: Rate) -> Measure:
        return Measure(key_of(self.model.policy, tool, name, rate.window), name, rate)

    def _summable(self, written: LimitRule, name: str, tools: tuple[str, ...]) -> bool:
        """Whether every tool of a limit has this input, as a number; reports it if not."""
        at = written.at("sum", name, key=True)
        for tool in tools:
            known = UNMATCHED_INPUTS if tool == UNMATCHED else self.tools[tool].inputs
            if name not in known:
                hint = did_you_mean(name, known) or "name the tools that have it"
                self.problems.error(at, f'"{tool}" has no input "{name}" to add up', hint)
                return False
            if not _NUMBERS.issuperset(known[name].kinds):
                what = f'the input "{name}" of "{tool}" is of type {known[name].what}'
                self.problems.error(at, f"{what}, and only numbers can be added up")
                return False
        return True

    # What is inherited

    def extended(self, own: CompiledPolicy, bases: Sequence[CompiledPolicy]) -> CompiledPolicy:
        """The policy with all that its bases have, in its own environments and signed by its approvers."""
        rules = merged([own.rules, *(self._inherited(base) for base in bases)])
        within = self.model.environments
        limits = merged(
            [own.limits, *({n: narrowed(ls, within) for n, ls in base.limits.items()} for base in bases)]
        )
        inherited = (each for base in bases for each in narrowed(base.patterns, within))
        patterns = once((*own.patterns, *inherited))
        clock = own.reads_clock or any(base.reads_clock for base in bases)
        digest = part_digest(self.model)
        redact = merged([own.redact, *(base.redact for base in bases)])
        sees = own.sees.union(*(base.sees for base in bases))
        whole = CompiledPolicy(self.model, rules, tuple(patterns), limits, clock, digest, redact, sees)
        if not self.model.abstract:
            self._check_streams(whole)
        return whole

    def _inherited(self, base: CompiledPolicy) -> Mapping[str, tuple[Rule, ...]]:
        within = self.model.environments
        return {
            name: tuple(self._signed(rule) for rule in narrowed(rules, within))
            for name, rules in base.rules.items()
        }

    def _check_streams(self, policy: CompiledPolicy) -> None:
        """A tool whose body is not read cannot be held, nor searched for patterns (DESIGN 3)."""
        for name, about in policy.rules.items():
            tool = self.tools.get(name)
            if tool is None or not (tool.stream or tool.opening):
                continue
            asking = [limit for limit in policy.limits.get(name, ()) if limit.ask is not None]
            for limit in asking if tool.stream else ():
                self.problems.error(
                    Position(limit.ref.file, limit.ref.line),
                    f'"{name}" streams its body and cannot wait for approval',
                    "write `then: deny`",
                )
            for rule in about:
                at = Position(rule.ref.file, rule.ref.line)
                if rule.ref.verdict is Verdict.ASK and tool.stream:
                    self.problems.error(
                        at, f'"{name}" streams its body and cannot wait for approval', "allow it, or deny it"
                    )
                elif rule.ref.verdict is Verdict.ALLOW and policy.patterns:
                    self.problems.error(
                        at,
                        f'"{name}" streams its body, which deny_patterns would have to read',
                        "keep the two in policies of different agents",
                    )

    def _check_patterns(self) -> None:
        for index, text in enumerate(self.model.deny_patterns):
            if is_too_large(text):
                at = self.model.at("deny_patterns", index)
                self.problems.error(at, f'"{text}" is too large a pattern', "ask for fewer repetitions")

    def _check_instants(self, clock: bool) -> None:
        """Tests of a policy that reads the clock must show that someone has thought of the time."""
        tests = self.model.tests
        if clock and tests and not any(case.says_when for case in tests):
            self.problems.error(
                tests[0].position,
                "the policy reads the clock, and none of its tests says when it takes place",
                "add `at: 2026-01-14T12:00Z`, in the zone that matters, to those the time decides",
            )
