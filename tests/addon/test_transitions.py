"""Tables of transitions: what they answer, and what they do not take."""

from __future__ import annotations

import enum

import pytest
from wharfinger.transitions import Transition, Transitions


class State(enum.StrEnum):
    OPEN = "open"
    SHUT = "shut"


class Move(enum.StrEnum):
    SHUT_AGAIN = "shut_again"


ROW = Transition(State.OPEN, Move.SHUT_AGAIN, State.SHUT, "somebody shuts it")


def test_a_table_answers_from_its_rows_and_nothing_else() -> None:
    table = Transitions(ROW)
    assert table.after(State.OPEN, Move.SHUT_AGAIN) is State.SHUT
    assert table.after(State.SHUT, Move.SHUT_AGAIN) is None
    assert table.as_markdown().splitlines()[-1] == "| open | shut again | shut | somebody shuts it |"


def test_a_pair_of_state_and_move_stands_in_it_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Transitions(ROW, Transition(State.OPEN, Move.SHUT_AGAIN, State.OPEN, "or not"))
