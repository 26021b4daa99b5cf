"""One approval: what was asked of whom, and how it stands; and what can go wrong with it."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wharfinger.approvals import asks
from wharfinger.approvals.asks import Given
from wharfinger.approvals.question import Question
from wharfinger.approvals.samples import sample_as_json, sample_from_json
from wharfinger.approvals.states import ApprovalError, Move, State, after
from wharfinger.rules.policies import asking
from wharfinger.rules.policies.grants import Sample
from wharfinger.rules.types import Ask, Decision


class NoSuchApproval(ApprovalError):
    """No approval has this id."""

    def __init__(self, approval_id: str) -> None:
        """Quote the id."""
        super().__init__(f"there is no approval {approval_id!r}", "see `wharfinger approvals list`")


class NotApprover(ApprovalError):
    """A person whom the approval does not ask tried to answer it."""

    def __init__(self, person: str, approval: Approval) -> None:
        """Name the person and those who may."""
        asked_for = ", ".join(approval.approvers) or ", ".join(sorted(approval.people)) or "nobody"
        super().__init__(f"{person!r} may not answer approval {approval.id}", f"it asks for {asked_for}")


class AlreadyAnswered(ApprovalError):
    """Somebody who has approved does so again; the others who are needed have not."""

    def __init__(self, given: Given, approval: Approval) -> None:
        """Name who has, and how many more are needed."""
        super().__init__(
            f"{given.seat} has approved {approval.id} already", f"{approval.missing} more must approve"
        )


class NotUsable(ApprovalError):
    """The approval does not let this request through."""


class TooManyPending(ApprovalError):
    """The agent has as many requests waiting for a person as it may have."""

    def __init__(self, agent: str, cap: int) -> None:
        """Name the agent and its limit."""
        super().__init__(
            f"agent {agent!r} already has {cap} requests waiting for a person",
            "wait until some are answered or expire (limits.per_agent.holds)",
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to people, and their answers. Times are UTC."""

    id: str
    agent_id: str
    agent: str
    digest: str
    """The request digest it binds."""
    policy_digest: str
    rules: tuple[str, ...]
    """The rules that determined the `ask`, as `file:line`."""
    ask: Ask
    """Who may answer, and how many must agree."""
    question: Question
    created: datetime
    expires: datetime
    """Until when it can be answered; once approved, until when it can be used."""
    state: State = State.PENDING
    step: int = 0
    """How often it has been escalated."""
    given: tuple[Given, ...] = ()
    """Who has agreed so far, in order."""
    person: str | None = None
    """Who answered last, or cancelled; None for what the runtime did."""
    comment: str | None = None
    """What they gave as reason."""
    changed: datetime | None = None
    sample: Sample | None = None
    """What a grant for calls like this one can be made of, where there can be one."""

    @property
    def approvers(self) -> tuple[str, ...]:
        """Names of the teams and people who are asked, as written; of those escalated to, too."""
        added = (name for each in self.ask.escalations[: self.step] for name in each.approvers)
        return tuple(dict.fromkeys((*self.ask.approvers, *added)))

    @property
    def people(self) -> frozenset[str]:
        """The people who may answer now; not those who stand in for one of them."""
        return self.ask.at_step(self.step)

    @property
    def quorum(self) -> int:
        """How many different people must agree."""
        return self.ask.quorum

    @property
    def missing(self) -> int:
        """How many more must agree."""
        return max(self.quorum - len(self.given), 0)

    @property
    def needs(self) -> str:
        """What it waits for, in words: `needs the approval of finance (1 of 2 given)`."""
        of = f" ({len(self.given)} of {self.quorum} given)" if self.quorum > 1 else ""
        return asking.needs(self.approvers) + of

    @property
    def said_by(self) -> tuple[str, ...]:
        """Who agreed, for the book: `alice`, `bob for carol`."""
        return tuple(str(each.seat) for each in self.given)

    @property
    def key(self) -> tuple[object, ...]:
        """What an equal request has in common with this one."""
        return (self.agent_id, self.digest, self.rules, self.ask.people, self.quorum)

    def may_answer(self, person: str, now: datetime) -> bool:
        """Whether this person may answer now, for themselves or for one who is away."""
        return self._seat(person, now) is not None

    def seat(self, person: str, now: datetime) -> asking.Seat:
        """The seat on which they answer; raises `NotApprover`."""
        found = self._seat(person, now)
        if found is None:
            raise NotApprover(person, self)
        return found

    def _seat(self, person: str, now: datetime) -> asking.Seat | None:
        if person == self.agent:
            return None
        return asking.seat(self.ask, self.step, person, (each.seat for each in self.given), now)

    def agreed(self, given: Given) -> Approval:
        """The approval with one more who agrees; raises `AlreadyAnswered`."""
        for before in self.given:
            if before.seat.person == given.seat.person or before.seat.principal == given.seat.principal:
                raise AlreadyAnswered(before, self)
        return replace(self, given=(*self.given, given))

    def moved(
        self, move: Move, now: datetime, *, person: str | None, comment: str | None, usable: timedelta
    ) -> Approval:
        """The approval after `move`; raises `WrongState` where the table has no such move.

        `usable` is how long an approved one may wait for its request to come again.
        """
        state = after(self.state, move)
        if move in {Move.USE, Move.GIVE_BACK}:
            return replace(self, state=state, changed=now)
        if move is Move.ESCALATE:
            return replace(self, step=self.step + 1, changed=now, person=None, comment=None)
        expires = now + usable if move is Move.APPROVE else self.expires
        return replace(self, state=state, changed=now, expires=expires, person=person, comment=comment)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON of this, for the store and for `approvals show --json`."""
        return {
            "id": self.id,
            "state": self.state.value,
            "agent": self.agent,
            "agent_id": self.agent_id,
            "created": self.created.isoformat(),
            "expires": self.expires.isoformat(),
            "approvers": list(self.approvers),
            "people": sorted(self.people),
            "quorum": self.quorum,
            "needed": self.missing,
            "given": [each.as_json() for each in self.given],
            "step": self.step,
            "ask": asks.as_json(self.ask),
            "person": self.person,
            "comment": self.comment,
            "changed": None if self.changed is None else self.changed.isoformat(),
            "rules": list(self.rules),
            "digest": self.digest,
            "policy_digest": self.policy_digest,
            "grantable": None if self.sample is None else sample_as_json(self.sample),
            "request": self.question.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Approval:
        """Read back what `as_json` gave, of earlier versions, too."""
        changed = data["changed"]
        moment = None if changed is None else asks.moment(changed)
        created, expires = asks.moment(data["created"]), asks.moment(data["expires"])
        state = State(data["state"])
        return cls(
            id=data["id"],
            agent_id=data["agent_id"],
            agent=data["agent"],
            digest=data["digest"],
            policy_digest=data["policy_digest"],
            rules=tuple(data["rules"]),
            ask=_ask(data, expires - created),
            question=Question.from_json(data["request"]),
            created=created,
            expires=expires,
            state=state,
            step=data.get("step", 0),
            given=_given(data, state, moment or created),
            person=data["person"],
            comment=data["comment"],
            changed=moment,
            sample=sample_from_json(data["grantable"]) if data.get("grantable") else None,
        )


def _ask(data: Mapping[str, Any], expires: timedelta) -> Ask:
    if "ask" in data:
        return asks.from_json(data["ask"])
    return Ask(tuple(data["approvers"]), frozenset(data["people"]), expires)


def _given(data: Mapping[str, Any], state: State, at: datetime) -> tuple[Given, ...]:
    """Who agreed; versions before the quorum kept the one person only."""
    if "given" in data:
        return tuple(Given.from_json(each) for each in data["given"])
    if state in {State.APPROVED, State.USED} and data["person"]:
        return (Given(asking.Seat(data["person"], data["person"]), at, data["comment"]),)
    return ()


def asked(agent_id: str, agent: str, decision: Decision, shown: Question, now: datetime) -> Approval:
    """A new pending approval for a request that was decided as `ask`; `ValueError` for any other."""
    ask = decision.ask
    if ask is None or not decision.digest or not agent_id:
        raise ValueError("only a decision to ask, with a digest and an agent, can be put to a person")
    if asking.lacking(ask) is not None:
        raise ValueError("there are not enough people to ask")
    return Approval(
        id=new_id(),
        agent_id=agent_id,
        agent=agent,
        digest=decision.digest,
        policy_digest=decision.policy_digest,
        rules=rule_names(decision),
        ask=ask,
        question=shown,
        created=now,
        expires=now + ask.expires,
        sample=decision.sample,
    )


def rule_names(decision: Decision) -> tuple[str, ...]:
    """The deciding rules as `file:line`, in an order of their own."""
    return tuple(sorted({str(rule) for rule in decision.rules}))


def new_id() -> str:
    """A fresh id: `a_` and 80 random bits, easy to read out and to type."""
    return "a_" + b32encode(secrets.token_bytes(10)).decode("ascii").lower()
