#!/usr/bin/env python3
"""How long a decision on a GraphQL document takes: cold (never seen), and warm (seen before, as clients do).

What is measured is `decide` whole. The documents are one of 20 fields, of which one is a root field; one of
20 root fields with arguments, each a call; and one of 120 fields, 20 of them root fields with 5 below each.
Prints the median, the 99th percentile and the most in milliseconds, of the wall clock and of the processor's
time. Since neighbours on the machine take from both, the 99th percentile of the quietest of ten blocks stands
beside. Exits 1 if the 99th percentile of the processor's time, of all blocks, is above 2 ms for a document of
20 fields, cold. Beside it stands what graphql-core's own `parse` takes.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count

from graphql.language import parse
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.types import Facts, Request, Verdict

ROUNDS = 2_000
BLOCKS = 10
LIMIT = 2.0
HOST = "api.example.com"
NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
FIELDS = 20


def configuration() -> Configuration:
    """One tool for each root field."""
    tools = "".join(
        f"""
  - tool: read_{number}
    effect: read
    run: {{type: graphql, url: /graphql, operation: query, field: field{number}, args: {{id: "${{id}}"}}}}"""
        for number in range(FIELDS)
    )
    files = {
        "wharfinger.yaml": "version: 1",
        "agents.yaml": "agents: {bot: {owner: alice, policies: [main]}}",
        "people.yaml": "people: {alice: {email: alice@example.com}}",
        "tools/many.yaml": f"api: many\nbase: https://{HOST}\ntools:{tools}",
        "policies/main.yaml": "policy: main\nallow: [{tool: 'read_*', when: {id: {startswith: x}}}]",
    }
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


def flat(number: int) -> str:
    """One root field and 19 below it."""
    below = "\n".join(f"    part{each}" for each in range(FIELDS - 1))
    return f'query Flat{number} {{\n  field0(id: "x") {{\n{below}\n  }}\n}}'


def roots(number: int) -> str:
    """20 root fields."""
    below = "\n".join(f'  a{each}: field{each}(id: "x{each}")' for each in range(FIELDS))
    return f"query Roots{number} {{\n{below}\n}}"


def deep(number: int) -> str:
    """120 fields: 20 root fields, with 5 below each."""
    below = "\n".join(
        f'  a{each}: field{each}(id: "x{each}") {{ id name nodes {{ title url }} }}' for each in range(FIELDS)
    )
    return f"query Deep{number} {{\n{below}\n}}"


def request(document: str) -> Request:
    """The request that sends this document."""
    body = json.dumps({"query": document, "variables": {}}).encode()
    fields = (("Host", HOST), ("Accept", "application/json"), ("Content-Type", "application/json"))
    return Request("bot", "POST", "https", HOST, 443, "/graphql", fields, body)


def measured(work: Callable[[], object], clock: Callable[[], int]) -> list[float]:
    """Milliseconds of each of many rounds."""
    for _ in range(ROUNDS // 10):
        work()
    gc.collect()
    gc.freeze()
    times: list[float] = []
    for _ in range(ROUNDS):
        start = clock()
        work()
        times.append((clock() - start) / 1e6)
    gc.unfreeze()
    return times


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100)[98]


def quietest(times: list[float]) -> float:
    """The least 99th percentile of ten blocks in a row."""
    size = len(times) // BLOCKS
    return min(p99(times[at : at + size]) for at in range(0, size * BLOCKS, size))


def shown(times: list[float]) -> str:
    """The median and the slowest."""
    slow = f"p99 {p99(times):6.3f} ms (quietest block {quietest(times):6.3f})"
    return f"p50 {statistics.median(times):6.3f} ms, {slow}, most {max(times):7.3f} ms"


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    loaded = configuration()
    facts = Facts(Placeholders({}), agent_id="agt_1")
    held = True
    for make, what in (
        (flat, "20 fields, 1 call"),
        (roots, "20 fields, 20 calls"),
        (deep, "120 fields, 20 calls"),
    ):
        assert decide(loaded, request(make(0)), facts, NOW).verdict is Verdict.ALLOW
        size = len(make(0))
        for name, clock in (("wall clock", time.perf_counter_ns), ("processor", time.thread_time_ns)):
            fresh = _fresh(make)
            cold = measured(lambda fresh=fresh: decide(loaded, next(fresh), facts, NOW), clock)
            same = request(make(0))
            warm = measured(lambda same=same: decide(loaded, same, facts, NOW), clock)
            text = make(0)
            alone = measured(lambda text=text: parse(text, no_location=True), clock)
            print(f"{what:20} ({size:4} bytes), {name:10} cold    {shown(cold)}")
            print(f"{'':34} {'':10} warm    {shown(warm)}")
            print(f"{'':34} {'':10} parser  {shown(alone)}")
        held &= make is deep or p99(cold) < LIMIT
    print(f"p99 of 20 fields under {LIMIT:.0f} ms of processor time, cold: {'yes' if held else 'NO'}")
    return 0 if held else 1


def _fresh(make: Callable[[int], str]) -> Iterator[Request]:
    """Requests that differ in the name of their operation, so that none has been seen before."""
    seen = count(time.time_ns())
    while True:
        yield request(make(next(seen)))


if __name__ == "__main__":
    sys.exit(main())
