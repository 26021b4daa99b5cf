"""`extends`: in which order policies are compiled, so that each finds its bases ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wharfinger.rules.models.policies import Policy
from wharfinger.rules.names import Names
from wharfinger.rules.problems import Problems


def ordered(policies: Iterable[Policy], declared: Names, problems: Problems) -> list[Policy]:
    """The policies, each after those it extends. Reports names that do not exist, and circles."""
    ordering = _Ordering({policy.policy: policy for policy in policies}, declared, problems)
    for name in sorted(ordering.known):
        ordering.visit(name, ())
    return list(ordering.done.values())


class _Ordering:
    def __init__(self, known: Mapping[str, Policy], declared: Names, problems: Problems) -> None:
        self.known = known
        self.done: dict[str, Policy] = {}
        self._declared = declared
        self._problems = problems

    def visit(self, name: str, path: tuple[str, ...]) -> None:
        """Take up a policy after its bases; `path` are those that extend it, the first of them first."""
        policy = self.known[name]
        if name in self.done:
            return
        for index, base in enumerate(policy.extends):
            at = policy.at("extends", index)
            self._declared.check(base, at, self._problems)
            circle = (*path, name, base)
            if base in circle[:-1]:
                way = " extends ".join(f'"{each}"' for each in circle[circle.index(base) :])
                self._problems.error(at, f"a policy extends itself: {way}", "take one of them out")
            elif base in self.known:
                self.visit(base, (*path, name))
        self.done.setdefault(name, policy)
