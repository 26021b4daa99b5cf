#!/usr/bin/env python3
"""What counting costs: the proxy as it is beside one that counts nothing, in turns; and one reading of it.

    .venv/bin/python scripts/bench/metering.py [--rounds N] [--seconds S]

The proxy that counts nothing is the same program with the meter's methods made empty. At 16 connections, each
round both; printed are requests per second, processor time for each request, and the ratio of each round.
Then, in process: what counting one request takes by itself, what the event loop is held up by one reading
with every family full, and what it takes the office to write that down for Prometheus. Exits 1 if the median
throughput is less than 0.97 of that without, or counting takes more than 50 µs of a request.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import stage
from stage import client, machine
from throughput import Measured
from wharfinger.audit.event import Outcome, Sent
from wharfinger.demo import certificates, processes
from wharfinger.metering.exposition import exposition
from wharfinger.metering.families import MOST
from wharfinger.metering.meter import Course, Meter
from wharfinger.rules.types import Call, Code, Decision, Effect, Verdict

CONNECTIONS = 16
WANTED, MOST_US = 0.97, 50.0
UNCOUNTED = """\
from wharfinger.metering.meter import Meter
for name in ("admitted", "refused", "ended", "synced"):
    setattr(Meter, name, lambda *given: None)
"""
DECISION = Decision(
    Verdict.ALLOW, Code.ALLOWED, "", "", "5" * 64, calls=(Call("refund_payment", "7" * 64, Effect.WRITE, {}),)
)
SENT = Sent(200, "192.0.2.1:443", 31, 512, timings_ms={"total": 3.1, "upstream": 1.2})


def in_turns(rounds: int, seconds: float) -> float:
    """The median of the ratios."""
    found = {"counting": Measured(), "not counting": Measured()}
    with tempfile.TemporaryDirectory(prefix="wharfinger-bench-") as name, ExitStack() as stack:
        root = Path(name)
        stack.callback(processes.stop_all)
        (root / "uncounted").mkdir()
        (root / "uncounted" / "sitecustomize.py").write_text(UNCOUNTED, "ascii")
        bare = processes.bare_environment(root / "home")
        ca = certificates.make(root, [stage.API, stage.FILES, "localhost"])
        port = stage._origin(root, bare, ca.chain)
        proxies = []
        for variant in found:
            place = root / variant.replace(" ", "-")
            place.mkdir()
            more = {} if variant == "counting" else {"PYTHONPATH": str(root / "uncounted")}
            proxies.append(
                stack.enter_context(stage._ours(place, {**bare, **more}, ca.root, port, name=variant))
            )
        for number in range(rounds):
            for who in proxies if number % 2 else proxies[::-1]:
                job = who.job("load", who.calls(), connections=CONNECTIONS, seconds=seconds)
                before = who.cpu()
                got = client(job, bare)
                found[who.name].add(got["latencies"], got["seconds"], (who.cpu() - before) / got["all"])
    for variant, measured in found.items():
        print(measured.line(variant))
    ratios = [a / b for a, b in zip(*(each.rate for each in found.values()), strict=True)]
    print(
        f"counting : not counting = {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    return statistics.median(ratios)


def one_request(meter: Meter) -> None:
    course = Course()
    course.decision(DECISION)
    meter.admitted("bot", course, None)
    meter.ended("bot", Outcome.COMPLETED, SENT)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Of the quietest of seven."""
    found = []
    for _ in range(7):
        began = time.thread_time_ns()
        for _ in range(times):
            work()
        found.append((time.thread_time_ns() - began) / times / 1000)
    return min(found)


def full() -> Meter:
    """Every family that can be has as many rows as it may."""
    meter = Meter()
    for number in range(MOST + 10):
        agent = f"support-agent-{number}"
        meter.decisions.add((agent, f"a_tool_of_an_api_{number}", "deny", "denied"))
        meter.refused(agent, Code.LIMIT)
        meter.ended(agent, Outcome.COMPLETED, SENT)
        meter.findings.add((f"CREDENTIAL_{number}",))
    return meter


def main() -> int:
    """Measure, print, and say whether it is little enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    print(f"machine: {machine()}, load {os.getloadavg()[0]:.1f}")
    ratio = in_turns(given.rounds, given.seconds)
    meter = Meter()
    each = microseconds(lambda: one_request(meter), 10_000)
    crowded = full()
    families = crowded.as_json()
    reading = microseconds(crowded.as_json, 3)
    writing = microseconds(lambda: exposition(families), 1)
    size = len(json.dumps(families))
    print(f"counting one request: {each:.1f} µs")
    print(f"one reading, all full: {reading / 1000:.1f} ms of the event loop, {size / 1024:.0f} KiB")
    written = len(exposition(families)[0]) >> 10
    print(f"written for Prometheus, by the office: {writing / 1000:.0f} ms, {written} KiB")
    return 0 if ratio >= WANTED and each <= MOST_US else 1


if __name__ == "__main__":
    sys.exit(main())
