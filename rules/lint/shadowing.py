"""Rules that can never decide, that stand twice, or that change nothing, and what makes them so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.lint.view import STRICTNESS, Standing, View
from wharfinger.rules.types import Verdict


def shadowed(view: View) -> Iterator[Problem]:
    """Remarks on every rule that others leave nothing to."""
    covers = _Covers(view)
    for standing in view:
        if not standing.own or not standing.names:
            continue
        if (stricter := covers.stricter(standing)) is not None:
            yield _never(standing, stricter)
        elif (twin := covers.twin(standing)) is not None:
            yield _remark(standing, kinds.TWICE, f"the rule stands twice, first at {twin.at}", "keep one")
        elif (wider := covers.wider(standing)) is not None:
            message = f"the rule changes nothing: the one at {wider[0].at} allows all that it allows"
            yield _remark(standing, kinds.NEEDLESS, message, "drop it, or narrow the other")


def _never(standing: Standing, stricter: list[Standing]) -> Problem:
    first = stricter[0]
    does = "denies" if first.verdict is Verdict.DENY else "asks about"
    more = f" and {len(stricter) - 1} more" if len(stricter) > 1 else ""
    message = f"the rule can never decide: the one at {first.at}{more} {does} all that it is about"
    return _remark(standing, kinds.NEVER, message, "narrow that one, or drop this")


def _remark(standing: Standing, code: str, message: str, hint: str) -> Problem:
    return Problem(standing.at, message, hint, Severity.WARNING, code)


class _Covers:
    """Looks for rules that hold wherever another does; each pair is compared once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._compared: dict[tuple[int, int], bool] = {}

    def stricter(self, standing: Standing) -> list[Standing] | None:
        """Stricter rules that together hold wherever this one does; None if it has calls left."""
        if standing.verdict is Verdict.DENY:
            return None
        return self._all(standing, lambda other: STRICTNESS[other.verdict] > STRICTNESS[standing.verdict])

    def wider(self, standing: Standing) -> list[Standing] | None:
        """Allow rules of the same policy that allow all that this one allows, and more."""
        if standing.verdict is not Verdict.ALLOW or standing.rule.review or standing.rule.timeout is not None:
            return None
        policy = standing.policy

        def same_policy(other: Standing) -> bool:
            return (
                other.policy is policy and other.verdict is Verdict.ALLOW and not self._equal(standing, other)
            )

        return self._all(standing, same_policy)

    def twin(self, standing: Standing) -> Standing | None:
        """The first rule of the policy that says the very same, if this is not the first."""
        for other in self._view.by_tool[standing.policy.name][standing.names[0]]:
            if (
                other.at < standing.at
                and other.verdict is standing.verdict
                and other.names == standing.names
                and self._equal(standing, other)
                and other.rule.ask == standing.rule.ask
            ):
                return other
        return None

    def _equal(self, one: Standing, other: Standing) -> bool:
        return self._covers(one, other) and self._covers(other, one) and one.names == other.names

    def _all(self, standing: Standing, wanted: Callable[[Standing], bool]) -> list[Standing] | None:
        found: dict[int, Standing] = {}
        for name in standing.names:
            for other in self._view.beside(standing, name):
                if wanted(other) and self._covers(other, standing):
                    found[id(other)] = other
                    break
            else:
                return None
        return list(found.values())

    def _covers(self, wide: Standing, narrow: Standing) -> bool:
        pair = id(wide), id(narrow)
        known = self._compared.get(pair)
        if known is None:
            known = self._compared[pair] = wide.covers(narrow)
        return known
