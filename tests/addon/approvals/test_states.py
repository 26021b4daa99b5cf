"""The states of an approval: the table, the whole table, and nothing but the table."""

import itertools
from pathlib import Path

import pytest
from wharfinger.approvals.states import TABLE, Move, State, WrongState, after

PAIRS = {(row.before, row.move): row.after for row in TABLE.rows}


@pytest.mark.parametrize(("state", "move"), list(itertools.product(State, Move)))
def test_only_what_the_table_has_is_a_way(state: State, move: Move) -> None:
    if (state, move) in PAIRS:
        assert after(state, move) is PAIRS[state, move]
        return
    with pytest.raises(WrongState, match=f"an approval that is {state}"):
        after(state, move)


def test_only_a_use_that_sent_nothing_leads_back() -> None:
    """Nothing that has ended begins again, but for what was given back unsent."""
    back = [row for row in TABLE.rows if not row.before.live]
    assert [(row.before, row.move) for row in back] == [(State.USED, Move.GIVE_BACK)]


def test_approval_comes_from_an_answer_to_a_pending_question_only() -> None:
    ways = {(row.before, row.move) for row in TABLE.rows if row.after is State.APPROVED}
    assert ways == {(State.PENDING, Move.APPROVE), (State.USED, Move.GIVE_BACK)}


def test_the_documentation_shows_the_table() -> None:
    text = (Path(__file__).parents[3] / "docs" / "approvals.md").read_text()
    assert TABLE.as_markdown() in text
