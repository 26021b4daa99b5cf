"""Problems say where, what and how to mend it; all of them, in order, once."""

import pytest
from wharfinger.rules.documents.problems import (
    ConfigurationError,
    Position,
    Problem,
    Problems,
    Severity,
    did_you_mean,
)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(Position("a.yaml", 3, 7), "bad"), "a.yaml:3:7: error: bad"),
        (Problem(Position("a.yaml"), "missing"), "a.yaml: error: missing"),
        (
            Problem(Position("a.yaml", 1, 1), "old", "drop it", Severity.WARNING),
            "a.yaml:1:1: warning: old\n  hint: drop it",
        ),
    ],
)
def test_a_problem_reads_as_compilers_write_them(problem: Problem, text: str) -> None:
    assert str(problem) == text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('there is no credential "STRIPE_API_KEY"', 'there is no credential "STRIPE_API_KEY"'),
        ('there is no credential "sk_live_51Habcdefghijklmnop1234"', 'there is no credential "[stripe_key]"'),
        (
            'not "ghp_0123456789abcdefghijABCDEFGHIJ012345" but "sk_live_51Habcdefghijklmnop1234"',
            'not "[github_token]" but "[stripe_key]"',
        ),
        ("ä AKIAQYLPMN5HHHFPZAM2 ö", "ä [aws_access_key] ö"),
    ],
)
def test_a_key_that_was_written_where_a_name_stands_is_not_repeated(said: str, told: str) -> None:
    problems = Problems()
    problems.error(Position("a.yaml"), said, said)
    problems.warning(Position("a.yaml"), said, said)
    assert {(p.message, p.hint) for p in problems} == {(told, told)}


def test_all_problems_are_raised_together_sorted_and_once() -> None:
    problems = Problems()
    problems.error(Position("b.yaml", 1, 1), "second")
    problems.error(Position("a.yaml", 10, 1), "first but late")
    problems.error(Position("a.yaml", 9, 1), "first")
    problems.error(Position("a.yaml", 9, 1), "first")
    problems.warning(Position("a.yaml", 1, 1), "look")
    with pytest.raises(ConfigurationError) as caught:
        problems.check()
    assert [p.message for p in caught.value.problems] == ["look", "first", "first but late", "second"]
    assert "a.yaml:9:1: error: first\n" in str(caught.value)


def test_warnings_alone_do_not_raise() -> None:
    problems = Problems()
    problems.warning(Position("a.yaml", 1, 1), "look")
    problems.check()
    assert [w.message for w in problems.warnings] == ["look"]


def test_near_names_are_offered_and_far_ones_are_not() -> None:
    assert did_you_mean("refund_paymnet", ["refund_payment", "x"]) == 'did you mean "refund_payment"?'
    assert did_you_mean("zzz", ["refund_payment"]) == ""
