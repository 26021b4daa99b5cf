#!/usr/bin/env python3
"""Connections that serve one request each, beside stock mitmdump, in turns, in one run.

    .venv/bin/python scripts/bench/fresh.py [--short] [--rounds N] [--seconds S] [--at-once N]

For each request the client makes a new connection to the proxy, its CONNECT, its TLS handshake, sends one
small JSON request, reads the answer and hangs up: what a script does that starts a client for each call. The
agent's end and the upstream's are both TLS. wharfinger has everything on, mitmdump nothing, as in
`throughput.py`.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections import defaultdict

from stage import Bench, Contender, machine, standing
from throughput import Measured

WANTED = 1.5


def measure(bench: Bench, who: Contender, at_once: int, seconds: float, into: Measured) -> None:
    """One round of one contender."""
    job = who.job("fresh", who.calls(), connections=at_once, seconds=seconds)
    before = who.cpu()
    found = bench.client(job)
    into.add(found["latencies"], found["seconds"], (who.cpu() - before) / found["all"])


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--short", action="store_true", help="a look, not a measurement")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=4.0, help="of each round of each contender")
    options.add_argument("--at-once", type=int, default=8, help="connections that are open at a time")
    chosen = options.parse_args()
    rounds, seconds = (3, 1.5) if chosen.short else (chosen.rounds, chosen.seconds)
    print(f"machine: {machine()}, load {os.getloadavg()[0]:.1f}")
    print(
        f"method: {rounds} rounds of {seconds:g} s each, in turns; medians of the rounds (lowest to highest)"
    )
    found: dict[str, Measured] = defaultdict(Measured)
    with standing() as bench:
        contenders = [bench.ours, bench.stock, bench.direct]
        for who in contenders:
            measure(bench, who, chosen.at_once, 0.5, Measured())
        for number in range(rounds):
            for who in contenders if number % 2 else contenders[::-1]:
                measure(bench, who, chosen.at_once, seconds, found[who.name])
    print(f"\na connection for each request, {chosen.at_once} at a time")
    for who in contenders:
        print(found[who.name].line(who.name))
    ours, stock = found["wharfinger"], found["mitmdump"]
    ratios = [a / b for a, b in zip(ours.rate, stock.rate, strict=True)]
    cost = statistics.median(b / a for a, b in zip(ours.cpu, stock.cpu, strict=True))
    print(
        f"  requests/s, wharfinger : mitmdump = {statistics.median(ratios):.2f} ({min(ratios):.2f} to"
        f" {max(ratios):.2f}); wanted: at least {WANTED:.2f}:"
        f" {'met' if statistics.median(ratios) >= WANTED else 'NOT MET'}"
        f"   (by processor time of the proxies: {cost:.2f})"
    )


if __name__ == "__main__":
    main()
