"""A name is missing only if it is certainly nowhere: not in an entry with errors, nor in a file not read."""

from __future__ import annotations

import pytest
from wharfinger.rules.documents.names import MAX_LISTED, Declared, Names, misspelt, tools_of
from wharfinger.rules.documents.nodes import MappingNode
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.documents.reading import Source, read

AT = Position("f.yaml", 1, 1)


def node(text: str) -> MappingNode:
    found = read(Source("f.yaml", text.encode()), Problems())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "known", "whole"),
    [
        ("people: {a: 5, b: {}}", {"a", "b"}, True),
        ("teams: {}", set(), True),
        ("{}", set(), True),
        ("peple: {a: {}}", set(), False),
        ("people: [a]", set(), False),
        ("people:", set(), False),
        (None, set(), False),
    ],
)
def test_keys_are_names(text: str | None, known: set[str], whole: bool) -> None:
    names = Names("person")
    names.add_keys(None if text is None else node(text), "people", {"people", "teams"})
    assert (names.known, names.whole) == (known, whole)


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("tools: [{tool: a}, {tool: b, run: 5}]", ["a", "b"]),
        ("tool: a", ["a"]),
        ("tools: [{tol: a}, b]", [None, None]),
        ("tools: {tool: a}", [None]),
        ("tols: []", [None]),
        (None, [None]),
    ],
)
def test_the_tools_of_a_file(text: str | None, tools: list[object]) -> None:
    assert tools_of(None if text is None else node(text)) == tools


def test_what_is_no_name_makes_the_names_incomplete() -> None:
    names = Names("tool")
    names.add_texts(["a", "b"])
    assert (names.missing("c"), names.matched("c*"), names.matched("a*")) == (True, False, True)
    names.add_texts([None])
    assert (names.missing("c"), names.matched("c*")) == (False, True)


def test_a_missing_name_is_told_once_with_what_there_is() -> None:
    problems, names = Problems(), Names("tool", {"github_get"})
    names.check("github_get", AT, problems)
    names.check("github_gte", AT, problems)
    Names("tool").check("x", AT, problems)
    Names("tool", {f"n{i:02}" for i in range(MAX_LISTED + 3)}).check("zzz", AT, problems)
    Names("tool", whole=False).check("y", AT, problems)
    assert [(p.message, p.hint) for p in problems] == [
        ('there is no tool "github_gte"', 'did you mean "github_get"?'),
        ('there is no tool "x"', "declare it first"),
        (
            'there is no tool "zzz"',
            f"there are: {', '.join(f'n{i:02}' for i in range(MAX_LISTED))} and 3 more",
        ),
    ]


def test_approvers_are_people_and_teams() -> None:
    declared = Declared()
    declared.people.known.add("alice")
    declared.teams.known.add("ops")
    assert (declared.approvers.known, declared.approvers.whole) == ({"alice", "ops"}, True)
    declared.teams.whole = False
    assert not declared.approvers.whole


def test_a_key_may_be_misspelt_only_if_another_is_unknown() -> None:
    assert misspelt(node("a: 1\nbb: 2"), "b", {"a", "b"})
    assert not misspelt(node("a: 1"), "b", {"a", "b"})
    assert not misspelt(node("b: 1\nc: 2"), "b", {"a", "b"})
