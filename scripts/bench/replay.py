#!/usr/bin/env python3
"""How long it takes to decide 100,000 recorded calls again: `replay.py [CALLS] [JOBS]`.

10,000 tools and 1,000 rules, those of `decide.py`. Loading them in each process is part of it. Exits 1 if
it takes more than a minute.
"""

from __future__ import annotations

import json
import sys
import time

import decide
from wharfinger.replaying.comparing import compare

SECONDS = 60.0
FILES = {
    "wharfinger.yaml": "version: 1\n",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [main], environment: prod}}\n",
    "people.yaml": "people: {alice: {role: admin}, bob: {}}\n",
    "credentials.yaml": "credentials: {API_KEY: {from: env:API_KEY, hosts: [api.example.com]}}\n",
    "tools/many.yaml": "api: many\nbase: https://api.example.com\nauth: {secret: API_KEY}\ntools:",
}


def files() -> dict[str, bytes]:
    """A whole configuration."""
    tools = "".join(decide.tool(number) for number in range(decide.TOOLS))
    policy = "policy: main\n" + "\n".join(decide.rules()) + "\n"
    texts = {**FILES, "tools/many.yaml": FILES["tools/many.yaml"] + tools, "policies/main.yaml": policy}
    return {name: text.encode() for name, text in texts.items()}


def line(number: int) -> bytes:
    """One event, as the book holds it."""
    area, kind = number % 40, number % decide.TOOLS
    return json.dumps({
        "version": 1, "seq": number, "time": "2026-01-14T12:00:00+00:00", "kind": "intent",
        "decision": f"d_{number}", "agent": "bot", "verdict": "allow" if number % 2 else "deny",
        "code": "allowed" if number % 2 else "denied", "reason": "no rule allows this",
        "calls": [{"tool": f"tool_{kind}", "effect": "write", "inputs": {"account": "acct_1", "amount": 100,
                                                                        "note": "duplicate"}}],
        "method": "POST", "scheme": "https", "host": "api.example.com", "port": 443,
        "path": f"/v1/area{kind % 40}/kind{kind}/acct_1" if area >= 0 else "",
    }).encode()  # fmt: skip


def main() -> None:
    """Print the figures."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    lines = [line(number) for number in range(calls)]
    begun = time.perf_counter()
    tally = compare(lines, files(), jobs)
    took = time.perf_counter() - begun
    print(f"{calls} calls in {took:.1f} s with {jobs} jobs: {calls / took:.0f} a second")
    lost = sum(tally.undecidable.values())
    print(f"same {tally.same}, changed {sum(tally.changes.values())}, undecidable {lost}")
    sys.exit(took > SECONDS)


if __name__ == "__main__":
    main()
