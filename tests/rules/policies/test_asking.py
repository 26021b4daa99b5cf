"""Who may answer, and how many must: for several rules at once, over time, and for those who are away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.policies.asking import Seat, agreed, for_agent, lacking, needs, satisfied, seat
from wharfinger.rules.types import Absence, Ask, Escalation

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def ask(people: str, *later: tuple[int, str], **more: Any) -> Ask:
    steps = tuple(Escalation(after * MINUTE, (who,), frozenset(who)) for after, who in later)
    return Ask((people,), frozenset(people), more.pop("expires", HOUR), escalations=steps, **more)


@pytest.mark.parametrize(
    ("asks", "people", "later"),
    [
        ([ask("ab"), ask("bc")], "b", []),
        ([ask("a", (10, "abc")), ask("b", (5, "bc"))], "", [(5, ""), (10, "bc")]),
        ([ask("a", (10, "ab")), ask("a", (10, "ac"))], "a", [(10, "a")]),
        ([ask("ab", (10, "abc")), ask("bc")], "b", [(10, "bc")]),
        ([ask("a", (5, "ab"), (10, "abc")), ask("c", (7, "bc"))], "", [(5, ""), (7, "b"), (10, "bc")]),
    ],
)
def test_several_rules_are_satisfied_by_whom_all_name_at_that_time(
    asks: list[Ask], people: str, later: list[tuple[int, str]]
) -> None:
    together = agreed(asks)
    assert together.people == frozenset(people)
    assert [(each.after, each.people) for each in together.escalations] == [
        (after * MINUTE, frozenset(who)) for after, who in later
    ]


def test_of_several_rules_the_strictest_demands_hold() -> None:
    away = Absence("a", "z", NOON)
    together = agreed(
        [
            ask("abc", quorum=2, absences=(away,)),
            ask("bcd", separate=True, expires=5 * MINUTE, absences=(away,)),
        ]
    )
    assert (together.quorum, together.separate, together.expires) == (2, True, 5 * MINUTE)
    assert (together.approvers, together.absences) == (("abc", "bcd"), (away,))


@given(
    st.lists(
        st.builds(
            lambda people, more, quorum: ask(
                "".join(sorted(people)), (5, "".join(sorted(people | more))), quorum=quorum
            ),
            st.frozensets(st.sampled_from("abcd")),
            st.frozensets(st.sampled_from("abcd")),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=4,
    ),
    st.frozensets(st.sampled_from("abcd")),
)
def test_who_satisfies_all_together_satisfies_each(asks: list[Ask], people: frozenset[str]) -> None:
    seats = [Seat(person, person) for person in sorted(people)]
    if satisfied(agreed(asks), seats):
        assert all(satisfied(each, seats) for each in asks)


def test_the_owner_is_left_out_of_every_way_to_answer() -> None:
    away = (Absence("o", "x", NOON), Absence("a", "o", NOON), Absence("a", "y", NOON))
    full = ask("oa", (5, "oab"), separate=True, absences=away)
    mine = for_agent(full, "o")
    assert (mine.people, mine.escalations[0].people) == ({"a"}, {"a", "b"})
    assert mine.absences == (away[2],)
    assert for_agent(ask("oa"), "o").people == {"o", "a"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (ask("ab", quorum=2), None),
        (ask("a", (5, "ab"), quorum=2), None),
        (ask("a", quorum=2), "2 people must approve, and only 1 may"),
        (ask(""), "no one person may approve under all rules that ask ()"),
    ],
)
def test_too_few_people_is_told(asked: Ask, said: str | None) -> None:
    assert lacking(asked) == said


@pytest.mark.parametrize(
    ("person", "step", "now", "taken", "expected"),
    [
        ("a", 0, NOON, [], "a"),
        ("c", 0, NOON, [], None),
        ("c", 1, NOON, [], "c"),
        ("z", 0, NOON, [], "z for a"),
        ("z", 0, NOON, ["a"], "z for b"),
        ("z", 0, NOON, ["a", "b"], "z for a"),
        ("z", 0, NOON + HOUR, [], None),
        ("y", 0, NOON, [], None),
        ("y", 1, NOON, [], "y for c"),
    ],
)
def test_seats(person: str, step: int, now: datetime, taken: list[str], expected: str | None) -> None:
    away = (
        Absence("a", "z", NOON + HOUR),
        Absence("b", "z", NOON + HOUR),
        Absence("c", "y", NOON + HOUR),
    )
    found = seat(ask("ab", (5, "abc"), absences=away), step, person, [Seat(p, p) for p in taken], now)
    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    ("seats", "enough"),
    [
        ([], False),
        (["a"], False),
        (["a", "b"], True),
        (["a", "x"], False),
        (["z for a", "z for b"], False),
        (["z for a", "y for a"], False),
        (["z for a", "b"], True),
        (["a", "b", "c"], True),
    ],
)
def test_different_people_on_different_seats_are_counted(seats: list[str], enough: bool) -> None:
    given = [Seat(text.split(" for ")[0], text.split(" for ")[-1]) for text in seats]
    assert satisfied(ask("abc", quorum=2), given) is enough


def test_what_is_needed_is_said_with_or_without_names() -> None:
    assert needs(("finance", "bob")) == "needs the approval of finance, bob"
    assert needs(()) == "needs approval"
