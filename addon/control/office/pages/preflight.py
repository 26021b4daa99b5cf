"""Preflight: whether an agent could set off now, and what is in its way, each with its remedy."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from wharfinger.authoring import preflight
from wharfinger.authoring.preflight import Known, Readiness
from wharfinger.control.office.known import Ask, Loaded
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.paging import Slice, found_in
from wharfinger.control.office.pages.tools import approvals
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError

_PAGE = 50
AT_ONCE = 20
"""Agents up to which the list tells the verdict on each."""


async def show(visit: Visit) -> Response:
    """The agents to choose from; the verdict on each, where they are few."""
    loaded = await visit.configuration()
    names = found_in(visit.query, sorted(loaded.configuration.agents), lambda name: name)
    shown = Slice.of(visit.query, names, _PAGE)
    verdicts: dict[str, Any] = {}
    if 0 < len(names) <= AT_ONCE:
        known = await known_of(visit.ask, loaded, names)
        verdicts = await run_in_threadpool(_verdicts, loaded, known)
    return visit.page(
        "preflight.html", shown=shown, all=len(loaded.configuration.agents), verdicts=verdicts, few=AT_ONCE
    )


def _verdicts(loaded: Loaded, known: dict[str, Known]) -> dict[str, tuple[Readiness, list[Any]]]:
    found = {}
    for name, what in known.items():
        findings = findings_of(loaded, name, what)
        found[name] = (preflight.readiness(findings), [one for one in findings if one.grade == "FAIL"])
    return found


async def one(visit: Visit) -> Response:
    """One agent."""
    loaded, name = await visit.configuration(), visit.path["name"]
    if name not in loaded.configuration.agents:
        raise ControlError(Code.UNKNOWN, "there is no agent of this name", "see the list of agents")
    known = (await known_of(visit.ask, loaded, [name])).get(name)
    if known is None:
        raise ControlError(Code.UNKNOWN, "this agent has just been taken away", "see the list of agents")
    findings = await run_in_threadpool(findings_of, loaded, name, known)
    return visit.page(
        "preflight_agent.html", name=name, findings=findings, verdict=preflight.readiness(findings)
    )


def findings_of(loaded: Loaded, name: str, known: Known) -> list[Any]:
    """What is found of one agent."""
    return list(preflight.findings(loaded.configuration, name, known, loaded.ways(name)))


async def known_of(ask: Ask, loaded: Loaded, names: list[str]) -> dict[str, Known]:
    """What the running proxy says of these agents, beside the configuration."""
    agents = await ask("agents.list", names=names)
    people = await ask("people.list")
    status = await ask("status")
    approved = await approvals(ask, loaded.configuration.tools)
    missing = set(loaded.configuration.credentials) - set(status["credentials"])
    cases = await run_in_threadpool(lambda: loaded.cases)
    return {
        agent["name"]: Known(
            suspended=agent["suspended"],
            generation=agent["generation"],
            keyed={person["name"] for person in people if person["keys"]},
            approved=approved.keys(),
            unread=dict.fromkeys(missing, "the running proxy has no value of it"),
            cases=cases,
            trusted=True,  # a proxy that runs has made its certificate authority
        )
        for agent in agents
    }


PAGES = (
    Page("/preflight", show, title="Preflight"),
    Page("/preflight/{name}", one),
)
