"""Grants: approvals given in advance for like calls; proposed from a call, listed, agreed to, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError

LONGS = {
    "1h": ("an hour", timedelta(hours=1)),
    "4h": ("4 hours", timedelta(hours=4)),
    "12h": ("12 hours", timedelta(hours=12)),
    "3d": ("3 days", timedelta(days=3)),
}
"""How long a grant may be given for here; the command line takes any instant."""
MOST_USES = 100


async def show(visit: Visit) -> Response:
    """Those in force or proposed, and on demand those that have ended."""
    everything = visit.query.get("all") == "1"
    grants = await visit.ask("grants.list", all=everything)
    return visit.page("grants.html", grants=grants[:200], everything=everything)


async def propose(visit: Visit) -> Response:
    """Approve a call, and grant calls like it: each input is the same, at most so much, or anything."""
    approval = await visit.ask("approvals.show", id=visit.path["id"])
    if visit.form.get("digest") != approval["digest"] or approval["request"]["complete"] is not True:
        raise ControlError(
            Code.BAD_REQUEST, "this is not the request that you have seen whole", "open it again"
        )
    grant = await visit.ask(
        "grants.propose", approval=approval["id"], approve=True, **_terms(visit, approval)
    )
    return visit.to(f"/grants#{grant['id']}")


def _terms(visit: Visit, approval: dict[str, Any]) -> dict[str, Any]:
    form, uses = visit.form, visit.form.get("uses", "")
    if form.get("for") not in LONGS or not (uses.isascii() and uses.isdigit() and 0 < int(uses) <= MOST_USES):
        raise ControlError(Code.BAD_REQUEST, f"a grant is for 1 to {MOST_USES} uses, and ends")
    (call,) = approval["request"]["calls"]
    how = {name: form.get(f"how.{name}", "same") for name in call["inputs"]}
    return {
        "until": (datetime.now(UTC) + LONGS[form["for"]][1]).isoformat(),
        "uses": int(uses),
        "any": [name for name, chosen in how.items() if chosen == "any"],
        "max": {name: form.get(f"max.{name}", "") for name, chosen in how.items() if chosen == "most"},
        "reason": form.get("reason", "").strip() or None,
    }


async def approve(visit: Visit) -> Response:
    """Agree to one that was proposed."""
    await visit.ask("grants.approve", id=visit.path["id"])
    return visit.to("/grants")


async def revoke(visit: Visit) -> Response:
    """End one."""
    await visit.ask("grants.revoke", id=visit.path["id"], reason=visit.form.get("reason", "").strip() or None)
    return visit.to("/grants")


PAGES = (
    Page("/grants", show, title="Grants"),
    Page("/approvals/{id}/grant", propose, post=True),
    Page("/grants/{id}/approve", approve, post=True),
    Page("/grants/{id}/revoke", revoke, post=True),
)
