"""For a denial: the rules that were nearest to letting it out, and what kept each of them from it.

For people who explain a decision, not for agents: what is told here shows the values that were given. The
decision is made already; nothing here changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.conditions.requirements import Requirement, negated, requirements
from wharfinger.rules.policies.policy import CompiledPolicy, Rule
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.types import UNMATCHED, Call, Decision, Request, RuleRef, Verdict

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration

MOST: Final = 3
"""Rules that are told for each call."""
_SHOWN: Final = 80
"""Characters of a value that are shown."""
_DOES: Final = {Verdict.ALLOW: "would allow this", Verdict.ASK: "would ask for approval of this"}


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that kept a rule from deciding otherwise."""

    what: str
    """The input, or `agent.environment` and the like; empty where it cannot be told."""
    needs: str
    """What it must be: `at most 5000`."""
    given: str | None = None
    """What it is, as JSON; None where it is left out, or not for showing."""
    absent: bool = False

    def __str__(self) -> str:
        if not self.what:
            return self.needs
        is_ = "left out" if self.absent else self.given
        return f"{self.what} were {self.needs}" + (f" (it is {is_})" if is_ is not None else "")


@dataclass(frozen=True, slots=True)
class Near:
    """A rule that might have let a call out, or that keeps it in."""

    call: int
    """Which call of the request, from 0."""
    tool: str
    rule: RuleRef
    lacks: tuple[Lack, ...]
    fails: bool = False
    """Whether the rule could not be evaluated, which denies whatever the others say."""

    def __str__(self) -> str:
        needed = (" or " if self.rule.verdict is Verdict.DENY else " and ").join(map(str, self.lacks))
        if self.fails:
            return f"{self.rule} cannot be evaluated, which denies; it could if {needed}"
        if self.rule.verdict is Verdict.DENY:
            return f"{self.rule} " + (f"would not deny this if {needed}" if needed else "always denies this")
        return f"{self.rule} {_DOES[self.rule.verdict]} if {needed}"


def nearest(configuration: Configuration, request: Request, decision: Decision) -> tuple[Near, ...]:
    """What kept each call of a denied request from going out; nothing where no rule was asked."""
    agent = configuration.agents.get(request.agent)
    results = {(step.rule, step.result) for step in decision.trace if step.rule is not None}
    if decision.verdict is not Verdict.DENY or agent is None or not results:
        return ()
    policies = [configuration.policies[name] for name in agent.policies]
    who = {"name": request.agent, "owner": agent.owner}
    if agent.environment is not None:
        who["environment"] = agent.environment
    decided = frozenset(decision.rules)
    found: list[Near] = []
    for index, call in enumerate(decision.calls):
        found += _Nearest(index, call, request, who, results, decided).of(policies)
    return tuple(found)


@dataclass(slots=True, eq=False)
class _Nearest:
    index: int
    call: Call
    request: Request
    who: dict[str, str]
    results: set[tuple[RuleRef, str]]
    decided: frozenset[RuleRef]
    """The rules that determined the decision: of those that keep the call in, they are told first."""

    def of(self, policies: list[CompiledPolicy]) -> Iterator[Near]:
        """What keeps the call in, and if that is nothing but the want of a rule, the rules nearest to it."""
        about = {rule.ref: rule for policy in policies for rule in policy.rules.get(self.call.tool, ())}
        rules = sorted(about.values(), key=lambda rule: (rule.ref.file, rule.ref.line, rule.ref.column))
        keeping = [near for rule in rules if (near := self._keeping(rule)) is not None]
        for searched in (each for policy in policies for each in policy.patterns):
            if {(searched.patterns.ref, "holds"), (searched.patterns.ref, "error")} & self.results:
                lacks = (Lack("", "the request held nothing that its patterns forbid"),)
                keeping.append(Near(self.index, self.call.tool, searched.patterns.ref, lacks))
        keeping.sort(key=lambda near: near.rule not in self.decided)
        if keeping:
            yield from keeping[:MOST]
            return
        opening = [near for rule in rules if (near := self._unmet(rule)) is not None]
        opening.sort(key=lambda near: (len(near.lacks), near.rule.verdict is Verdict.ASK))
        yield from opening[:MOST]

    def _keeping(self, rule: Rule) -> Near | None:
        """The rule, if it denies or fails."""
        if (rule.ref, "error") in self.results:
            absent = sorted(self._read(rule) - self.call.inputs.keys())
            lacks = tuple(Lack(name, "given", absent=True) for name in absent)
            other = Lack("", "what it reads were of the right type")
            return self._near(rule, lacks or (other,), fails=True)
        if rule.ref.verdict is not Verdict.DENY or (rule.ref, "holds") not in self.results:
            return None
        required = requirements(rule.condition)
        lacks = tuple(self._lack(each, _otherwise(each)) for each in required.each)
        if not required.whole:
            rest = "the rest of its condition did not hold"
            lacks = (*lacks, Lack("", rest if lacks else f"it did not hold that {required.source}"))
        return self._near(rule, lacks)

    def _unmet(self, rule: Rule) -> Near | None:
        """The rule, if it would let the call out and does not hold."""
        if rule.ref.verdict is Verdict.DENY:
            return None
        lacks = [*self._elsewhere(rule)]
        required = requirements(rule.condition)
        lacks += [self._lack(each, each.words) for each in required.each if not each.met(self._values(each))]
        if not lacks and not required.whole and (rule.ref, "does not hold") in self.results:
            lacks = [Lack("", f"it held that {required.source}")]
        return self._near(rule, tuple(lacks)) if lacks else None

    def _elsewhere(self, rule: Rule) -> Iterator[Lack]:
        """Where the rule is about other agents, or other hosts."""
        environment = self.who.get("environment")
        if not rule.holds_in(environment):
            wanted = " or ".join(sorted(rule.environments or ()))
            yield Lack("agent.environment", wanted, environment, environment is None)
        host = str(self.call.inputs.get("host", ""))
        if self.call.tool == UNMATCHED and rule.hosts and not rule.is_about(host):
            yield Lack("host", " or ".join(rule.hosts), host)

    @staticmethod
    def _read(rule: Rule) -> frozenset[str]:
        reads = rule.condition.reads if rule.condition is not None else None
        return frozenset() if reads is None else reads.inputs - reads.guarded

    def _near(self, rule: Rule, lacks: tuple[Lack, ...], *, fails: bool = False) -> Near:
        return Near(self.index, self.call.tool, rule.ref, lacks, fails)

    def _lack(self, required: Requirement, needs: str) -> Lack:
        values = self._values(required)
        if required.name not in values:
            return Lack(required.what, needs, absent=True)
        hidden = required.root == "input" and required.name in self.call.sensitive
        return Lack(required.what, needs, None if hidden else _shown(values[required.name]))

    def _values(self, required: Requirement) -> Mapping[str, Any]:
        request, call = self.request, self.call
        match required.root:
            case "input":
                return call.inputs
            case "agent":
                return self.who
            case "call":
                about = {"tool": call.tool, "effect": call.effect.value}
                return about if call.reason is None else {**about, "reason": call.reason}
            case "request":
                path = request.target.partition("?")[0]
                return {
                    "method": request.method, "scheme": request.scheme, "host": request.host,
                    "port": request.port, "path": path,
                }  # fmt: skip
        return {}


def _otherwise(required: Requirement) -> str:
    """What a value must be for a requirement not to be met, in words."""
    other = negated(required)
    return f"not {required.words}" if other is None else other.words


def _shown(value: Any) -> str:
    text = canonical_json(value).decode("utf-8", "replace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
