"""The book: its last events, a search by words, and one decision's whole life."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from wharfinger.audit.event import EventKind
from wharfinger.audit.reader import Record
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.shown import row
from wharfinger.control.office.tail import Search
from wharfinger.control.office.visit import Visit

PAGE = 50
_WORDS = 8
_LONGEST = 200
KINDS = tuple(kind.value for kind in EventKind)
VERDICTS = ("allow", "ask", "deny")


def asked(query: Any) -> Search:
    """What the parameters of an address ask for; what they may not hold is left out."""
    before = query.get("before", "")
    return Search(
        words=tuple(query.get("q", "")[:_LONGEST].split()[:_WORDS]),
        kind=query.get("kind", "") if query.get("kind", "") in KINDS else "",
        verdict=query.get("verdict", "") if query.get("verdict", "") in VERDICTS else "",
        agent=query.get("agent", "")[:_LONGEST],
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
    )


async def show(visit: Visit) -> Response:
    """The page."""
    return visit.page("audit.html", **await _values(visit))


async def part(visit: Visit) -> Response:
    """The rows alone."""
    return visit.page("audit_part.html", **await _values(visit))


async def _values(visit: Visit) -> dict[str, Any]:
    search, tail = asked(visit.query), visit.office.tail
    found = await run_in_threadpool(tail.search, search, PAGE + 1)
    return {
        "rows": [row(record) for record in found[:PAGE]],
        "search": search,
        "words": " ".join(search.words),
        "more": found[PAGE - 1].seq if len(found) > PAGE else None,
        "tail": tail,
        "kinds": KINDS,
        "verdicts": VERDICTS,
    }


async def life(visit: Visit) -> Response:
    """Everything of one decision, approval or event."""
    reference = visit.path["reference"]
    found: list[Record] = await run_in_threadpool(visit.office.tail.life, reference)
    return visit.page(
        "audit_life.html",
        200 if found else 404,
        reference=reference,
        rows=[row(record) for record in found],
        tail=visit.office.tail,
    )


PAGES = (
    Page("/audit", show, title="Audit"),
    Page("/audit/part", part, live=True),
    Page("/audit/{reference}", life),
)
