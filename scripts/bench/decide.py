#!/usr/bin/env python3
"""How long one decision takes among 10,000 tools and 1,000 rules, and how long it takes to load them.

What is measured is `decide` whole: spelling, recognition, placeholders, conditions (half mapping, half
CEL), headers and request digest, for 280 requests that are allowed, asked, denied and unmatched. Each has
its own median, in time of the processor; what no machine's noise is in is the 99th percentile of those.
Printed as well are single decisions in turn, beside a plain loop that takes as long, because on a shared
machine any work has a slowest hundredth. Exits 1 if the 99th percentile of the medians is above 100 µs, or
loading takes more than 3 s or 400 MiB.
"""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import cycle

from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Facts, Request, Verdict

TOOLS = 10_000
RULES = 1_000
LOAD_SECONDS = 3.0
LOAD_MIB = 400
ROUNDS = 20_000
LIMIT = 100
LOOP = 1_500
KEY = "sk_test_Qm9vdHMgYW5kIGNhdHM0"
HOST = "api.example.com"
NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)


def tool(number: int) -> str:
    return f"""
  - tool: tool_{number}
    input: {{account: string, amount: integer, note: {{type: string, required: false}}}}
    run:
      method: POST
      url: "/v1/area{number % 40}/kind{number}/${{account}}"
      body: {{amount: "${{amount}}", note: "${{note}}"}}"""


def rules() -> Iterator[str]:
    """1,000 rules: most about one tool each, ten about families or all of them."""
    yield "allow:"
    for number in range(400):
        yield f"  - {{tool: tool_{number}, when: {{max_amount: 5000}}}}"
    for number in range(300):
        yield f"  - {{tool: tool_{number + 400}, when: input.amount <= 5000}}"
    yield "ask:"
    for number in range(290):
        yield f"  - {{tool: tool_{number}, when: input.amount > 5000 && input.amount <= 50000}}"
    yield "deny:"
    for number in range(6):
        yield f"  - {{tool: 'tool_{number}*', when: {{min_amount: 1000000}}}}"
    yield "  - {tool: 'tool_*', when: input.amount > 2000000}"
    yield "  - {tool: '*', when: agent.environment == 'dev'}"
    yield "  - {tool: '*', when: request.method == 'DELETE'}"
    yield "  - {tool: '*', when: call.effect == 'destructive'}"


def configuration() -> Configuration:
    texts = list(rules())
    assert sum(text.startswith("  -") for text in texts) == RULES
    files = {
        "wharfinger.yaml": "version: 1",
        "agents.yaml": "agents: {bot: {owner: alice, policies: [main], environment: prod}}",
        "people.yaml": "people: {alice: {email: alice@example.com}, bob: {email: bob@example.com}}",
        "credentials.yaml": f'credentials: {{API_KEY: {{from: "env:API_KEY", hosts: [{HOST}]}}}}',
        "tools/many.yaml": f"api: many\nbase: https://{HOST}\nauth: {{secret: API_KEY}}\ntools:"
        + "".join(tool(number) for number in range(TOOLS)),
        "policies/main.yaml": "policy: main\n" + "\n".join(texts),
    }
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


def request(number: int, amount: int) -> Request:
    return Request(
        agent="bot",
        method="POST",
        scheme="https",
        host=HOST,
        port=443,
        target=f"/v1/area{number % 40}/kind{number}/acct_{amount}",
        headers=(
            ("Host", HOST),
            ("User-Agent", "Example/v1 PythonBindings/16.0.0"),
            ("Authorization", f"Bearer {KEY}"),
            ("Accept", "application/json"),
            ("Accept-Encoding", "gzip, deflate"),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99"),
            ("Content-Length", "32"),
        ),
        body=b'{"amount": %d, "note": "duplicate"}' % amount,
    )


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    start = time.perf_counter()
    loaded = configuration()
    took, size = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    light = took < LOAD_SECONDS and size < LOAD_MIB
    print(f"{TOOLS} tools and {RULES} rules loaded in {took:.2f} s, most memory held {size:.0f} MiB")
    print(f"under {LOAD_SECONDS:.0f} s and {LOAD_MIB} MiB: {'yes' if light else 'NO'}")
    facts = Facts(Placeholders({KEY: Owner("bot", "API_KEY")}), agent_id="agt_1")
    requests = [request(n, amount) for n in range(0, 700, 10) for amount in (100, 20_000, 1_500_000)]
    requests += [request(n, 100) for n in range(9_000, 9_070)]
    verdicts = [decide(loaded, each, facts, NOW).verdict for each in requests]
    print("  ".join(f"{verdict}: {verdicts.count(verdict)}" for verdict in Verdict))
    assert all(verdicts.count(verdict) > 20 for verdict in Verdict), "the decisions are not the expected ones"
    gc.collect()
    each = [
        statistics.median(measured(partial(decide, loaded, r, facts, NOW), time.thread_time_ns, 200))
        for r in requests
    ]
    slow = statistics.quantiles(each, n=100)[98]
    print(
        f"{len(each)} requests by their own medians: p50 {statistics.median(each):.1f} µs, p99 {slow:.1f} µs"
    )
    turn = cycle(requests)
    for name, clock in (("wall clock", time.perf_counter_ns), ("processor", time.thread_time_ns)):
        times = measured(lambda: decide(loaded, next(turn), facts, NOW), clock)
        usual = statistics.median(times)
        plain = measured(partial(loop, LOOP), clock)
        fit = round(LOOP * usual / statistics.median(plain))
        yardstick = measured(partial(loop, fit), clock)
        print(f"decide, {name:10} {shown(times)}")
        print(f"  a loop as long     {shown(yardstick)}   ({fit} turns)")
    print(f"p99 of the requests' medians under {LIMIT} µs: {'yes' if slow < LIMIT else 'NO'}")
    return 0 if slow < LIMIT and light else 1


def shown(times: list[float]) -> str:
    """The median and how far the slowest are from it."""
    p99 = statistics.quantiles(times, n=100)[98]
    return f"p50 {statistics.median(times):6.1f} µs, p99 {p99:6.1f} µs, most {max(times):8.1f} µs"


def loop(turns: int) -> int:
    """Work that touches next to no memory."""
    total = 0
    for number in range(turns):
        total += number & 3
    return total


def measured(work: Callable[[], object], clock: Callable[[], int], rounds: int = ROUNDS) -> list[float]:
    """Microseconds that each of many rounds took, garbage collection included as it falls."""
    times: list[float] = []
    kept: object = None
    for _ in range(rounds):
        start = clock()
        kept = work()
        times.append((clock() - start) / 1_000)
    assert kept is not None
    return times


if __name__ == "__main__":
    sys.exit(main())
