"""What waits for a person, and the person's answer.

A card is read in ten seconds: who, which tool, where to, the inputs, what policy says, how much harm it
could do; and, marked as such, the agent's own words. Nothing is approved from a view that leaves out
something of what would be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from wharfinger.control.office.pages.grants import LONGS
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError

_STATES = ("pending", "approved", "denied", "expired", "cancelled", "used")
_ANSWERED = 20
CARD = 400
"""Characters of one input on a card in the list."""


@dataclass(frozen=True, slots=True)
class Card:
    """An approval, and what this person may do with it here."""

    approval: Mapping[str, Any]
    whole: bool
    """Whether the list shows all of the inputs."""
    mine: bool
    """Whether this person is one of those asked."""

    @property
    def complete(self) -> bool:
        """Whether all of the request was kept to be shown."""
        return self.approval["request"]["complete"] is True

    @property
    def pending(self) -> bool:
        """Whether it waits."""
        return bool(self.approval["state"] == "pending")


def card(visit: Visit, approval: Mapping[str, Any]) -> Card:
    """One approval for this person."""
    values = [
        value
        for call in approval["request"]["calls"]
        for value in (*call["inputs"].values(), *call["extras"].values())
    ]
    whole = all(len(str(value)) <= CARD for value in values)
    asked = {*approval["people"]} | {
        absence["deputy"]
        for absence in approval["ask"]["absences"]
        if absence["person"] in approval["people"]
    }
    mine = visit.person.name in asked and visit.person.may("approver")
    return Card(approval, whole, mine)


async def show(visit: Visit) -> Response:
    """All that wait, and the last that were answered."""
    return visit.page("approvals.html", **await _values(visit))


async def part(visit: Visit) -> Response:
    """What of it changes."""
    return visit.page("approvals_part.html", **await _values(visit))


async def _values(visit: Visit) -> dict[str, Any]:
    waiting = await visit.ask("approvals.list")
    rest = await visit.ask("approvals.list", states=[state for state in _STATES if state != "pending"])
    return {
        "cards": [card(visit, approval) for approval in reversed(waiting)],
        "answered": rest[:_ANSWERED],
        "limit": CARD,
    }


async def one(visit: Visit) -> Response:
    """One of them, whole."""
    return await _one(visit)


async def _one(visit: Visit, status: int = 200, trouble: ControlError | None = None) -> Response:
    approval = await visit.ask("approvals.show", id=visit.path["id"])
    return visit.page(
        "approval.html", status, card=card(visit, approval), limit=None, trouble=trouble, longs=LONGS
    )


async def approve(visit: Visit) -> Response:
    """Let it go through, once: only what was seen whole."""
    approval = await visit.ask("approvals.show", id=visit.path["id"])
    seen = card(visit, approval)
    if not seen.complete:
        raise ControlError(
            Code.FORBIDDEN, "not all of this request can be shown here", "so it cannot be approved here"
        )
    if visit.form.get("view") != "whole" and not seen.whole:
        raise ControlError(Code.FORBIDDEN, "the list does not show all of this request", "open it first")
    if visit.form.get("digest") != approval["digest"]:
        raise ControlError(Code.BAD_REQUEST, "this is not the request that you have seen", "open it again")
    return await _answer(visit, "approvals.approve")


async def deny(visit: Visit) -> Response:
    """Refuse it."""
    return await _answer(visit, "approvals.deny")


async def _answer(visit: Visit, action: str) -> Response:
    try:
        await visit.ask(action, id=visit.path["id"], reason=visit.form.get("reason", "").strip() or None)
    except ControlError as error:
        if error.code is not Code.FAILED:
            raise
        return await _one(visit, 409, error)
    return visit.to("/approvals" if visit.form.get("view") != "whole" else f"/approvals/{visit.path['id']}")


PAGES = (
    Page("/approvals", show, title="Approvals"),
    Page("/approvals/part", part, live=True),
    Page("/approvals/{id}", one),
    Page("/approvals/{id}/approve", approve, post=True),
    Page("/approvals/{id}/deny", deny, post=True),
)
