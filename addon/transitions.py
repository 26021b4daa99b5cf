"""Tables of transitions: the states that a thing can be in, and the only ways from one to another.

The table is the definition: what happens follows from it and from nothing else, and the documentation
shows what `as_markdown` prints of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Transition[State: StrEnum, Move: StrEnum]:
    """One row of a table."""

    before: State
    move: Move
    after: State
    meaning: str


class Transitions[State: StrEnum, Move: StrEnum]:
    """A table; two rows for one pair of state and move are a `ValueError`."""

    def __init__(self, *rows: Transition[State, Move]) -> None:
        """From its rows, in the order of the documentation."""
        self.rows = rows
        self._next = {(row.before, row.move): row.after for row in rows}
        if len(self._next) != len(rows):
            raise ValueError("the table names a pair of state and move twice")

    def after(self, state: State, move: Move) -> State | None:
        """The state that `move` leads to from `state`; None for a pair not in the table."""
        return self._next.get((state, move))

    def as_markdown(self) -> str:
        """The table for the documentation, one row a line."""
        head = "| from | move | to | when |\n|---|---|---|---|\n"
        return head + "".join(
            f"| {row.before} | {row.move.replace('_', ' ')} | {row.after} | {row.meaning} |\n"
            for row in self.rows
        )
