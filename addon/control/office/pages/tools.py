"""The tools: loaded, proposed, and available in the catalogue; one of them, and who may use it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from wharfinger.control.dispatcher import Role
from wharfinger.control.office.known import Ask, Loaded
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.paging import Slice, found_in, words
from wharfinger.control.office.shelf import declaration
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError
from wharfinger.rules.policies import reach
from wharfinger.rules.policies.reach import Way
from wharfinger.rules.tools.tool import Tool

PAGE = 50
_USERS = 60
_STATES = ("loaded", "proposed", "available")
_BUILT_IN = "builtin:"


async def show(visit: Visit) -> Response:
    """The list."""
    return visit.page("tools.html", **await _values(visit))


async def part(visit: Visit) -> Response:
    """The rows alone."""
    return visit.page("tools_part.html", **await _values(visit))


async def _values(visit: Visit) -> dict[str, Any]:
    loaded = await visit.configuration()
    approved = await approvals(visit.ask, loaded.configuration.tools)
    waiting = [tool for tool in loaded.configuration.tools if _waits(tool, approved)]
    state = visit.query.get("state", "")
    state = state if state in _STATES else "loaded"
    values = {
        "state": state,
        "states": _STATES,
        "all": len(loaded.configuration.tools),
        "waiting": {tool.name for tool in waiting},
        "address": reach.address,
        "words": visit.query.get("q", "")[:200],
    }
    if state == "available":
        return values | {"entries": await run_in_threadpool(_available, visit, loaded)}
    tools = waiting if state == "proposed" else loaded.configuration.tools
    effect = visit.query.get("effect", "")
    some = [tool for tool in tools if effect in {"", tool.effect.value}]
    found = found_in(visit.query, sorted(some, key=lambda tool: tool.name), _words)
    return values | {"shown": Slice.of(visit.query, found, PAGE)}


def _words(tool: Tool) -> str:
    return " ".join((tool.name, tool.description, tool.effect.value, reach.address(tool), tool.api))


def _available(visit: Visit, loaded: Loaded) -> list[tuple[Any, list[str]]]:
    """The built-in files that are not named, each with the tools that match."""
    named = {entry.name for entry in loaded.configuration.settings.catalogue}
    wanted, found = words(visit.query), []
    for entry in visit.office.shelf.entries:
        if entry.name in named:
            continue
        tools = [name for name in entry.tools if all(word in name.casefold() for word in wanted)]
        whole = all(word in f"{entry.name} {entry.title}".casefold() for word in wanted)
        if whole or tools:
            found.append((entry, [] if whole else tools))
    return found


def _waits(tool: Tool, approved: dict[str, Any]) -> bool:
    return tool.proposed and tool.digest not in approved


async def approvals(ask: Ask, tools: Iterable[Tool]) -> dict[str, Any]:
    """The approvals of proposed tools, by digest; asked for only where a tool is proposed."""
    found: dict[str, Any] = {}
    if not any(tool.proposed for tool in tools):
        return found
    after = ""
    while some := await ask("tools.approved", after=after):
        found |= {one["digest"]: one for one in some}
        after = some[-1]["tool"]
    return found


async def one(visit: Visit) -> Response:
    """One tool."""
    loaded = await visit.configuration()
    tool = loaded.configuration.tools.get(visit.path["name"])
    if tool is None:
        raise ControlError(Code.UNKNOWN, "there is no tool of this name", "see the list of tools")
    approved = await approvals(visit.ask, [tool])
    users = await run_in_threadpool(_users, loaded, tool)
    wanted = found_in(visit.query, users, lambda way: way.agent)
    return visit.page(
        "tool.html",
        tool=tool,
        address=reach.address(tool),
        lines=_lines(visit, loaded, tool),
        approval=approved.get(tool.digest),
        waits=_waits(tool, approved),
        users=Slice.of(visit.query, wanted, _USERS),
        agents=len(users),
    )


def _users(loaded: Loaded, tool: Tool) -> list[Way]:
    """Who may use it, and by which rule."""
    configuration = loaded.configuration
    found = (reach.way(configuration, agent, tool) for agent in sorted(configuration.agents))
    return [way for way in found if way is not None]


def _lines(visit: Visit, loaded: Loaded, tool: Tool) -> list[tuple[int, str]]:
    file = tool.position.file
    if file.startswith(_BUILT_IN):
        name = file.removeprefix(_BUILT_IN).removesuffix(".yaml")
        text = visit.office.configurations.catalogue[name].decode("utf-8", "replace")
    else:
        text = loaded.text(file) or ""
    return declaration(text, tool.position.line)


async def available(visit: Visit) -> Response:
    """One built-in file that is not loaded."""
    name = visit.path["name"]
    opened = await run_in_threadpool(visit.office.shelf.open, name)
    if opened is None:
        raise ControlError(Code.UNKNOWN, "there is no such built-in tool file", "see the tools available")
    found = found_in(visit.query, opened.tools, lambda tool: f"{tool.name} {tool.description} {tool.url}")
    return visit.page(
        "tools_available.html", name=name, opened=opened, shown=Slice.of(visit.query, found, PAGE)
    )


async def approve(visit: Visit) -> Response:
    """Let a proposed tool be used: as it was seen, by its digest."""
    name = visit.path["name"]
    await visit.ask("tools.approve", tools={name: visit.form.get("digest", "")})
    return visit.to(f"/tools/{quote(name, safe='')}")


async def withdraw(visit: Visit) -> Response:
    """Take that back."""
    name = visit.path["name"]
    await visit.ask("tools.withdraw", tools=[name])
    return visit.to(f"/tools/{quote(name, safe='')}")


PAGES = (
    Page("/tools", show, title="Tools"),
    Page("/parts/tools", part, live=True),
    Page("/tools/available/{name}", available),
    Page("/tools/{name}", one),
    Page("/tools/{name}/approve", approve, role=Role.ADMIN, post=True),
    Page("/tools/{name}/withdraw", withdraw, role=Role.ADMIN, post=True),
)
