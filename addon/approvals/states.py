"""The states of an approval and the only ways from one to another (DESIGN 6).

The table below is the definition: `after` answers from it and nothing else, and
`docs/approvals.md` shows it. A pair that is not in the table is an error.
"""

from __future__ import annotations

import enum

from wharfinger.faults import Fault
from wharfinger.transitions import Transition, Transitions


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


TABLE: Transitions[State, Move] = Transitions(
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
    if (found := TABLE.after(state, move)) is None:
        raise WrongState(state, move)
    return found


def _words(move: Move) -> str:
    return move.value.replace("_", " ")
