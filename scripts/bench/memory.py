#!/usr/bin/env python3
"""What large bodies cost in memory, and how long a server-sent event is under way.

    .venv/bin/python scripts/bench/memory.py [--short] [--rounds N] [--size MB]

A download and an upload (to a tool with `body: stream`) of 200 MB, or of `--size`, by a client and from an
origin in processes of their own: how far the proxy's memory (VmHWM, its most; reset before each) grows above
what it held before. Then events, 10 ms apart, with redaction on: the time from the origin's sending to the
client's receiving, less that of the same over a direct connection, which is the proxy's share.
"""

from __future__ import annotations

import argparse
import statistics

from stage import Bench, Contender, machine, standing

MB = 1_000_000
GROWTH_MB = 30.0
DELAY_MS = 5.0


def warm_up(bench: Bench, who: Contender) -> None:
    """Let the proxy take what it needs once: connections, certificates, code."""
    bench.client(who.job("load", who.calls(), connections=4, seconds=0.5))
    download(bench, who, MB)
    upload(bench, who, MB)


def download(bench: Bench, who: Contender, amount: int) -> float:
    """Seconds of a download of `amount` bytes."""
    head = who.head("GET", f"/download/{amount}", files=True)
    found = bench.client(who.job("download", [head], files=True, amount=amount))
    if " 200 " not in found["head"].partition("\r\n")[0] or found["bytes"] < amount:
        raise SystemExit(f"{who.name}: the download failed after {found['bytes']} bytes\n{found['head']}")
    return float(found["seconds"])


def upload(bench: Bench, who: Contender, amount: int) -> float:
    """Seconds of an upload of `amount` bytes."""
    head = who.head("PUT", "/upload/large", amount, files=True)
    found = bench.client(who.job("upload", [head], files=True, amount=amount))
    if " 200 " not in found["head"].partition("\r\n")[0]:
        raise SystemExit(f"{who.name}: the upload failed\n{found['head']}")
    return float(found["seconds"])


def events(bench: Bench, who: Contender, count: int) -> list[float]:
    """Milliseconds of each event, from the origin to the client."""
    head = who.head("GET", f"/events/{count}", files=True)
    found = bench.client(who.job("events", [head], files=True))
    if len(found["latencies"]) != count:
        raise SystemExit(f"{who.name}: {len(found['latencies'])} of {count} events came")
    return [taken * 1e3 for taken in found["latencies"]]


def bodies(bench: Bench, rounds: int, amount: int) -> None:
    """Memory growth of both directions, the most of all rounds."""
    for name, work in (("download", download), ("upload", upload)):
        growth, seconds = [], []
        for _ in range(rounds):
            before = bench.ours.memory("VmRSS")
            bench.ours.forget_peak()
            seconds.append(work(bench, bench.ours, amount))
            growth.append(bench.ours.memory() - before)
        direct = statistics.median(work(bench, bench.direct, amount) for _ in range(rounds))
        kept = max(growth) < GROWTH_MB
        print(
            f"  {name:<9}{amount / MB:.0f} MB   memory grew by {max(growth):5.1f} MB"
            f" (from {before:.0f} MB); wanted: under {GROWTH_MB:.0f} MB: {'met' if kept else 'NOT MET'}"
            f"   {amount / MB / statistics.median(seconds):.0f} MB/s, direct {amount / MB / direct:.0f} MB/s"
        )


def delays(bench: Bench, rounds: int, count: int) -> None:
    """The proxy's share of an event's time under way."""
    through: list[float] = []
    direct: list[float] = []
    for _ in range(rounds):
        through += events(bench, bench.ours, count)
        direct += events(bench, bench.direct, count)
    (p50, p99), alone = spread(through), spread(direct)
    late = p99 - alone[1]
    print(
        f"  event     p50 {p50 - alone[0]:.2f} ms, p99 {late:.2f} ms in the proxy"
        f" (direct: p50 {alone[0]:.2f} ms, p99 {alone[1]:.2f} ms); wanted: under {DELAY_MS:.0f} ms:"
        f" {'met' if late < DELAY_MS else 'NOT MET'}"
    )


def spread(taken: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--short", action="store_true", help="a look, not a measurement")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--size", type=int, default=200, help="of each body, in MB")
    chosen = options.parse_args()
    rounds, amount, count = (1, 50 * MB, 50) if chosen.short else (chosen.rounds, chosen.size * MB, 200)
    print(f"machine: {machine()}")
    print(f"method: {rounds} rounds of each; the most memory and the median speed of them")
    with standing() as bench:
        warm_up(bench, bench.ours)
        bodies(bench, rounds, amount)
        delays(bench, rounds, count)


if __name__ == "__main__":
    main()
