#!/usr/bin/env python3
"""How quick the console's pages are with 1,000 agents and 100,000 events, and what they cost the proxy.

A desk in this process stands for the proxy; the office is the real process beside it. Printed are, for
each page, the first answer and the median and slowest of 30 more, in milliseconds; and for each control
action that pages are made of, the processor time that it takes on the proxy's event loop, its answer as
JSON included. Exits 1 if a first page takes more than 200 ms (a search that finds nothing: a second), or an
action holds the loop for more than 1 ms in the median.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx2
from wharfinger.audit import events
from wharfinger.control import actions
from wharfinger.control.dispatcher import Dispatcher
from wharfinger.control.server import ControlServer
from wharfinger.control.services import Services
from wharfinger.desk import Desk
from wharfinger.office import Office
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.models.values import Endpoint
from wharfinger.rules.types import Call, Code, Decision, Effect, Request, Verdict

AGENTS = 1_000
EVENTS = 100_000
ROUNDS = 30
FIRST_MS = 200.0
VAIN_MS = 1000.0
STEP_MS = 1.0
VAIN = "/audit?q=pay+zebra"
PAGES = ("/", "/approvals", "/agents", "/audit", VAIN, "/audit?kind=denied", "/account")
ACTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("sessions.show", {}),
    ("approvals.list", {}),
    ("agents.list", {"names": [f"agent-{number}" for number in range(100)]}),
)


def configuration() -> Configuration:
    """A thousand agents."""
    agents = "".join(f"  agent-{number}: {{owner: alice, policies: [main]}}\n" for number in range(AGENTS))
    files = {
        "wharfinger.yaml": "version: 1\n",
        "people.yaml": "people: {alice: {role: admin}}\n",
        "agents.yaml": f"agents:\n{agents}",
        "policies/main.yaml": 'policy: main\ndeny: [{tool: "*"}]\n',
    }
    return load(Sources({name: text.encode() for name, text in files.items()}))


async def fill(desk: Desk) -> None:
    """Write the events, a batch at a time as traffic would."""
    request = Request("agent-1", "POST", "https", "api.example.com", 443, "/pay", ())
    call = Call("pay", "t" * 64, Effect.WRITE, {"amount": 5, "to": "somebody", "note": "for the boat " * 8})
    decision = Decision(Verdict.DENY, Code.DENIED, "no rule allows this", "", "p" * 64, calls=(call,))
    for start in range(0, EVENTS, 500):
        await asyncio.gather(
            *(
                desk.book.write(
                    events.refused(
                        f"d_{number:020}", events.Who(f"agent-{number % AGENTS}", "ag"), request, decision
                    )
                )
                for number in range(start, start + 500)
            )
        )


async def pages(office: Office, token: str) -> bool:
    """Print how long each page takes; whether the first of each is quick enough."""
    good = True
    cookies = {f"wharfinger-{office.address[1]}": token}
    async with httpx2.AsyncClient(base_url=office.url, trust_env=False, cookies=cookies, timeout=60) as http:
        for path in PAGES:
            took = []
            for _ in range(ROUNDS + 1):
                begun = time.perf_counter()
                answer = await http.get(path)
                took.append((time.perf_counter() - begun) * 1000)
            rest = sorted(took[1:])
            print(
                f"{path:22} {answer.status_code} first {took[0]:6.1f} ms, "
                f"median {statistics.median(rest):6.1f}, slowest {rest[-1]:6.1f}, "
                f"{len(answer.content) // 1024} KiB"
            )
            good = good and took[0] <= (VAIN_MS if path == VAIN else FIRST_MS)
    return good


async def steps(dispatcher: Dispatcher, token: str) -> bool:
    """Print what each action costs the event loop; whether each is cheap enough."""
    good = True
    for name, args in ACTIONS:
        action, took = dispatcher.action(name), []
        for _ in range(ROUNDS):
            context = await dispatcher.context_of(action, token, local=False)
            begun = time.thread_time()
            json.dumps(await dispatcher.run(action, context, args), separators=(",", ":"))
            took.append((time.thread_time() - begun) * 1000)
        median = statistics.median(took)
        print(f"{name:22} {median:6.2f} ms of the proxy's event loop")
        good = good and median <= STEP_MS
    return good


async def measure(folder: Path) -> bool:
    """Everything."""
    loaded = configuration()
    desk = await Desk.open(folder, loaded)
    held = {each.name: getattr(desk, each.name) for each in fields(Services) if hasattr(desk, each.name)}

    async def status() -> Any:
        return {
            "running": True, "version": "0", "proxy": "", "policy_digest": "", "configuration": "",
            "generation": 1, "refused_reload": None, "book": "writable", "connections": 0, "runs": 0,
            "observed": [], "denials": 0, "channels_down": [],
        }  # fmt: skip

    dispatcher = actions.dispatcher(
        Services(**held, configuration=lambda: loaded, status=status), desk.record
    )
    await fill(desk)
    token = (await desk.sessions.by_link(await desk.sessions.link("alice"))).token
    control = ControlServer(folder, dispatcher)
    await control.start()
    office = await Office.start(Endpoint("127.0.0.1", 0), folder)
    async with httpx2.AsyncClient(base_url=office.url, trust_env=False, timeout=60) as http:
        begun = time.perf_counter()
        cookies = {f"wharfinger-{office.address[1]}": token}
        reading = True
        while reading:
            await asyncio.sleep(0.02)
            reading = "still being read" in (await http.get("/audit", cookies=cookies)).text
        print(f"{EVENTS:,} events are there {time.perf_counter() - begun:.1f} s after the office was started")
    good = await pages(office, token)
    good = await steps(dispatcher, token) and good
    await office.stop()
    await control.close()
    await desk.close()
    return good


def main() -> int:
    """Measure in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(measure(Path(folder) / "data")) else 1


if __name__ == "__main__":
    sys.exit(main())
