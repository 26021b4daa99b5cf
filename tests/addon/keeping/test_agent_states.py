"""The states of agents are a table, and the documentation shows it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from wharfinger.keeping.agent_states import TABLE, Move, State, WrongAgentState, after, standing

WAYS = {(row.before, row.move): row.after for row in TABLE.rows}


@pytest.mark.parametrize(("state", "move"), list(itertools.product(State, Move)))
def test_only_what_is_in_the_table_can_be_done(state: State, move: Move) -> None:
    if (state, move) in WAYS:
        assert after("bot", state, move) is WAYS[state, move]
    else:
        with pytest.raises(WrongAgentState, match=f"cannot {move}"):
            after("bot", state, move)


def test_nothing_leads_out_of_retirement() -> None:
    assert not [row for row in TABLE.rows if row.before is State.RETIRED]


@pytest.mark.parametrize(
    ("retired", "declared", "suspended", "state"),
    [
        (True, True, True, State.RETIRED),
        (False, False, True, State.REGISTERED),
        (False, True, True, State.SUSPENDED),
        (False, True, False, State.ACTIVE),
    ],
)
def test_of_configuration_and_store_the_stricter_holds(
    retired: bool, declared: bool, suspended: bool, state: State
) -> None:
    assert standing(retired=retired, declared=declared, suspended=suspended) is state


def test_the_documentation_shows_the_table() -> None:
    document = Path(__file__).parents[3] / "docs" / "agents.md"
    assert TABLE.as_markdown() in document.read_text("utf-8")
