#!/usr/bin/env python3
"""How long what streams is under way in the proxy: the first byte of a download, and events of many streams.

    .venv/bin/python scripts/bench/streams.py [--short] [--rounds N] [--streams N]

The origin tells in each answer, and in each event, when it left; the client takes the time at which it came.
Streams begin slowly, and what is counted are the events while all of them stand: a beginning costs a request.
Measured in turns: with nothing between; through the proxy with 200 secrets to be redacted, from a host that
is sent a credential and from one that is sent none; and through one that redacts nothing, which is the same
program with that step made empty. What redaction adds is the difference of the last two.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import stage
from stage import Contender, client, machine
from wharfinger.demo import certificates, processes

FIRST_MS, EVENT_MS = 2.0, 1.0
SECRETS = 200
GAP_MS = 500
BEGINNING = 4.0
"""Seconds in which all streams are begun."""
LARGE = 8_000_000
UNREDACTED = """\
from wharfinger.flow.response import Incoming
Incoming.data = lambda self, chunk: chunk
Incoming.finish = lambda self: b""
"""
WAYS = ("direct", "credential", "no credential", "not redacted")


@contextmanager
def standing(streams: int) -> Iterator[tuple[dict[str, Contender], Mapping[str, str]]]:
    """What is measured, by name; and the client's environment."""
    more = f"limits: {{connections: {4 * streams}, per_agent: {{connections: {2 * streams}}}}}\n"
    with tempfile.TemporaryDirectory(prefix="wharfinger-bench-") as name, ExitStack() as stack:
        root = Path(name)
        stack.callback(processes.stop_all)
        bare = processes.bare_environment(root / "home")
        (root / "plain").mkdir()
        (root / "plain" / "sitecustomize.py").write_text(UNREDACTED, "ascii")
        ca = certificates.make(root, list(stage.HOSTS))
        port = stage._origin(root, bare, ca.chain)
        found = {
            "direct": Contender(
                "direct", ("127.0.0.1", port), os.getpid(), f"localhost:{port}", "localhost", ca.root,
                stage.SECRET, proxy=False,
            )
        }  # fmt: skip
        for kind, path in (("redacted", {}), ("not redacted", {"PYTHONPATH": str(root / "plain")})):
            place = root / kind.replace(" ", "-")
            place.mkdir()
            found[kind] = stack.enter_context(
                stage._ours(place, {**bare, **path}, ca.root, port, name=kind, more=more, secrets=SECRETS)
            )
        found["credential"] = found["no credential"] = found["redacted"]
        yield found, bare


def milliseconds(
    who: Contender, way: str, environment: Mapping[str, str], target: str, **more: object
) -> dict[str, list[float]]:
    """How long each was under way, by what of it."""
    free = way == "no credential"
    head = who.head("GET", target, files=not free, free=free)
    job = who.job(str(more.pop("work")), [head], files=not free, free=free, **more)
    found = client(job, environment)
    return {name: [one * 1e3 for one in taken] for name, taken in found.items()}


def line(name: str, taken: list[float]) -> str:
    """Median and 99th percentile."""
    cuts = statistics.quantiles(taken, n=100)
    return f"  {name:<14} p50 {cuts[49]:7.3f} ms   p99 {cuts[98]:7.3f} ms   of {len(taken)}"


def told(title: str, found: Mapping[str, list[float]], wanted: float) -> None:
    """Print one table, and what the proxy and what redaction adds."""
    print(f"\n{title}")
    for way in WAYS:
        print(line(way, found[way]))
    cuts = {way: statistics.quantiles(found[way], n=100) for way in WAYS}
    whole = [cuts["credential"][at] - cuts["direct"][at] for at in (49, 98)]
    step = [cuts["credential"][at] - cuts["not redacted"][at] for at in (49, 98)]
    print(f"  the proxy adds p50 {whole[0]:.3f} ms, p99 {whole[1]:.3f} ms;"
          f" redaction alone p50 {step[0]:+.3f} ms, p99 {step[1]:+.3f} ms;"
          f" wanted: under {wanted:g} ms")  # fmt: skip


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--short", action="store_true", help="a look, not a measurement")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--streams", type=int, default=200, help="streams of events at a time")
    chosen = options.parse_args()
    rounds, times, events = (2, 20, 14) if chosen.short else (chosen.rounds, 60, 28)
    print(f"machine: {machine()}, load {os.getloadavg()[0]:.1f}")
    print(f"method: {rounds} rounds, in turns; {chosen.streams} streams with an event each {GAP_MS} ms")
    firsts: dict[str, list[float]] = defaultdict(list)
    bodies: dict[str, list[float]] = defaultdict(list)
    delays: dict[str, list[float]] = defaultdict(list)
    with standing(chosen.streams) as (found, environment):
        for number in range(rounds):
            for way in WAYS if number % 2 else WAYS[::-1]:
                came = milliseconds(
                    found[way], way, environment, f"/download/{LARGE}",
                    work="firsts", amount=LARGE, times=times,
                )  # fmt: skip
                firsts[way] += came["latencies"]
                bodies[way] += came["bodies"]
                delays[way] += milliseconds(
                    found[way], way, environment, f"/events/{events}?gap={GAP_MS}",
                    work="streams", connections=chosen.streams, seconds=BEGINNING,
                )["latencies"]  # fmt: skip
    told(f"first byte of a download of {LARGE / 1e6:g} MB", firsts, FIRST_MS)
    told("first byte of its body", bodies, FIRST_MS)
    told(f"events of {chosen.streams} streams at a time", delays, EVENT_MS)


if __name__ == "__main__":
    main()
