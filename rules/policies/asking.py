"""Who may answer an `ask`, and how many of them must: for one rule, and for several that ask at once.

Rules: all demands hold. Several rules are satisfied by people whom all of them name at that time, by the
greatest quorum, within the shortest time; if one keeps the agent's owner from answering, all do. Where too
few people are left, there is no answer to wait for, and the request is denied. An answer counts for one
person's seat: one's own, or that of somebody who is away and has named one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wharfinger.rules.types import Absence, Ask, Escalation


@dataclass(frozen=True, slots=True)
class Seat:
    """Who answers, and for whom."""

    person: str
    """Who gives the answer."""
    principal: str
    """Whose right it is: the same person, or one who is away."""

    def __str__(self) -> str:
        return self.person if self.person == self.principal else f"{self.person} for {self.principal}"


def agreed(asks: Sequence[Ask]) -> Ask:
    """What satisfies all that ask; without people if no one person may."""
    if len(asks) == 1:
        return asks[0]
    names = tuple(dict.fromkeys(name for ask in asks for name in ask.approvers))
    times = sorted({each.after for ask in asks for each in ask.escalations})
    return Ask(
        names,
        frozenset.intersection(*(ask.people for ask in asks)),
        min(ask.expires for ask in asks),
        max(ask.quorum for ask in asks),
        any(ask.separate for ask in asks),
        tuple(
            Escalation(
                after,
                _added(asks, after),
                frozenset.intersection(*(ask.at_step(_step(ask, after)) for ask in asks)),
            )
            for after in times
        ),
        tuple(dict.fromkeys(each for ask in asks for each in ask.absences)),
    )


def _step(ask: Ask, after: timedelta) -> int:
    return sum(each.after <= after for each in ask.escalations)


def _added(asks: Iterable[Ask], after: timedelta) -> tuple[str, ...]:
    named = (
        name for ask in asks for each in ask.escalations if each.after == after for name in each.approvers
    )
    return tuple(dict.fromkeys(named))


def needs(approvers: Sequence[str]) -> str:
    """What a request needs, in words: `needs the approval of finance`."""
    return f"needs the approval of {', '.join(approvers)}" if approvers else "needs approval"


def for_agent(ask: Ask, owner: str) -> Ask:
    """The same for an agent of this owner, who is left out where the rule wants answers of others."""
    if not ask.separate:
        return ask
    return replace(
        ask,
        people=ask.people - {owner},
        escalations=tuple(replace(each, people=each.people - {owner}) for each in ask.escalations),
        absences=tuple(each for each in ask.absences if owner not in {each.person, each.deputy}),
    )


def lacking(ask: Ask) -> str | None:
    """Why there are not enough people to ask, if so."""
    number = len(ask.everyone)
    if number >= ask.quorum:
        return None
    if not number:
        named = f" ({', '.join(ask.approvers)})" if ask.approvers else ""
        return f"no one person may approve under all rules that ask{named}"
    return f"{ask.quorum} people must approve, and only {number} may"


def seat(ask: Ask, step: int, person: str, taken: Iterable[Seat], now: datetime) -> Seat | None:
    """The seat on which a person answers after so many escalations, or None for one who may not.

    Of the seats that are not taken: their own before that of one who is away at the moment.
    """
    people = ask.at_step(step)
    if person in people:
        return Seat(person, person)
    held = {each.principal for each in taken}
    away = [each.person for each in ask.absences if _stands_in(each, person, now) and each.person in people]
    free = sorted(set(away) - held) or sorted(set(away))
    return Seat(person, free[0]) if free else None


def _stands_in(absence: Absence, person: str, now: datetime) -> bool:
    return absence.deputy == person and now < absence.until


def satisfied(ask: Ask, seats: Iterable[Seat]) -> bool:
    """Whether these who agreed are enough, and all still among those who may."""
    counted = [each for each in seats if each.principal in ask.everyone]
    different = min(len({each.person for each in counted}), len({each.principal for each in counted}))
    return different >= ask.quorum
