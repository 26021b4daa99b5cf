#!/usr/bin/env python3
"""What a durable event costs: the file system's own fdatasync beside `Book.write`, in turns, in one run.

    .venv/bin/python scripts/bench/book.py [--rounds N] [--folder DIR]
    .venv/bin/python scripts/bench/book.py --proxy [--rounds N] [--seconds S]

Measured in a folder of this file system (a tmpfs would show nothing): for 1 and 16 writers at a time, the
latency of one `await book.write(intent)`, each followed by an outcome that nobody waits for, as a proxy
does it; with checkpoints and without, whose ratio is told last.

With --proxy: requests per second of the whole proxy on 16 connections, as in `throughput.py`, with
`audit: {durable: true}` and with false, in turns; the ratio of each round, and their median. The data folder
lies where temporary files do (TMPDIR), which must be a disk for this to say anything.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path

from stage import client, machine, variants
from throughput import Measured
from wharfinger.audit.book import Book
from wharfinger.audit.event import Outcome, Sent, Who
from wharfinger.audit.events import decision_id, intent, outcome
from wharfinger.clock import SystemClock
from wharfinger.rules.types import Call, Code, Decision, Effect, Place, Placement, Request, RuleRef, Verdict

CONNECTIONS = 16
WANTED = 0.85
WHO = Who("support-agent", "ag_0123456789abcdef", identified_by="token", confinement="isolated")
REQUEST = Request(
    "support-agent",
    "POST",
    "https",
    "api.stripe.com",
    443,
    "/v1/refunds",
    (),
    b"payment_intent=pi_1&amount=2500",
)
DECISION = Decision(
    Verdict.ALLOW,
    Code.ALLOWED,
    "allowed by support_refunds",
    "",
    "5" * 64,
    calls=(Call("refund_payment", "7" * 64, Effect.WRITE, {"payment_id": "pi_1", "amount_cents": 2500}),),
    rules=(RuleRef("support_refunds", "policies/support.yaml", 4, Verdict.ALLOW),),
    placements=(Placement("STRIPE_API_KEY", Place.HEADER, "Authorization", "Bearer ${secret}"),),
    digest="9" * 64,
)
SENT = Sent(status=200, address="192.0.2.1:443", request_bytes=31, response_bytes=512, reused=True)


def floor(folder: Path, count: int) -> list[float]:
    """Seconds of `count` appends of an event's size, each with its fdatasync."""
    taken = []
    fd = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for _ in range(count):
        begin = time.perf_counter()
        os.write(fd, b"x" * 1200)
        os.fdatasync(fd)
        taken.append(time.perf_counter() - begin)
    os.close(fd)
    return taken


async def writers(book: Book, how_many: int, count: int) -> tuple[list[float], float]:
    """Seconds of each write, and of all of them together."""
    taken: list[float] = []

    async def one() -> None:
        for _ in range(count // how_many):
            decision = decision_id()
            begin = time.perf_counter()
            await book.write(intent(decision, WHO, REQUEST, DECISION))
            taken.append(time.perf_counter() - begin)
            book.submit(outcome(decision, WHO, Outcome.COMPLETED, SENT))

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(how_many):
            group.create_task(one())
    return taken, time.perf_counter() - begin


def line(name: str, taken: list[float], rate: float | None = None) -> str:
    """One line of the table, in microseconds."""
    taken = sorted(taken)
    p50, p99 = (taken[int(len(taken) * q)] * 1e6 for q in (0.5, 0.99))
    return f"{name:<28} p50 {p50:7.0f} µs   p99 {p99:7.0f} µs" + (f"   {rate:7.0f} /s" if rate else "")


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--count", type=int, default=400, help="writes in each round")
    options.add_argument("--folder", type=Path, default=Path.cwd())
    options.add_argument("--proxy", action="store_true", help="the whole proxy, durable or not")
    options.add_argument("--seconds", type=float, default=4.0, help="of each turn of each proxy")
    chosen = options.parse_args()
    if chosen.proxy:
        proxies_in_turns(chosen.rounds, chosen.seconds)
        return
    results: dict[str, list[float]] = {"fdatasync alone": []}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix=".bench-book-", dir=chosen.folder) as folder:
        books = {name: opened(Path(folder) / name, name) for name in ("unsigned", "signed")}
        for turn in range(chosen.rounds):
            results["fdatasync alone"] += floor(Path(folder), chosen.count)
            for name, how_many in itertools.product(sorted(books, reverse=turn % 2 == 0), (1, 16)):
                row = f"{name}, {how_many} writers"
                taken, whole = asyncio.run(writers(books[name], how_many, chosen.count))
                results.setdefault(row, []).extend(taken)
                seconds[row] = seconds.get(row, 0.0) + whole
        for book in books.values():
            book.close()
    for name, taken in results.items():
        print(line(name, taken, len(taken) / seconds[name] if name in seconds else None))
    for how_many in (1, 16):
        ratio = seconds[f"unsigned, {how_many} writers"] / seconds[f"signed, {how_many} writers"]
        print(f"throughput with checkpoints, {how_many} writers: {ratio:.2f} of that without")


def proxies_in_turns(rounds: int, seconds: float) -> None:
    """What the syncs cost a proxy with everything on, at 16 connections."""
    print(f"machine: {machine()}, load {os.getloadavg()[0]:.1f}; data below {tempfile.gettempdir()}")
    print(
        f"method: {rounds} rounds of {seconds:g} s each, in turns; medians of the rounds (lowest to highest)"
    )
    found = {"durable": Measured(), "not durable": Measured()}
    settings = {name: f"audit: {{durable: {str(name == 'durable').lower()}}}\n" for name in found}
    with variants(settings) as (proxies, environment):
        for number in range(rounds):
            for who in sorted(proxies.values(), key=lambda each: each.name, reverse=number % 2 == 0):
                job = who.job("load", who.calls(), connections=CONNECTIONS, seconds=seconds)
                before = who.cpu()
                got = client(job, environment)
                found[who.name].add(got["latencies"], got["seconds"], (who.cpu() - before) / got["all"])
    for name, measured in found.items():
        print(measured.line(name))
    ratios = [a / b for a, b in zip(*(each.rate for each in found.values()), strict=True)]
    median = statistics.median(ratios)
    print(
        f"  requests/s, durable : not durable = {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f});"
        f" wanted: at least {WANTED:.2f}: {'met' if median >= WANTED else 'NOT MET'};"
        f" load {os.getloadavg()[0]:.1f} at the end"
    )


def opened(folder: Path, name: str) -> Book:
    """A book, signed or not."""
    seed = b"s" * 32 if name == "signed" else None
    return Book.open(folder, hmac_key=b"k" * 32, signing_key=seed, clock=SystemClock())


if __name__ == "__main__":
    main()
