"""The states of an approval and the only ways from one to another (DESIGN 6).

The table below is the definition: `after` answers from it and nothing else, and
`docs/approvals.md` shows what `as_markdown` prints of it. A pair that is not in the table is an error.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from wharfinger.faults import Fault


class State(enum.StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    USED = "used"

    @property
    def live(self) -> bool:
        """Whether an equal request still joins this approval instead of asking anew."""
        return self in {State.PENDING, State.APPROVED}


class Move(enum.StrEnum):
    """What happens to an approval; the word its event carries."""

    AGREE = "agree"
    APPROVE = "approve"
    ESCALATE = "escalate"
    DENY = "deny"
    EXPIRE = "expire"
    CANCEL = "cancel"
    USE = "use"
    GIVE_BACK = "give_back"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table."""

    before: State
    move: Move
    after: State
    meaning: str


TABLE: tuple[Transition, ...] = (
    Transition(State.PENDING, Move.AGREE, State.PENDING, "an approver says yes, and more of them must"),
    Transition(State.PENDING, Move.APPROVE, State.APPROVED, "an approver says yes, the last one needed"),
    Transition(State.PENDING, Move.DENY, State.DENIED, "an approver says no"),
    Transition(State.PENDING, Move.ESCALATE, State.PENDING, "nobody answers for a while: others may, too"),
    Transition(State.PENDING, Move.EXPIRE, State.EXPIRED, "nobody answers in time"),
    Transition(
        State.PENDING, Move.CANCEL, State.CANCELLED, "a person, a suspension or the agent withdraws it"
    ),
    Transition(State.APPROVED, Move.USE, State.USED, "the request goes out with it"),
    Transition(State.APPROVED, Move.EXPIRE, State.EXPIRED, "the request does not come again in time"),
    Transition(State.APPROVED, Move.CANCEL, State.CANCELLED, "withdrawn before it was used"),
    Transition(State.USED, Move.GIVE_BACK, State.APPROVED, "not one byte of the request was sent"),
)

_NEXT = {(row.before, row.move): row.after for row in TABLE}


class ApprovalError(Fault):
    """Something about an approval cannot be done; nothing was changed."""


class WrongState(ApprovalError):
    """A move that the table does not have."""

    def __init__(self, state: State, move: Move) -> None:
        """Say which move met which state."""
        self.state = state
        self.move = move
        super().__init__(f"cannot {_words(move)} an approval that is {state.value}")


def after(state: State, move: Move) -> State:
    """The state that `move` leads to from `state`; raises `WrongState` for a pair not in the table."""
    try:
        return _NEXT[state, move]
    except KeyError:
        raise WrongState(state, move) from None


def as_markdown() -> str:
    """The table for the documentation, one row a line."""
    head = "| from | move | to | when |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {row.before} | {_words(row.move)} | {row.after} | {row.meaning} |\n" for row in TABLE
    )


def _words(move: Move) -> str:
    return move.value.replace("_", " ")
