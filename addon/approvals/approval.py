"""One approval: what was asked of whom, and how it stands; and what can go wrong with it."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wharfinger.approvals.question import Question
from wharfinger.approvals.states import ApprovalError, Move, State, after
from wharfinger.rules.types import Decision


class NoSuchApproval(ApprovalError):
    """No approval has this id."""

    def __init__(self, approval_id: str) -> None:
        """Quote the id."""
        super().__init__(f"there is no approval {approval_id!r}", "see `wharfinger approvals list`")


class NotApprover(ApprovalError):
    """A person whom the approval does not ask tried to answer it."""

    def __init__(self, person: str, approval: Approval) -> None:
        """Name the person and those who may."""
        asked_for = ", ".join(approval.approvers) or "nobody"
        super().__init__(f"{person!r} may not answer approval {approval.id}", f"it asks for {asked_for}")


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
    """One question to a person, and its answer. Times are UTC."""

    id: str
    agent_id: str
    agent: str
    digest: str
    """The request digest it binds."""
    policy_digest: str
    rules: tuple[str, ...]
    """The rules that determined the `ask`, as `file:line`."""
    approvers: tuple[str, ...]
    people: frozenset[str]
    question: Question
    created: datetime
    expires: datetime
    """Until when it can be answered; once approved, until when it can be used."""
    state: State = State.PENDING
    person: str | None = None
    """Who answered or cancelled; None for what the runtime did."""
    comment: str | None = None
    """What they gave as reason."""
    changed: datetime | None = None

    @property
    def key(self) -> tuple[str, str, tuple[str, ...], frozenset[str]]:
        """What an equal request has in common with this one."""
        return (self.agent_id, self.digest, self.rules, self.people)

    def moved(
        self, move: Move, now: datetime, *, person: str | None, comment: str | None, usable: timedelta
    ) -> Approval:
        """The approval after `move`; raises `WrongState` where the table has no such move.

        `usable` is how long an approved one may wait for its request to come again.
        """
        state = after(self.state, move)
        if move in {Move.USE, Move.GIVE_BACK}:
            return replace(self, state=state, changed=now)
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
            "person": self.person,
            "comment": self.comment,
            "changed": None if self.changed is None else self.changed.isoformat(),
            "rules": list(self.rules),
            "digest": self.digest,
            "policy_digest": self.policy_digest,
            "request": self.question.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Approval:
        """Read back what `as_json` gave."""
        changed = data["changed"]
        return cls(
            id=data["id"],
            agent_id=data["agent_id"],
            agent=data["agent"],
            digest=data["digest"],
            policy_digest=data["policy_digest"],
            rules=tuple(data["rules"]),
            approvers=tuple(data["approvers"]),
            people=frozenset(data["people"]),
            question=Question.from_json(data["request"]),
            created=datetime.fromisoformat(data["created"]).astimezone(UTC),
            expires=datetime.fromisoformat(data["expires"]).astimezone(UTC),
            state=State(data["state"]),
            person=data["person"],
            comment=data["comment"],
            changed=None if changed is None else datetime.fromisoformat(changed).astimezone(UTC),
        )


def asked(agent_id: str, agent: str, decision: Decision, shown: Question, now: datetime) -> Approval:
    """A new pending approval for a request that was decided as `ask`; `ValueError` for any other."""
    ask = decision.ask
    if ask is None or not decision.digest or not agent_id:
        raise ValueError("only a decision to ask, with a digest and an agent, can be put to a person")
    if ask.quorum != 1:
        raise ValueError(f"a quorum of {ask.quorum} is not supported yet")
    return Approval(
        id=new_id(),
        agent_id=agent_id,
        agent=agent,
        digest=decision.digest,
        policy_digest=decision.policy_digest,
        rules=rule_names(decision),
        approvers=ask.approvers,
        people=ask.people,
        question=shown,
        created=now,
        expires=now + ask.expires,
    )


def rule_names(decision: Decision) -> tuple[str, ...]:
    """The deciding rules as `file:line`, in an order of their own."""
    return tuple(sorted({str(rule) for rule in decision.rules}))


def new_id() -> str:
    """A fresh id: `a_` and 80 random bits, easy to read out and to type."""
    return "a_" + b32encode(secrets.token_bytes(10)).decode("ascii").lower()
