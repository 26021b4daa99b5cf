#!/usr/bin/env python3
"""How quick the console's pages are with 1,000 agents and 100,000 events, and what they cost the proxy.

A desk in this process stands for the proxy; the office is the real process beside it. Printed are, for
each page, the first answer and the median and slowest of 30 more, in milliseconds; and for each control
action that pages are made of, the processor time that it takes on the proxy's event loop, its answer as
JSON included. Exits 1 if a first page takes more than 200 ms (a search that finds nothing: a second; one
that is worked out from the configuration: half a second, once that is loaded), or an action holds the loop
for more than 1 ms in the median. How long loading takes, for which the first such page after a reload waits,
is printed.
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
from wharfinger.audit.event import Who
from wharfinger.authoring.snapshot import Catalogue
from wharfinger.control import actions
from wharfinger.control.dispatcher import Dispatcher
from wharfinger.control.server import ControlServer
from wharfinger.control.services import Services
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.models.values import Endpoint
from wharfinger.rules.types import Call, Code, Decision, Effect, Request, Verdict
from wharfinger.running.desk import Desk
from wharfinger.running.office import Office

AGENTS = 1_000
EVENTS = 100_000
ROUNDS = 30
FIRST_MS = 200.0
VAIN_MS = 1000.0
STEP_MS = 1.0
WORKED_OUT_MS = 500.0
VAIN = "/audit?q=pay+zebra"
PAGES = ("/", "/approvals", "/audit", VAIN, "/audit?kind=denied", "/account")
WORKED_OUT = (
    "/agents", "/agents?q=agent-99", "/agents/agent-7", "/tools", "/tools?q=refund", "/tools?state=available",
    "/tools/stripe_create_refund", "/policies", "/policies/main", "/source/policies/main.yaml", "/graph",
    "/graph?agent=agent-7", "/graph?agent=agent-70*", "/graph/json?agent=agent-7", "/preflight",
    "/preflight?q=agent-70", "/preflight/agent-7", "/playground", "/playground?tool=stripe_create_refund",
)  # fmt: skip
"""Pages that are worked out from the configuration; the first of them waits until it is loaded."""
ACTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("sessions.show", {}),
    ("approvals.list", {}),
    ("configuration.files", {}),
    ("agents.suspended", {}),
    ("agents.show", {"agent": "agent-7"}),
    ("deny.list", {}),
    ("agents.list", {"names": [f"agent-{number}" for number in range(100)]}),
)


POLICY = """\
policy: main
allow:
  - tool: {effect: read}
  - tool: stripe_create_refund
    when: given("amount") && input.amount <= 5000
ask:
  - tool: stripe_*
  - tool: slack_*
deny:
  - tool: github_delete_*
tests:
  - {agent: agent-7, call: stripe_create_refund, input: {payment_intent: pi_1, amount: 500}, expect: ask}
  - {agent: agent-7, call: github_delete_repo, input: {owner: a, repo: b}, expect: deny}
"""


def files() -> dict[str, bytes]:
    """A thousand agents, and the tools of some APIs."""
    agents = "".join(f"  agent-{number}: {{owner: alice, policies: [main]}}\n" for number in range(AGENTS))
    texts = {
        "wharfinger.yaml": "version: 1\ncatalogue: [github, slack, stripe]\n",
        "people.yaml": "people: {alice: {role: admin}}\n",
        "agents.yaml": f"agents:\n{agents}",
        "credentials.yaml": (
            "credentials:\n"
            '  STRIPE_API_KEY: {from: "env:A", hosts: [api.stripe.com], placeholder: sk_test_}\n'
            '  GITHUB_TOKEN: {from: "env:B", hosts: [api.github.com, uploads.github.com]}\n'
            '  SLACK_BOT_TOKEN: {from: "env:C", hosts: [slack.com], placeholder: xoxb-}\n'
        ),
        "policies/main.yaml": POLICY,
    }
    return {name: text.encode() for name, text in texts.items()}


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
                        f"d_{number:020}", Who(f"agent-{number % AGENTS}", "ag"), request, decision
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
        begun = time.perf_counter()
        await http.get("/playground")
        print(f"the configuration is loaded {time.perf_counter() - begun:.1f} s after it is first asked for")
        for path in (*PAGES, *WORKED_OUT):
            took = []
            for _ in range(ROUNDS + 1):
                begun = time.perf_counter()
                answer = await http.get(path)
                took.append((time.perf_counter() - begun) * 1000)
            rest = sorted(took[1:])
            print(
                f"{path:38} {answer.status_code} first {took[0]:6.1f} ms, "
                f"median {statistics.median(rest):6.1f}, slowest {rest[-1]:6.1f}, "
                f"{len(answer.content) // 1024} KiB"
            )
            most = VAIN_MS if path == VAIN else WORKED_OUT_MS if path in WORKED_OUT else FIRST_MS
            good = good and answer.status_code == 200 and took[0] <= most
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
    given = files()
    loaded = load(Sources(given, Catalogue()))
    desk = await Desk.open(folder, loaded)
    held = {each.name: getattr(desk, each.name) for each in fields(Services) if hasattr(desk, each.name)}

    async def status() -> Any:
        return {
            "running": True, "version": "0", "proxy": "", "policy_digest": "", "configuration": "",
            "generation": 1, "refused_reload": None, "book": "writable", "connections": 0, "runs": 0,
            "observed": [], "denials": 0, "channels_down": [], "credentials": [], "self_test": [],
            "credentials_down": [], "misuse": [],
        }  # fmt: skip

    services = Services(
        **held, configuration=lambda: loaded, files=lambda: (given, loaded.digest), status=status
    )
    dispatcher = actions.dispatcher(services, desk.record)
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
