"""The approvals that can still change, in memory, with their deadlines on both clocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from wharfinger.approvals.approval import Approval
from wharfinger.approvals.deadlines import Deadline
from wharfinger.approvals.states import State
from wharfinger.clock import Clock


class Standing:
    """Pending and approved ones, and those that are used and whose request has not been sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[str, Approval] = {}
        self._unsent: dict[str, Approval] = {}
        self._ends: dict[str, Deadline] = {}
        self._escalates: dict[str, Deadline] = {}

    def remember(self, approval: Approval) -> None:
        """Take an approval as it is now; one that has ended is forgotten."""
        ends, escalates = self._ends.get(approval.id), self._escalates.get(approval.id)
        if ends is None or ends.wall != approval.expires:
            whole = approval.expires - (approval.changed or approval.created)
            ends = Deadline.at(self._clock, approval.expires, max(whole, timedelta(0)))
        self.forget(approval.id)
        if approval.state.live:
            self._live[approval.id] = approval
            self._ends[approval.id] = ends
            self._plan(approval, escalates)
        elif approval.state is State.USED:
            self._unsent[approval.id] = approval
            self._ends[approval.id] = ends

    def _plan(self, approval: Approval, known: Deadline | None) -> None:
        """Note when a pending one goes on to others."""
        if approval.state is not State.PENDING or approval.step >= len(approval.ask.escalations):
            return
        after = approval.ask.escalations[approval.step].after
        wall = approval.created + after
        if known is None or known.wall != wall:
            known = Deadline.at(self._clock, wall, after)
        self._escalates[approval.id] = known

    def forget(self, approval_id: str) -> None:
        """Drop it."""
        for each in (self._live, self._unsent, self._ends, self._escalates):
            each.pop(approval_id, None)

    def live(self) -> Iterable[Approval]:
        """Those that are pending or approved."""
        return self._live.values()

    def one_live(self, approval_id: str) -> Approval | None:
        """The same by its id."""
        return self._live.get(approval_id)

    def find(self, approval_id: str) -> Approval | None:
        """Any of them by its id."""
        return self._live.get(approval_id) or self._unsent.get(approval_id)

    def unsent(self, approval_id: str) -> bool:
        """Whether it is used, and its request can still be kept from being sent."""
        return approval_id in self._unsent

    def left(self, approval_id: str) -> timedelta:
        """The time until it ends."""
        ends = self._ends.get(approval_id)
        return timedelta(0) if ends is None else ends.left(self._clock)

    def ended(self, approval_id: str) -> bool:
        """Whether its time is over, on either clock."""
        return self.left(approval_id) <= timedelta(0)

    def overdue(self, approval: Approval) -> bool:
        """Whether it has expired although its state does not say so yet."""
        return approval.state.live and self.ended(approval.id)

    def waited(self, approval_id: str) -> bool:
        """Whether it is time to let others answer, too: on both clocks."""
        due = self._escalates.get(approval_id)
        return due is not None and due.passed_on_both(self._clock)

    def as_seen(self, approval: Approval) -> Approval:
        """The approval as it is at this moment, whoever has written it down."""
        return replace(approval, state=State.EXPIRED) if self.overdue(approval) else approval

    def due(self) -> tuple[list[str], list[str]]:
        """The ids of those to expire, and of those to escalate."""
        over = [key for key in self._live if self.ended(key)]
        return over, [key for key in self._escalates if key not in over and self.waited(key)]
