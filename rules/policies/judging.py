"""What the rules of an agent say about a request: any deny, else any ask, else any allow, else deny.

Free of order, over rules and over policies. Deny rules see every tool that fits, allow and ask rules the
winner only. Every rule that is about the call is evaluated, because an error in any of them denies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from wharfinger.rules.conditions.when import HOLDS, Outcome, Scope
from wharfinger.rules.policies.asking import agreed, for_agent, lacking, needs
from wharfinger.rules.policies.policy import CompiledPolicy, Rule, Searched
from wharfinger.rules.transient import transient
from wharfinger.rules.types import Ask, Code, RuleRef, Step, Verdict

if TYPE_CHECKING:
    from wharfinger.rules.policies.grants import Use

MAX_SHOWN: Final = 3
"""How many rules a message names."""

type Subjects = Sequence[tuple[str, Scope]]
"""The tools that fit, each with what conditions read of it; the winner first."""


class Found(NamedTuple):
    """A rule that is about the call, and what came of its condition."""

    rule: Rule
    tool: str
    outcome: Outcome


def _place(found: Found) -> tuple[str, int, str, str]:
    """What found rules are sorted by, so that order of evaluation does not show."""
    ref = found.rule.ref
    return ref.file, ref.line, ref.policy, found.tool


def _sorted(found: list[Found]) -> list[Found]:
    return found if len(found) < 2 else sorted(found, key=_place)


@transient
class Judgement:
    """What the rules say, and which of them said it."""

    verdict: Verdict
    reason: str
    help: str = ""
    rules: tuple[RuleRef, ...] = ()
    ask: Ask | None = None
    found: tuple[Found, ...] = ()
    """For `explain`: every rule that is about the call."""
    code: Code | None = None
    """Where it is not the verdict's usual one."""
    timeout: timedelta | None = None
    """The shortest of those that the rules which let it out give it."""
    review: bool = False
    forbidden: bool = False
    """Whether a rule forbids it, or cannot be evaluated: not merely that none allows it."""
    parts: tuple[Judgement, ...] = ()
    """Of a request of several calls: what the rules say of each."""
    uses: tuple[Use, ...] = ()
    """The grants that let it out although rules ask."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The same for `explain`, in order of place."""
        return tuple(_step(found) for found in sorted(self.found, key=_place))


@dataclass(slots=True, eq=False)
class _Findings:
    opening: list[Found]
    """Of allow and ask rules that hold."""
    deny: list[Found]
    errors: list[Found]
    unmet: list[Found]

    @property
    def every(self) -> tuple[Found, ...]:
        """All of them."""
        return (*self.deny, *self.errors, *self.opening, *self.unmet)

    def add(self, rule: Rule, tool: str, outcome: Outcome) -> None:
        found = Found(rule, tool, outcome)
        if outcome.error:
            self.errors.append(found)
        elif not outcome.holds:
            self.unmet.append(found)
        elif rule.ref.verdict is Verdict.DENY:
            self.deny.append(found)
        else:
            self.opening.append(found)


def judge(
    policies: Sequence[CompiledPolicy],
    parts: Sequence[Subjects],
    host: str,
    texts: Callable[[], list[str] | None],
    reasons: Callable[[], str],
    *,
    explain: bool = False,
) -> Judgement:
    """The judgement of all policies of an agent on a request of these parts: the strictest governs.

    `texts` gives what patterns are searched in, or None if it cannot be read; `reasons` says how a
    reason may be given. Only with `explain` are the found rules part of the answer.
    """
    judged = [
        _judge(policies, subjects, host, texts if index == 0 else None, reasons, explain)
        for index, subjects in enumerate(parts)
    ]
    return judged[0] if len(judged) == 1 else _together(judged)


def judge_texts(
    policies: Sequence[CompiledPolicy],
    tool: str,
    environment: str | None,
    texts: Callable[[], list[str] | None],
) -> Judgement:
    """The judgement on what is no call, but part of one of `tool` that was let out: patterns may deny it."""
    findings = _Findings([], [], [], [])
    for policy in policies:
        for searched in policy.patterns:
            if searched.holds_in(environment):
                _search(searched, texts(), tool, findings)
    if findings.deny or findings.errors:
        return _judged(findings, tool, str, findings.every)
    return Judgement(Verdict.ALLOW, f"part of {tool}, which was allowed")


def _judge(  # noqa: PLR0917 - as its caller
    policies: Sequence[CompiledPolicy],
    subjects: Subjects,
    host: str,
    texts: Callable[[], list[str] | None] | None,
    reasons: Callable[[], str],
    explain: bool,
) -> Judgement:
    """One call; patterns are about the whole request, and looked for once."""
    findings = _Findings([], [], [], [])
    for policy in policies:
        for index, (tool, scope) in enumerate(subjects):
            for rule in policy.rules.get(tool, ()):
                denies = rule.ref.verdict is Verdict.DENY
                if (index and not denies) or (rule.hosts and not rule.is_about(host)):
                    continue
                if rule.environments is not None and not rule.holds_in(scope.agent.get("environment")):
                    outcome = _elsewhere(rule.environments)
                else:
                    outcome = HOLDS if rule.condition is None else rule.condition.evaluate(scope)
                if outcome.holds or outcome.error or explain or not denies:
                    findings.add(rule, tool, outcome)
        if policy.patterns and texts is not None:
            environment = subjects[0][1].agent.get("environment")
            for searched in policy.patterns:
                if searched.holds_in(environment):
                    _search(searched, texts(), subjects[0][0], findings)
    return _judged(findings, subjects[0][0], reasons, findings.every if explain else ())


