"""The agents: which there are and how they stand; one of them, and what it reaches; the kill switch."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from wharfinger.control.dispatcher import Role
from wharfinger.control.office.known import Loaded
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.paging import Slice, found_in
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError
from wharfinger.rules.policies.reach import Way
from wharfinger.rules.types import Verdict

PAGE = 50
_TOOLS = 60
"""Tools of one agent that are shown at once."""
_REASON = 500
CONFIRMED = "stop everything"
"""What is typed to stop everything."""


async def show(visit: Visit) -> Response:
    """The list."""
    return visit.page("agents.html", **await _values(visit))


async def part(visit: Visit) -> Response:
    """What of it changes."""
    return visit.page("agents_part.html", **await _values(visit))


async def _values(visit: Visit) -> dict[str, Any]:
    loaded = await visit.configuration()
    suspended = await visit.ask("agents.suspended")
    declared = loaded.configuration.agents
    found = found_in(visit.query, sorted(declared), lambda name: _words(loaded, name))
    if visit.query.get("state") == "suspended":
        found = [name for name in found if name in suspended or declared[name].status != "active"]
    shown = Slice.of(visit.query, found, PAGE)
    rows = await visit.ask("agents.list", names=list(shown.items)) if shown.items else []
    return {
        "rows": rows,
        "shown": shown,
        "all": len(declared),
        "suspended": len(suspended),
        "confirmed": CONFIRMED,
    }


def _words(loaded: Loaded, name: str) -> str:
    agent = loaded.configuration.agents[name]
    return " ".join((name, agent.owner, agent.environment or "", agent.description, *agent.policies))


async def one(visit: Visit) -> Response:
    """One agent."""
    name = visit.path["name"]
    loaded = await visit.configuration()
    if name not in loaded.configuration.agents:
        raise ControlError(Code.UNKNOWN, "there is no agent of this name", "see the list of agents")
    standing = await visit.ask("agents.show", agent=name)
    ways = await run_in_threadpool(loaded.ways, name)
    wanted = found_in(visit.query, ways, lambda way: " ".join((way.tool, *way.hosts, *way.credentials)))
    return visit.page(
        "agent.html",
        agent=standing,
        description=loaded.configuration.agents[name].description,
        ways=Slice.of(visit.query, wanted, _TOOLS),
        verdicts=_verdicts(ways),
        credentials=_credentials(ways),
        reached=len(ways),
    )


def _verdicts(ways: tuple[Way, ...]) -> dict[str, int]:
    counts = Counter(str(way.verdict) for way in ways)
    return {str(verdict): counts[str(verdict)] for verdict in (Verdict.ALLOW, Verdict.ASK)}


def _credentials(ways: tuple[Way, ...]) -> dict[str, list[str]]:
    """The credentials in reach, each with the hosts it goes to."""
    found: dict[str, dict[str, None]] = {}
    for way in ways:
        for credential in way.credentials:
            found.setdefault(credential, {}).update(dict.fromkeys(way.hosts))
    return {name: sorted(hosts) for name, hosts in sorted(found.items())}


async def suspend(visit: Visit) -> Response:
    """Stop one agent."""
    return await _change(visit, "agents.suspend")


async def resume(visit: Visit) -> Response:
    """Let it go on."""
    return await _change(visit, "agents.resume")


async def rotate(visit: Visit) -> Response:
    """Make its tokens useless."""
    return await _change(visit, "agents.rotate")


async def _change(visit: Visit, action: str) -> Response:
    reason = visit.form.get("reason", "").strip()[:_REASON]
    if not reason:
        raise ControlError(Code.BAD_REQUEST, "say why: the reason stands in the audit log", "go back")
    name = visit.path["name"]
    await visit.ask(action, agent=name, reason=reason)
    return visit.to(f"/agents/{quote(name, safe='')}")


async def stop(visit: Visit) -> Response:
    """The kill switch, once its words have been typed."""
    if visit.form.get("confirm", "").strip().lower() != CONFIRMED:
        raise ControlError(Code.BAD_REQUEST, f'type "{CONFIRMED}" to do so', "nothing was stopped")
    await visit.ask("stop", reason=visit.form.get("reason", "").strip()[:_REASON])
    return visit.page("stopped.html")


PAGES = (
    Page("/agents", show, title="Agents"),
    Page("/parts/agents", part, live=True),
    Page("/agents/stop", stop, role=Role.ADMIN, post=True),
    Page("/agents/{name}", one),
    Page("/agents/{name}/suspend", suspend, role=Role.ADMIN, post=True),
    Page("/agents/{name}/resume", resume, role=Role.ADMIN, post=True),
    Page("/agents/{name}/rotate", rotate, role=Role.ADMIN, post=True),
)
