"""`extends`: in which order policies are compiled, and how what several of them say is put together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wharfinger.rules.documents.names import Names
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.models.policies import Policy

if TYPE_CHECKING:
    from wharfinger.rules.policies.limits import Limit
    from wharfinger.rules.policies.policy import Rule, Searched


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


def by_name[T](entries: Iterable[tuple[tuple[str, ...], T]]) -> Mapping[str, tuple[T, ...]]:
    """What is about several tools, by the name of each."""
    found: dict[str, list[T]] = {}
    for names, entry in entries:
        for name in names:
            found.setdefault(name, []).append(entry)
    return {name: tuple(entries) for name, entries in found.items()}


def merged[T](maps: Sequence[Mapping[str, tuple[T, ...]]]) -> Mapping[str, tuple[T, ...]]:
    """What all of the maps have under each name, once."""
    if len(maps) == 1:
        return maps[0]
    names = dict.fromkeys(name for each in maps for name in each)
    return {name: once(entry for each in maps for entry in each.get(name, ())) for name in names}


def once[T](entries: Iterable[T]) -> tuple[T, ...]:
    """The entries in order; what comes by two ways, from a base of two bases, comes once."""
    return tuple({id(entry): entry for entry in entries}.values())


def both(one: Collection[str] | None, other: Collection[str] | None) -> frozenset[str] | None:
    """The environments that both name; None, which is all of them, where neither names any."""
    if one is None or other is None:
        named = one if one is not None else other
        return None if named is None else frozenset(named)
    return frozenset(one) & frozenset(other)


def narrowed[T: (Rule, Limit, Searched)](
    entries: Sequence[T], environments: Collection[str] | None
) -> tuple[T, ...]:
    """The same entries, about agents of these environments only."""
    if environments is None:
        return tuple(entries)
    return tuple(replace(entry, environments=both(entry.environments, environments)) for entry in entries)