def _elsewhere(environments: frozenset[str]) -> Outcome:
    return Outcome(False, unmet=f"the agent's environment must be {' or '.join(sorted(environments))}")


def _search(searched: Searched, texts: list[str] | None, tool: str, findings: _Findings) -> None:
    rule = Rule(searched.patterns.ref, None, "the request contains what a deny pattern forbids")
    if texts is None:
        error = "the body cannot be read, and deny_patterns must be looked for in it"
        findings.add(rule, tool, Outcome(False, error))
    elif searched.patterns.found(texts):
        findings.add(rule, tool, HOLDS)


def _judged(
    findings: _Findings, tool: str, reasons: Callable[[], str], every: tuple[Found, ...]
) -> Judgement:
    if findings.deny:
        return _denied(_sorted(findings.deny), every)
    if findings.errors:
        found = _sorted(findings.errors)
        first = found[0]
        return Judgement(
            Verdict.DENY,
            f"a rule about {first.tool} cannot be evaluated: {first.outcome.error}",
            f"Give what the rule at {first.rule.ref} reads, or ask the operator to guard it.",
            _refs(found),
            found=every,
            forbidden=True,
        )
    found = _sorted(findings.opening)
    times = [each.rule.timeout for each in found if each.rule.timeout is not None]
    timeout = min(times) if times else None
    if asking := [each for each in found if each.rule.ref.verdict is Verdict.ASK]:
        return _asked(asking, every, timeout)
    if found:
        said = f"allowed by {found[0].rule.ref}"
        review = any(each.rule.review for each in found)
        return Judgement(Verdict.ALLOW, said, "", _refs(found), found=every, timeout=timeout, review=review)
    return _unopened(findings, tool, reasons, every)


def _together(judged: list[Judgement]) -> Judgement:
    """The judgement on a request of several calls: a deny of one, else what all that ask agree on."""
    every = tuple(found for judgement in judged for found in judgement.found)
    denying = [each for each in judged if each.verdict is Verdict.DENY]
    asking = [each for each in judged if each.verdict is Verdict.ASK]
    governing = denying or asking or judged
    first = governing[0]
    rules = tuple(dict.fromkeys(rule for each in governing for rule in each.rules))
    ask = first.ask
    if not denying and asking:
        ask = agreed([each.ask for each in asking if each.ask is not None])
    return Judgement(
        first.verdict,
        first.reason,
        first.help,
        rules,
        ask,
        every,
        timeout=shortest(*(each.timeout for each in judged)),
        review=not denying and any(each.review for each in judged),
        parts=tuple(judged),
        forbidden=any(each.forbidden for each in judged),
    )


def _denied(found: list[Found], every: tuple[Found, ...]) -> Judgement:
    because = next((f.rule.because for f in found if f.rule.because), "")
    first = found[0]
    return Judgement(
        Verdict.DENY,
        because or f"{first.tool} is denied by the policy {first.rule.ref.policy}",
        f"The rule at {first.rule.ref} forbids it; do not try again, ask the operator if it is needed.",
        _refs(found),
        found=every,
        forbidden=True,
    )


def _asked(found: list[Found], every: tuple[Found, ...], timeout: timedelta | None) -> Judgement:
    """An ask that satisfies every rule that asks: people whom all of them name, the shortest time."""
    ask = agreed([f.rule.ask for f in found if f.rule.ask is not None])
    because = next((f.rule.because for f in found if f.rule.because), "")
    reason = because or f"{found[0].tool} {needs(ask.approvers)}"
    return Judgement(Verdict.ASK, reason, "", _refs(found), ask, every, timeout=timeout)


def shortest(*times: timedelta | None) -> timedelta | None:
    """The shortest of those that are given."""
    return min((each for each in times if each is not None), default=None)


def answerable(judgement: Judgement, owner: str) -> Judgement:
    """The judgement on a request of an agent of this owner: a denial where too few people may answer."""
    if judgement.verdict is not Verdict.ASK or judgement.ask is None:
        return judgement
    ask = for_agent(judgement.ask, owner)
    if (lack := lacking(ask)) is None:
        return replace(judgement, ask=ask)
    return Judgement(
        Verdict.DENY,
        lack,
        "Ask the operator to name people who may.",
        judgement.rules,
        found=judgement.found,
    )


def _unopened(
    findings: _Findings, tool: str, reasons: Callable[[], str], every: tuple[Found, ...]
) -> Judgement:
    near = _sorted([f for f in findings.unmet if f.rule.ref.verdict is not Verdict.DENY])
    if not near:
        return Judgement(
            Verdict.DENY,
            "no rule allows this",
            f"No policy of this agent allows {tool}; ask the operator for a rule if it is needed.",
            found=every,
        )
    needs = [f"{f.outcome.unmet} ({f.rule.ref})" for f in near[:MAX_SHOWN]]
    about_reasons = any(word in f.outcome.unmet for f in near for word in ("a reason must be", "call.reason"))
    how = f" {reasons()}" if about_reasons else ""
    return Judgement(
        Verdict.DENY, "no rule allows this", f"For {tool}: {'; or '.join(needs)}.{how}", found=every
    )


def _refs(found: list[Found]) -> tuple[RuleRef, ...]:
    if len(found) == 1:
        return (found[0].rule.ref,)
    return tuple(dict.fromkeys(f.rule.ref for f in found))


def _step(found: Found) -> Step:
    rule, outcome = found.rule, found.outcome
    said = outcome.error or outcome.unmet or rule.because
    text = f"{rule.ref.verdict} {found.tool} ({rule.ref.policy})" + (f": {said}" if said else "")
    result = "error" if outcome.error else "holds" if outcome.holds else "does not hold"
    return Step("rule", text, result, rule.ref)
