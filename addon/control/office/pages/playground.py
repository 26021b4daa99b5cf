"""The playground: what would be decided on a request, and with another policy. Nothing is sent or kept."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from wharfinger.control.office.known import Altered, Ask, Loaded
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.tools import approvals
from wharfinger.control.office.playing import PREFIX, Asked, Live, Typed, answer, asked, choices, past
from wharfinger.control.office.visit import Visit
from wharfinger.faults import Fault
from wharfinger.rules import cases

_PROBLEMS = 20
_NAMES = 2_000
"""Names of agents and tools that a field proposes."""
_ASKED_AT_ONCE = 20
LONGEST = 40_000
"""Characters of a policy that can be edited: what browsers make of it fits into one form."""


async def show(visit: Visit) -> Response:
    """The form: empty, of a tool, or of a past decision."""
    given = {name: value[:4000] for name, value in visit.query.items()}
    return visit.page("playground.html", **await _form(visit, given), **_nothing())


async def tried(visit: Visit) -> Response:
    """The form and what came of it, for browsers without a script."""
    return visit.page("playground.html", **await _form(visit, visit.form), **await _values(visit))


async def part(visit: Visit) -> Response:
    """What came of it."""
    return visit.page("playground_part.html", **await _values(visit))


async def _form(visit: Visit, given: Mapping[str, str]) -> dict[str, Any]:
    loaded = await visit.configuration()
    configuration = loaded.configuration
    files = sorted(path for path in loaded.files if path.startswith("policies/"))
    file = given.get("file", "")
    file = file if file in files else ""
    text = given.get("text")
    if file and (text is None or given.get("shown") != file):
        text = loaded.text(file) or ""
    agents = sorted(configuration.agents)
    agent = given.get("agent", "") or (agents[0] if len(agents) == 1 else "")
    return {
        "given": {**given, "agent": agent},
        "agents": agents[:_NAMES],
        "tools": sorted(configuration.tools.tools)[:_NAMES],
        "tool": configuration.tools.get(given.get("tool", "")),
        "decision": given.get("decision", ""),
        "prefix": PREFIX,
        "choices": choices,
        "files": files,
        "file": file,
        "text": text or "",
        "longest": LONGEST,
    }


def _nothing() -> dict[str, Any]:
    return {"answers": None, "trouble": None, "altered": None, "others": None, "failing": [], "problems": []}


async def _values(visit: Visit) -> dict[str, Any]:
    """What is decided on what the form holds; and what would be, if a file had another text."""
    loaded, values = await visit.configuration(), _nothing()
    altered = await _altered(visit, loaded)
    if altered is not None:
        values |= {"altered": altered, "problems": altered.problems[:_PROBLEMS]}
    try:
        wanted = await _asked(visit, loaded)
        now = await live(visit.ask, loaded, wanted[0].request.agent)
        values["answers"] = await run_in_threadpool(_answers, loaded, wanted, now)
    except Fault as fault:
        return values | {"trouble": fault}
    if altered is None or altered.loaded is None:
        return values
    other = altered.loaded
    values["failing"] = await run_in_threadpool(_failing, other, visit.form.get("file", ""))
    with contextlib.suppress(Fault):  # the edited text may have taken away what the request is made of
        again = await _asked(visit, other)
        values["others"] = await run_in_threadpool(_answers, other, again, now)
    return values


async def _altered(visit: Visit, loaded: Loaded) -> Altered | None:
    file, text = visit.form.get("file", ""), visit.form.get("text", "")
    known = loaded.text(file) if file.startswith("policies/") else None
    if known is None or visit.form.get("shown") != file:
        return None
    if text.replace("\r\n", "\n").rstrip() == known.rstrip():
        return None
    return await visit.office.configurations.altered(loaded, file, text)


async def _asked(visit: Visit, loaded: Loaded) -> list[Asked]:
    if decision := visit.form.get("decision", "").strip()[:100]:
        records = await run_in_threadpool(visit.office.tail.life, decision)
        return (await run_in_threadpool(past, loaded.configuration, records))[:_ASKED_AT_ONCE]
    typed = Typed.of(visit.form)
    return [await run_in_threadpool(asked, loaded.configuration, typed)]


async def live(ask: Ask, loaded: Loaded, agent: str) -> Live:
    """What the running proxy says of an agent at the moment."""
    approved = await approvals(ask, loaded.configuration.tools)
    standing = await ask("agents.show", agent=agent)
    return Live.of(standing, approved, await ask("deny.list"))


def _answers(loaded: Loaded, wanted: list[Asked], live: Live) -> list[dict[str, Any]]:
    return [answer(loaded.configuration, what, live) for what in wanted]


def _failing(loaded: Loaded, file: str) -> list[cases.CaseResult]:
    """The tests of the edited policy that fail."""
    configuration = loaded.configuration
    return [
        result
        for name, policy in configuration.policies.items()
        if policy.model.position.file == file
        for case in policy.model.tests
        if not (result := cases.run_case(configuration, name, case)).passed
    ]


PAGES = (
    Page("/playground", show, title="Playground"),
    Page("/playground", tried, post=True),
    Page("/parts/playground", part, post=True),
)
