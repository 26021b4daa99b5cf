"""Preflight: whether an agent could set off now, and what is in its way, each with its remedy.

Looks at what is known and changes nothing; what is known is gathered by whoever asks.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from wharfinger.doctor.findings import Finding, Grade, fail, looked_at, ok, remark
from wharfinger.rules.policies.reach import Way, ways
from wharfinger.rules.types import Effect, Verdict

if TYPE_CHECKING:
    from wharfinger.rules.cases import CaseResult
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.policies.policy import Rule

_LISTED = 5
"""Names that one line lists."""


class Readiness(enum.StrEnum):
    """What the findings come to."""

    READY = "ready"
    REMARKS = "ready, with remarks"
    NOT_READY = "not ready"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the configuration."""

    suspended: str | None
    """Why the agent is suspended, in the store or in agents.yaml; None if it is not."""
    generation: int
    """Of its tokens."""
    keyed: Collection[str]
    """People with a registered key."""
    approved: Collection[str]
    """Digests of proposed tools that a person has approved."""
    unread: Mapping[str, str]
    """Credentials that cannot be read, and why."""
    cases: Sequence[CaseResult]
    """The policies' tests."""
    trusted: bool
    """Whether there is a certificate authority that its processes can be given."""
    confinement: str = "none"


def findings(
    configuration: Configuration, agent: str, known: Known, reached: Iterable[Way] | None = None
) -> Iterator[Finding]:
    """Everything that is looked at, in the order of a request's way.

    `reached` is what is in the agent's reach, where that has been worked out already.
    """
    if agent not in configuration.agents:
        yield fail("identity", f'there is no agent "{agent}"', "write it into agents.yaml")
        return
    found = ways(configuration, agent) if reached is None else reached
    look = _Look(configuration, agent, known, tuple(found))
    for name, check in look.checks:
        yield from looked_at(name, partial(check))


def readiness(found: Iterable[Finding]) -> Readiness:
    """The verdict."""
    grades = {finding.grade for finding in found}
    if Grade.FAIL in grades:
        return Readiness.NOT_READY
    return Readiness.REMARKS if Grade.REMARK in grades else Readiness.READY


