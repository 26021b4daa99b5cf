"""Calls that were decided and recorded in earnest: by the function that decides, as the book renders them."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wharfinger.audit import events
from wharfinger.audit.event import Who
from wharfinger.audit.render import render
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.types import Facts, Origin, Request, Verdict

AT = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
FILES = {
    "wharfinger.yaml": "version: 1\n",
    "people.yaml": "people: {alice: {role: admin}, bob: {}}\n",
    "credentials.yaml": "credentials: {KEY: {from: env:KEY, hosts: [api.example.com]}}\n",
    "agents.yaml": """
        agents:
          bot: {owner: alice, policies: [main], environment: prod}
          other: {owner: alice, policies: [main]}
        """,
    "tools/things.yaml": """
        api: things
        base: https://api.example.com
        auth: {secret: KEY}
        tools:
          - tool: pay
            input:
              amount: integer
              to: string
              note: {type: string, required: false}
              tags: {type: array, required: false}
            run:
              method: POST
              url: /pay
              encoding: json
              body: {amount: "${amount}", to: "${to}", note: "${note}", tags: "${tags}"}
          - tool: get
            input: {q: {type: string, required: false}}
            run: {method: [GET, HEAD], url: "/files/${path...}", query: {q: "${q}"}, extra: allow}
          - tool: sign_in
            input: {password: {type: string, sensitive: true}}
            run: {method: POST, url: /login, body: {password: "${password}"}}
          - tool: ask_rpc
            effect: read
            run: {type: jsonrpc, url: /rpc, method: item.get, params: {id: "${id}"}}
        """,
    "policies/main.yaml": """
        policy: main
        allow:
          - {tool: pay, when: {max_amount: 100}}
          - {tool: get}
          - {tool: sign_in}
          - {tool: ask_rpc}
          - {tool: unmatched, hosts: [docs.example.org], when: input.method == "GET"}
        ask:
          - {tool: pay, when: "input.amount > 100 && input.amount <= 500"}
        """,
}


def configuration(**changed: str | None) -> tuple[Configuration, dict[str, bytes]]:
    """The usual configuration, with other files: `policies__main`, `tools__things`."""
    given = {name.replace("__", "/") + ".yaml": text for name, text in changed.items()}
    whole = {name: text for name, text in {**FILES, **given}.items() if text is not None}
    files = {name: textwrap.dedent(text).encode() for name, text in whole.items()}
    return load(Sources(files)), files


@dataclass
class Recorder:
    """Decides requests and keeps the lines that the book would hold of them."""

    held: Configuration = field(default_factory=lambda: configuration()[0])
    lines: list[bytes] = field(default_factory=list)

    def call(self, tool: str, inputs: dict[str, Any], agent: str = "bot", **more: Any) -> Verdict:
        """A call as `wharfinger call` makes it."""
        return self.request(self.held.tools[tool].fill(inputs).request(agent), **more)

    def request(
        self, request: Request, reason: str | None = None, origin: Origin = Origin.TEST, days: int = 0
    ) -> Verdict:
        """A request, decided and recorded."""
        at = AT + timedelta(days=days)
        facts = Facts(Placeholders({}), agent_id="agt", reason=reason, origin=origin)
        decision = decide(self.held, request, facts, at)
        name = f"d_{len(self.lines)}"
        make = {Verdict.ALLOW: events.intent, Verdict.DENY: events.refused}.get(decision.verdict)
        who = Who(request.agent, "agt")
        if make is None:
            event = events.held(name, who, request, decision, approval="a_1")
        else:
            event = make(name, who, request, decision)
        members = json.loads(render(event, b"k" * 32))
        stored = {"version": 1, "seq": len(self.lines), "time": at.isoformat(), **members}
        self.lines.append(json.dumps(stored).encode())
        return decision.verdict


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@dataclass(frozen=True)
class Recording:
    """What tests of recorded calls are made with."""

    configuration: Any = field(default_factory=lambda: configuration)
    recorder: Any = field(default_factory=lambda: Recorder)
    files: Any = field(default_factory=lambda: FILES)


@pytest.fixture(scope="session")
def recording() -> Recording:
    return Recording()
