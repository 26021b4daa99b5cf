"""A grant as it is kept: who proposed it, who agreed, how it stands; and its JSON.

proposed → active → ended. It is active once as many have agreed as the rule asks for. What has ended stays
ended: what is wanted again is granted again.
"""

from __future__ import annotations

import enum
import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from wharfinger.approvals import asks
from wharfinger.approvals.asks import Given
from wharfinger.approvals.states import ApprovalError
from wharfinger.rules.policies import asking
from wharfinger.rules.policies.grants import Bound, Grant, How, Surroundings
from wharfinger.rules.types import Ask


class GrantState(enum.StrEnum):
    """Where a grant stands."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    ENDED = "ended"


class GrantMove(enum.StrEnum):
    """What happens to a grant; the word its event carries."""

    PROPOSE = "propose"
    AGREE = "agree"
    GIVE = "give"
    REVOKE = "revoke"
    EXPIRE = "expire"
    VOID = "void"


_NEXT: Mapping[tuple[GrantState, GrantMove], GrantState] = {
    (GrantState.PROPOSED, GrantMove.AGREE): GrantState.PROPOSED,
    (GrantState.PROPOSED, GrantMove.GIVE): GrantState.ACTIVE,
    (GrantState.PROPOSED, GrantMove.REVOKE): GrantState.ENDED,
    (GrantState.PROPOSED, GrantMove.EXPIRE): GrantState.ENDED,
    (GrantState.PROPOSED, GrantMove.VOID): GrantState.ENDED,
    (GrantState.ACTIVE, GrantMove.REVOKE): GrantState.ENDED,
    (GrantState.ACTIVE, GrantMove.EXPIRE): GrantState.ENDED,
    (GrantState.ACTIVE, GrantMove.VOID): GrantState.ENDED,
}


class NoSuchGrant(ApprovalError):
    """No grant has this id."""

    def __init__(self, grant_id: str) -> None:
        """Quote the id."""
        super().__init__(f"there is no grant {grant_id!r}", "see: wharfinger grants list")


class GrantError(ApprovalError):
    """A grant cannot be proposed, given or revoked so."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A grant that nobody has agreed to yet."""

    agent: str
    tool: str
    salt: str
    place: str | None
    inputs: Mapping[str, Bound]
    extras: Bound
    headers: Bound
    shown: Mapping[str, str]
    """What people are shown of fixed values."""
    uses: int
    until: datetime
    rests_on: Surroundings
    ask: Ask
    """Who must agree."""
    approval: str = ""
    """The approval it was proposed from."""


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """A grant and how it stands."""

    id: str
    draft: Draft
    created: datetime
    state: GrantState = GrantState.PROPOSED
    given: tuple[Given, ...] = ()
    person: str | None = None
    """Who agreed last, or revoked; None for what the runtime did."""
    comment: str | None = None
    changed: datetime | None = None

    @property
    def missing(self) -> int:
        """How many more must agree."""
        return max(self.draft.ask.quorum - len(self.given), 0)

    @property
    def expires(self) -> datetime:
        """When it ends by itself: a proposal when the question would, one that is given at its end."""
        if self.state is GrantState.PROPOSED:
            return min(self.created + self.draft.ask.expires, self.draft.until)
        return self.draft.until

    @property
    def grant(self) -> Grant:
        """What decisions are made with."""
        of = self.draft
        return Grant(
            self.id,
            of.tool,
            of.salt,
            of.place,
            of.inputs,
            of.extras,
            of.headers,
            of.uses,
            of.until,
            of.rests_on,
            tuple(each.seat for each in self.given),
        )

    def moved(self, move: GrantMove, now: datetime, person: str | None, comment: str | None) -> StoredGrant:
        """The grant after `move`; raises `GrantError` for a move it cannot make."""
        state = _NEXT.get((self.state, move))
        if state is None:
            raise GrantError(f"cannot {move.value} a grant that is {self.state.value}")
        return replace(self, state=state, person=person, comment=comment, changed=now)

    def answered(self, person: str, now: datetime, comment: str | None) -> tuple[StoredGrant, GrantMove]:
        """The grant with one more who agrees, and what it comes to; raises `GrantError` for who may not."""
        if self.state is not GrantState.PROPOSED:
            raise GrantError(f"cannot approve a grant that is {self.state.value}")
        ask = self.draft.ask
        seat = asking.seat(ask, len(ask.escalations), person, (each.seat for each in self.given), now)
        if seat is None or person == self.draft.agent:
            asked_for = ", ".join(ask.approvers) or ", ".join(sorted(ask.everyone))
            raise GrantError(f"{person!r} may not give {self.id}", f"the rules ask for {asked_for}")
        for each in self.given:
            if each.seat.person == seat.person or each.seat.principal == seat.principal:
                raise GrantError(f"{each.seat} has agreed to {self.id} already", f"{self.missing} more must")
        new = replace(self, given=(*self.given, Given(seat, now, comment)))
        return new, GrantMove.AGREE if new.missing else GrantMove.GIVE

    def as_json(self) -> dict[str, Any]:
        """Plain JSON of this, for the store and for those who look."""
        of = self.draft
        return {
            "id": self.id,
            "state": self.state.value,
            "agent": of.agent,
            "agent_id": of.rests_on.agent_id,
            "tool": of.tool,
            "place": of.place,
            "inputs": [
                _bound(bound) | {"name": name, "value": of.shown.get(name)}
                for name, bound in of.inputs.items()
            ],
            "extras": _bound(of.extras),
            "headers": _bound(of.headers),
            "uses": of.uses,
            "until": of.until.isoformat(),
            "created": self.created.isoformat(),
            "given": [each.as_json() for each in self.given],
            "needed": self.missing,
            "quorum": of.ask.quorum,
            "approvers": list(of.ask.approvers),
            "person": self.person,
            "comment": self.comment,
            "changed": None if self.changed is None else self.changed.isoformat(),
            "approval": of.approval or None,
            "ask": asks.as_json(of.ask),
            "salt": of.salt,
            "rests_on": {
                "generation": of.rests_on.generation,
                "template": of.rests_on.template,
                "policies": dict(of.rests_on.policies),
                "credentials": dict(of.rests_on.credentials),
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StoredGrant:
        """Read back what `as_json` gave."""
        rests_on = Surroundings(agent_id=data["agent_id"], **data["rests_on"])
        draft = Draft(
            data["agent"],
            data["tool"],
            data["salt"],
            data["place"],
            {each["name"]: _read(each) for each in data["inputs"]},
            _read(data["extras"]),
            _read(data["headers"]),
            {each["name"]: each["value"] for each in data["inputs"] if each["value"] is not None},
            data["uses"],
            asks.moment(data["until"]),
            rests_on,
            asks.from_json(data["ask"]),
            data["approval"] or "",
        )
        changed = data["changed"]
        return cls(
            data["id"],
            draft,
            asks.moment(data["created"]),
            GrantState(data["state"]),
            tuple(Given.from_json(each) for each in data["given"]),
            data["person"],
            data["comment"],
            None if changed is None else asks.moment(changed),
        )


def _bound(bound: Bound) -> dict[str, Any]:
    return {
        "is": bound.how.value,
        "mark": bound.mark or None,
        "min": None if bound.least is None else str(bound.least),
        "max": None if bound.most is None else str(bound.most),
    }


def _read(data: Mapping[str, Any]) -> Bound:
    least, most = data["min"], data["max"]
    return Bound(
        How(data["is"]),
        data["mark"] or "",
        None if least is None else Decimal(least),
        None if most is None else Decimal(most),
    )


def new_id() -> str:
    """A fresh id: `g_` and 80 random bits."""
    return "g_" + b32encode(secrets.token_bytes(10)).decode("ascii").lower()