@dataclass(frozen=True, slots=True)
class _Look:
    configuration: Configuration
    agent: str
    known: Known
    ways: tuple[Way, ...]

    @property
    def checks(self) -> tuple[tuple[str, Callable[[], Iterator[Finding]]], ...]:
        return (
            ("identity", self.identity),
            ("policies", self.policies),
            ("tests", self.tests),
            ("tools", self.tools),
            ("approvers", self.approvers),
            ("credentials", self.credentials),
            ("trust", self.trust),
            ("confinement", self.confinement),
        )

    def identity(self) -> Iterator[Finding]:
        declared, known = self.configuration.agents[self.agent], self.known
        if known.suspended is not None:
            hint = f"once that is settled: wharfinger agents resume {self.agent}"
            yield fail("identity", f"suspended: {known.suspended}", hint)
        where = f", {declared.environment}" if declared.environment else ""
        yield ok("identity", f"{self.agent}{where}; tokens of generation {known.generation}")
        if declared.owner in known.keyed:
            yield ok("identity", f"{declared.owner} answers for it")
        else:
            text = f"{declared.owner} answers for it and has no key, so cannot run or command it"
            yield remark("identity", text, f"wharfinger people add {declared.owner}")

    def policies(self) -> Iterator[Finding]:
        names = self.configuration.agents[self.agent].policies
        if not names:
            yield fail("policies", "none, so nothing it sends passes", "name some in agents.yaml")
            return
        yield ok("policies", ", ".join(names))
        observing = [name for name in names if self.configuration.policies[name].model.until is not None]
        if len(observing) == len(names):
            text = "all of its policies only observe: whatever it sends passes"
            yield fail("policies", text, "have one in force, even if it allows all of it")
        elif observing:
            yield remark("policies", f"only observed: {_some(observing)}", "see what they would have done")

    def tests(self) -> Iterator[Finding]:
        about = self._with_bases(self.configuration.agents[self.agent].policies)
        mine = [case for case in self.known.cases if case.policy in about]
        failed = [case for case in mine if not case.passed]
        for case in failed[:_LISTED]:
            yield fail("tests", str(case), "mend the policy or the test: wharfinger test")
        if mine and not failed:
            yield ok("tests", f"{len(mine)} passed")
        elif not mine:
            yield remark(
                "tests", "none of its policies has a test", "write tests: what must pass, what must not"
            )

    def _with_bases(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.configuration.policies:
                found.add(name)
                waiting.extend(self.configuration.policies[name].model.extends)
        return found

    def tools(self) -> Iterator[Finding]:
        named = [way for way in self.ways if way.effect is not None]
        if not self.ways:
            yield fail("tools", "no rule lets any tool out", "allow some: wharfinger tools list")
            return
        counts = Counter(way.verdict for way in named)
        text = f"{counts[Verdict.ALLOW]} allowed, {counts[Verdict.ASK]} put to a person"
        yield ok("tools", text + f"; see: wharfinger graph --agent {self.agent}")
        destroying = [
            way.tool
            for way in named
            if way.effect is Effect.DESTRUCTIVE and way.verdict is Verdict.ALLOW and not way.conditional
        ]
        if destroying:
            text = f"may destroy without being asked, whatever the inputs: {_some(destroying)}"
            yield remark("tools", text, "put them under `ask:`, or bound their inputs")
        waiting = [way.tool for way in named if self._waits(way.tool)]
        if waiting:
            text = f"proposed and approved by nobody, so refused: {_some(waiting)}"
            yield fail("tools", text, "look at them: wharfinger tools list --proposed")
        opened = [host for way in self.ways if way.effect is None for host in way.hosts]
        if opened:
            text = f"what no tool fits may go to {_some(opened)}"
            yield remark("tools", text, "write tools for what is needed there")

    def _waits(self, name: str) -> bool:
        tool = self.configuration.tools.get(name)
        return tool is not None and tool.proposed and tool.digest not in self.known.approved

    def approvers(self) -> Iterator[Finding]:
        asking = {
            ask.people: rule
            for way in self.ways
            for rule in self._rules(way.tool)
            if (ask := rule.ask) is not None
        }
        if not asking:
            yield ok("approvers", "nothing it may do is put to a person")
        for people, rule in asking.items():
            able = sorted(set(people) & set(self.known.keyed))
            if not able:
                text = f"{rule.ref} asks {_some(sorted(people)) or 'nobody'}, none of whom has a key"
                yield fail("approvers", text, "have one of them make a key: wharfinger people add NAME")
            else:
                yield ok("approvers", f"{rule.ref}: {_some(able)} can answer")

    def _rules(self, tool: str) -> Iterator[Rule]:
        declared = self.configuration.agents[self.agent]
        for name in declared.policies:
            for rule in self.configuration.policies[name].rules.get(tool, ()):
                if rule.holds_in(declared.environment):
                    yield rule

    def credentials(self) -> Iterator[Finding]:
        needed = sorted({name for way in self.ways for name in way.credentials})
        for name in needed:
            if (why := self.known.unread.get(name)) is not None:
                yield fail(
                    "credentials", f"{name} cannot be read: {why}", "see its `from` in credentials.yaml"
                )
        held = [name for name in needed if name not in self.known.unread]
        if held:
            yield ok("credentials", f"can be read: {', '.join(held)}")
        elif not needed:
            yield ok("credentials", "none is needed")

    def trust(self) -> Iterator[Finding]:
        if self.known.trusted:
            yield ok("trust", "there is a certificate authority for its processes to trust")
        else:
            yield remark("trust", "there is no certificate authority yet", "up, run and env make it")

    def confinement(self) -> Iterator[Finding]:
        if self.known.confinement in {"none", "landlock"}:
            yield remark(
                "confinement",
                f"{self.known.confinement}: it can go round the proxy, and read your files, as your user",
                f"run it with: wharfinger run --agent {self.agent} (isolated, on Linux); or in a container",
            )
        else:
            yield ok("confinement", self.known.confinement)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
