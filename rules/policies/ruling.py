"""What all policies of an agent come to: rules, limits, and policies that only observe (DESIGN 5.3).

Rules: a policy that observes decides nothing beside one that is in force; what all would say together is
recorded. If all of an agent's policies observe, the request passes, and nothing is put in where a rule
forbids it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wharfinger.rules.policies.judging import Judgement, Subjects, answerable
from wharfinger.rules.policies.limiting import limited
from wharfinger.rules.policies.limits import UNWEIGHED, Reservation, Weighed, weigh
from wharfinger.rules.policies.policy import CompiledPolicy
from wharfinger.rules.transient import transient
from wharfinger.rules.types import Facts, Observed, Origin, Step, Verdict

type Judge = Callable[[Sequence[CompiledPolicy]], Judgement]
"""What the rules of some policies say of the request."""

_NO_RUN = frozenset({Origin.EXPLAIN, Origin.TEST})
"""Who asks without being in a run; one that has made no calls is assumed."""


@transient
class Ruled:
    """What is to be done, and what is to be told of it."""

    judgement: Judgement
    reservations: tuple[Reservation, ...] = ()
    observed: Observed | None = None
    withheld: bool = False
    """Whether no credential is put in although the request passes."""
    limit_steps: tuple[Step, ...] = ()

    @property
    def steps(self) -> Iterator[Step]:
        """For `explain`: rules, limits, and what was observed."""
        yield from self.judgement.steps
        yield from self.limit_steps
        if self.observed is not None:
            yield Step("observe", self.observed.reason, self.observed.verdict.value)


@dataclass(slots=True, eq=False)
class Ruling:
    """Makes one `Ruled`."""

    policies: Sequence[CompiledPolicy]
    subjects: Sequence[Subjects]
    judge: Judge
    facts: Facts
    now: datetime
    explain: bool
    granted: Callable[[Judgement], Judgement] = lambda judgement: judgement
    """What grants make of a judgement that asks."""

    def ruled(self) -> Ruled:
        """See the module's head."""
        enforced = [policy for policy in self.policies if not policy.observes(self.now)]
        judgement, weighed = self._together(enforced)
        if len(enforced) == len(self.policies):
            return Ruled(judgement, weighed.reservations, limit_steps=weighed.steps)
        full, every = self._together(self.policies)
        observed = Observed(full.verdict, full.reason, full.rules)
        if enforced:
            counted = _counted(weighed, every)
            return Ruled(judgement, counted, observed, limit_steps=every.steps)
        passed = Judgement(
            Verdict.ALLOW,
            f"every policy of this agent observes; in force they would {full.verdict}",
            found=full.found,
        )
        return Ruled(passed, _counted(UNWEIGHED, every), observed, full.forbidden, every.steps)

    def _together(self, policies: Sequence[CompiledPolicy]) -> tuple[Judgement, Weighed]:
        """What rules and limits of these policies say; limits are asked only where rules let it out."""
        judgement = self.judge(policies)
        limits = [policy.limits for policy in policies if policy.limits]
        if not limits or (judgement.verdict is Verdict.DENY and not self.explain):
            return self.granted(answerable(judgement, self._owner)), UNWEIGHED
        assumed = not self.facts.run and self.facts.origin in _NO_RUN
        weighed = weigh(limits, self.subjects, self.facts.counters, assumed=assumed, explain=self.explain)
        limited_too = answerable(limited(judgement, weighed), self._owner)
        return limited_too if weighed.passed else self.granted(limited_too), weighed

    @property
    def _owner(self) -> str:
        return self.subjects[0][0][1].agent["owner"]


def _counted(enforced: Weighed, every: Weighed) -> tuple[Reservation, ...]:
    """What is counted for policies that observe as well, without keeping anything from going out."""
    mine = {each.key: each for each in enforced.reservations}
    return tuple(mine.get(each.key) or replace(each, room=None) for each in every.reservations)
