"""The graph: from agents over policies and tools to hosts and credentials, and by which rules."""

from __future__ import annotations

from itertools import islice
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from wharfinger.authoring import graphing
from wharfinger.authoring.graphing import Filter
from wharfinger.control.office.drawing import picture
from wharfinger.control.office.known import Loaded
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.paging import Slice
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError
from wharfinger.rules.policies.reach import Way
from wharfinger.rules.types import Effect

AT_ONCE = 12
"""Agents that are drawn together; of more there is a list to choose from."""
_DOWNLOADED = 200
"""Agents whose graph is given as a file."""
_WAYS = 20_000
"""Ways that are told at once."""
_NAMES = 60
_ROWS = 100
_LONGEST = 200
_FIELDS = ("agent", "tool", "host", "credential", "effect")


def asked(visit: Visit) -> Filter:
    """The filters in an address; what is empty is for all."""
    given = {name: visit.query.get(name, "").strip()[:_LONGEST] or None for name in _FIELDS}
    if given["effect"] not in {effect.value for effect in Effect}:
        given["effect"] = None
    return Filter(**given)


async def show(visit: Visit) -> Response:
    """The page."""
    return visit.page("graph.html", **await _values(visit))


async def part(visit: Visit) -> Response:
    """The picture alone."""
    return visit.page("graph_part.html", **await _values(visit))


async def _values(visit: Visit) -> dict[str, Any]:
    loaded, looked = await visit.configuration(), asked(visit)
    names = graphing.names(loaded.configuration, looked)
    given = {name: text for name in _FIELDS if (text := getattr(looked, name)) is not None}
    values: dict[str, Any] = {
        "given": given,
        "effects": [effect.value for effect in Effect],
        "all": len(loaded.configuration.agents),
        "names": Slice.of(visit.query, names, _NAMES),
        "policies": {name: loaded.configuration.agents[name].policies for name in names[:_NAMES]},
        "many": len(names) > AT_ONCE,
        "found": [],
        "picture": None,
        "rows": None,
        "mermaid": "",
    }
    if values["many"] or not names:
        values["policies"] = {
            name: loaded.configuration.agents[name].policies for name in values["names"].items
        }
        return values
    found = await run_in_threadpool(ways_of, loaded, looked, names)
    drawn = await run_in_threadpool(picture, found, given) if found else None
    text = await run_in_threadpool(graphing.mermaid, found) if drawn is not None else ""
    return values | {
        "found": found,
        "picture": drawn,
        "rows": Slice.of(visit.query, found, _ROWS),
        "mermaid": text,
    }


def ways_of(loaded: Loaded, looked: Filter, names: list[str]) -> list[Way]:
    """What these agents reach, as far as the filter lets it through. `ControlError` if it is too much."""
    ways = (way for name in names for way in loaded.ways(name) if looked.lets(way))
    found = list(islice(ways, _WAYS + 1))
    if len(found) > _WAYS:
        raise ControlError(Code.BAD_REQUEST, f"this is more than {_WAYS:,} ways", "narrow it by a filter")
    return found


async def _for_download(visit: Visit) -> list[Way]:
    loaded, looked = await visit.configuration(), asked(visit)
    names = graphing.names(loaded.configuration, looked)[:_DOWNLOADED]
    return await run_in_threadpool(ways_of, loaded, looked, names)


async def mermaid(visit: Visit) -> Response:
    """The picture's source, to keep."""
    text = await run_in_threadpool(graphing.mermaid, await _for_download(visit))
    return PlainTextResponse(text, headers=_kept_as("graph.mmd"))


async def as_json(visit: Visit) -> Response:
    """The ways, to work with."""
    found = await _for_download(visit)
    rows = await run_in_threadpool(lambda: [way.as_json() for way in found])
    return JSONResponse(rows, headers=_kept_as("graph.json"))


def _kept_as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


PAGES = (
    Page("/graph", show, title="Graph"),
    Page("/parts/graph", part, live=True),
    Page("/graph/mermaid", mermaid),
    Page("/graph/json", as_json),
)
