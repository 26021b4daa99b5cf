#!/usr/bin/env python3
"""Requests per second and latency beside stock mitmdump, in turns, in one run.

    .venv/bin/python scripts/bench/throughput.py [--short] [--rounds N] [--seconds S]

Small JSON requests and answers over keep-alive connections through CONNECT and TLS, by the same client to
the same origin, each in a process of its own. wharfinger has everything on: identity, recognition among
1,000 tools, a decision by 100 rules, injection, redaction, a durable audit log. mitmdump has no addons and
decides, injects, redacts and records nothing.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from stage import Bench, Contender, machine, standing

TARGETS = {16: ("requests/s", 2.0), 1: ("p50", 1.0)}


@dataclass(slots=True)
class Measured:
    """What the rounds of one contender at one load gave."""

    rate: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    """Milliseconds, as `p99`."""
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Microseconds of processor time of the proxy for each request."""

    def add(self, latencies: list[float], seconds: float, cpu: float) -> None:
        """Take in one round; `cpu` in seconds for each request."""
        ordered = sorted(latencies)
        self.rate.append(len(ordered) / seconds)
        self.p50.append(ordered[len(ordered) // 2] * 1e3)
        self.p99.append(ordered[int(len(ordered) * 0.99)] * 1e3)
        self.cpu.append(cpu * 1e6)

    def line(self, name: str) -> str:
        """The medians of the rounds, and how far they lie apart."""
        rate, p50, p99, cpu = map(statistics.median, (self.rate, self.p50, self.p99, self.cpu))
        spread = f"{min(self.rate):.0f} to {max(self.rate):.0f}"
        times = f"p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   {cpu:5.0f} µs CPU"
        return f"  {name:<11}{rate:7.0f}/s ({spread:>13})   {times}"


def measure(bench: Bench, who: Contender, connections: int, seconds: float, into: Measured) -> None:
    """One round of one contender."""
    job = who.job("load", who.calls(), connections=connections, seconds=seconds)
    before = who.cpu()
    found = bench.client(job)
    into.add(found["latencies"], found["seconds"], (who.cpu() - before) / found["all"])


def report(connections: int, found: dict[str, Measured]) -> None:
    """The table of one load, with the ratio that counts."""
    print(f"\n{connections} connection{'s' if connections > 1 else ''}")
    for name, measured in found.items():
        print(measured.line(name))
    ours, stock = found["wharfinger"], found["mitmdump"]
    what, target = TARGETS[connections]
    if connections == 1:
        ratios = [a / b for a, b in zip(ours.p50, stock.p50, strict=True)]
        kept, wanted = statistics.median(ratios) <= target, "at most"
    else:
        ratios = [a / b for a, b in zip(ours.rate, stock.rate, strict=True)]
        kept, wanted = statistics.median(ratios) >= target, "at least"
    print(
        f"  {what}, wharfinger : mitmdump = {statistics.median(ratios):.2f} ({min(ratios):.2f} to"
        f" {max(ratios):.2f}); wanted: {wanted} {target:.2f}: {'met' if kept else 'NOT MET'}"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--short", action="store_true", help="a look, not a measurement")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=4.0, help="of each round of each contender")
    chosen = options.parse_args()
    rounds, seconds = (3, 1.5) if chosen.short else (chosen.rounds, chosen.seconds)
    print(f"machine: {machine()}")
    print(
        f"method: {rounds} rounds of {seconds:g} s each, in turns; medians of the rounds (lowest to highest)"
    )
    with standing() as bench:
        for connections in TARGETS:
            found: dict[str, Measured] = defaultdict(Measured)
            for number in range(rounds):
                turns = [bench.ours, bench.stock, bench.direct]
                for who in turns if number % 2 else turns[::-1]:
                    measure(bench, who, connections, seconds, found[who.name])
            report(
                connections, {who.name: found[who.name] for who in (bench.ours, bench.stock, bench.direct)}
            )


if __name__ == "__main__":
    main()
