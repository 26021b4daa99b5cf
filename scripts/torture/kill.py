"""Kill the whole proxy under load, again and again, and hold its book against what the origin saw.

    python scripts/torture/kill.py [KILLS] [SEED]     # 20 kills unless told otherwise

Each round starts the proxy on what the last one left, sends requests on eight connections (three of four
allowed, one denied), and kills it and its office with SIGKILL 1 ms to 1 s (log-uniform) after the first
answer. The proxy is forked off a process that has imported it, so that a start costs a tenth. After every
fifty rounds, and at the end:

1. every request that the origin saw has an intent in the book, and none that it saw was denied there
2. every request that was answered 200 has an intent
3. the whole log verifies, and so do its checkpoints
4. every intent has exactly one outcome (`unknown` where nobody can know)
5. no more was cut off than one torn line for each kill, and each time it was recorded

SIGKILL leaves the page cache as it is, so this shows nothing about the syncs: `order.py` does.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from typing import Any

from ground import PATIENCE, Ground, Load, described, laid, tell

CONNECTIONS = 8
EACH = 50
"""Kills of one book: a start reads the last file of its book, and that grows."""
ENOUGH = 20
"""Kills of which one at least must meet a request under way."""


def round_(ground: Ground, number: int, rng: random.Random) -> dict[str, int]:
    """One start, one load, one kill; the answers that were given."""
    ground.start()
    with Load(ground, f"k{number}", CONNECTIONS) as load:
        until = time.monotonic() + PATIENCE
        while not load.answered and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(10 ** rng.uniform(-3, 0))
        ground.end(signal.SIGKILL)
    return load.answered


def judged(ground: Ground, answered: dict[str, int], kills: int) -> tuple[list[str], Counter[str]]:
    """What is wrong, and the counts."""
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    intents: dict[str, str] = {}
    outcomes: Counter[str] = Counter()
    denied: set[str] = set()
    for event in ground.events():
        given: Any = event
        counts[given["kind"]] += 1
        name = str(given.get("path", "")).lstrip("/")
        if given["kind"] == "intent":
            intents[given["decision"]] = name
        elif given["kind"] == "outcome":
            outcomes[given["decision"]] += 1
            counts[f"outcome {given['outcome']}"] += 1
        elif given["kind"] == "denied":
            denied.add(name)
        elif given["kind"] == "recovered":
            dropped = given["detail"]["dropped"]
            counts["torn tails"] += len(dropped)
            wrong += [f"{len(dropped)} files were cut at one start"] if len(dropped) > 1 else []
    allowed, seen = set(intents.values()), ground.received()
    counts["seen by the origin"] = len(seen)
    counts["answered"] = len(answered)
    wrong += [f"{name}: the origin saw it, and no intent is in the book" for name in set(seen) - allowed]
    wrong += [f"{name}: the origin saw it, and it was denied" for name in set(seen) & denied]
    wrong += [f"{name}: the origin saw it {n} times" for name, n in Counter(seen).items() if n > 1]
    sent = {name for name, status in answered.items() if status == 200}
    wrong += [f"{name}: answered 200 without an intent" for name in sent - allowed]
    wrong += [
        f"{name}: an intent with {outcomes[one]} outcomes"
        for one, name in intents.items()
        if outcomes[one] != 1
    ]
    if counts["torn tails"] > kills:
        wrong.append(f"{counts['torn tails']} torn tails of {kills} kills")
    return wrong, counts


def book(kills: int, rng: random.Random) -> tuple[list[str], Counter[str]]:
    """So many rounds on one book; what is wrong with it at the end, and the counts."""
    with laid(forking=True) as ground:
        answered: dict[str, int] = {}
        for number in range(kills):
            answered |= round_(ground, number, rng)
        ground.start()
        ground.end(signal.SIGTERM)
        ground.run("audit", "verify")
        return judged(ground, answered, kills)


def main(kills: int, seed: int) -> int:
    """Run, and tell."""
    rng = random.Random(seed)
    print(
        described(
            seed,
            f"{kills} x SIGKILL of `wharfinger up` after 1 ms to 1 s of load on {CONNECTIONS} connections",
        )
    )
    began = time.monotonic()
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    for done in range(0, kills, EACH):
        found, more = book(min(EACH, kills - done), rng)
        wrong, counts = wrong + found, counts + more
        told = f"{done + EACH} kills, {len(wrong)} faults, {time.monotonic() - began:.0f} s"
        print(told, file=sys.stderr, flush=True)
    if not counts["seen by the origin"] or (kills >= ENOUGH and not counts["outcome unknown"]):
        wrong.append("nothing was shown: no request was under way at any of the kills")

    def told() -> str:
        lines = [f"{name}: {count}" for name, count in sorted(counts.items())]
        bound = f"0 of {kills} (95 % bound {3 / kills:.2%})" if not wrong else f"{len(wrong)} faults"
        return "\n".join([*lines, f"{time.monotonic() - began:.0f} s; {bound}"])

    return tell(wrong, told)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*[*given, *(20, 1)[len(given) :]]))
