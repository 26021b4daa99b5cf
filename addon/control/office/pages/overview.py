"""What waits, what was denied and why, what passes, and whether all is well."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response
from wharfinger.control.dispatcher import Role
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.shown import Row, row
from wharfinger.control.office.visit import Visit

_SHOWN = 8
_LOOKED_AT = 4000
"""Events that are gone through, newest first: the first page must not depend on how many there are."""
_SPAN = timedelta(hours=1)


async def show(visit: Visit) -> Response:
    """The page."""
    return visit.page("overview.html", **await _values(visit))


async def part(visit: Visit) -> Response:
    """What of it changes."""
    return visit.page("overview_part.html", **await _values(visit))


async def _values(visit: Visit) -> dict[str, Any]:
    status = await visit.ask("status")
    waiting = await visit.ask("approvals.list")
    denied: list[Row] = []
    passed: list[Row] = []
    ends: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    since = datetime.now(UTC) - _SPAN
    for number, record in enumerate(visit.office.tail.newest()):
        if number >= _LOOKED_AT:
            break
        kind, members = record.kind, record.members
        recent = record.time >= since
        if kind == "outcome":
            ends.setdefault(members.get("decision", ""), members)
        elif kind in {"intent", "denied", "held"}:
            counts[kind] += recent
            into = {"intent": passed, "denied": denied}.get(kind)
            if into is not None and len(into) < _SHOWN:
                into.append(row(record, ends.get(members.get("decision", ""))))
        if not recent and len(denied) == len(passed) == _SHOWN:
            break
    return {
        "runtime": status,
        "waiting": waiting,
        "denied": denied,
        "passed": passed,
        "counts": counts,
        "tail": visit.office.tail,
    }


async def stop(visit: Visit) -> Response:
    """The kill switch."""
    await visit.ask("stop", reason=visit.form.get("reason", "")[:500])
    return visit.page("stopped.html")


PAGES = (
    Page("/", show, title="Overview"),
    Page("/part", part, live=True),
    Page("/stop", stop, role=Role.ADMIN, post=True),
)
