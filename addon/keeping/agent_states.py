"""The states of an agent and the only ways from one to another (DESIGN 1, 5.4).

registered: it has an identity, and the configuration does not declare it: it can do nothing. active: it is
declared. suspended: it can do nothing until it is resumed; of configuration and store the stricter holds.
retired: for good; its name may be added again, and is another agent then.
"""

from __future__ import annotations

import enum

from wharfinger.faults import Fault
from wharfinger.transitions import Transition, Transitions


class State(enum.StrEnum):
    """Where an agent stands."""

    REGISTERED = "registered"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Move(enum.StrEnum):
    """What happens to an agent."""

    DECLARE = "declare"
    SUSPEND = "suspend"
    RESUME = "resume"
    ROTATE = "rotate"
    RETIRE = "retire"


TABLE: Transitions[State, Move] = Transitions(
    Transition(State.REGISTERED, Move.DECLARE, State.ACTIVE, "agents.yaml declares it, and is loaded"),
    Transition(State.REGISTERED, Move.RETIRE, State.RETIRED, "a person takes it out for good"),
    Transition(State.ACTIVE, Move.SUSPEND, State.SUSPENDED, "a person stops it, or agents.yaml does"),
    Transition(State.ACTIVE, Move.ROTATE, State.ACTIVE, "its tokens are replaced"),
    Transition(State.ACTIVE, Move.RETIRE, State.RETIRED, "a person, or agents.yaml no longer has it"),
    Transition(State.SUSPENDED, Move.SUSPEND, State.SUSPENDED, "stopped again, for another reason"),
    Transition(State.SUSPENDED, Move.RESUME, State.ACTIVE, "a person lets it go on"),
    Transition(State.SUSPENDED, Move.ROTATE, State.SUSPENDED, "its tokens are replaced"),
    Transition(State.SUSPENDED, Move.RETIRE, State.RETIRED, "a person, or agents.yaml no longer has it"),
)


class WrongAgentState(Fault):
    """A move that the table does not have."""

    def __init__(self, name: str, state: State, move: Move) -> None:
        """Say which move met which state."""
        hint = "declare it in agents.yaml and reload" if state is State.REGISTERED else ""
        hint = f"add it anew: wharfinger agents add {name}" if state is State.RETIRED else hint
        super().__init__(f'cannot {move} "{name[:100]}", which is {state}', hint)


def after(name: str, state: State, move: Move) -> State:
    """The state that `move` leads to from `state`; raises `WrongAgentState` for a pair not in the table."""
    if (found := TABLE.after(state, move)) is None:
        raise WrongAgentState(name, state, move)
    return found


def standing(*, retired: bool, declared: bool, suspended: bool) -> State:
    """The state that configuration and store make together."""
    if retired:
        return State.RETIRED
    if not declared:
        return State.REGISTERED
    return State.SUSPENDED if suspended else State.ACTIVE
