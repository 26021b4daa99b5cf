#!/usr/bin/env python3
"""What reading a JSON body of one megabyte costs beside the standard library's own strict parse.

The standard library is asked for as much as it can do by itself: duplicate keys refused by a hook that
builds each object from its pairs, and no constants that are not finite. Ours also refuses integers beyond 64
bits, numbers out of range, lone surrogates and too deep nesting. Rounds of the two take turns; printed is
the ratio of the medians. Exits 1 if one is above 1.5.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Never

from wharfinger.rules.requests.strictjson import parse_json

SIZE = 1_000_000
ROUNDS = 40
MOST = 1.5


def refused(_: str) -> Never:
    """Not finite."""
    raise ValueError


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


STRICT = json.JSONDecoder(object_pairs_hook=once, parse_constant=refused)


def library(data: bytes) -> object:
    """The standard library's strict parse."""
    return STRICT.decode(data.decode("utf-8"))


def filled(item: Callable[[random.Random], object]) -> bytes:
    """A list of such items, about as long as is asked for."""
    chance, items, size = random.Random(7), [], 0
    while size < SIZE:
        made = item(chance)
        items.append(made)
        size += len(json.dumps(made, ensure_ascii=False)) + 2
    return json.dumps(items, ensure_ascii=False).encode()


BODIES: dict[str, Callable[[random.Random], object]] = {
    "records": lambda c: {"id": c.randrange(10**9), "name": "Ada Byron", "tags": ["a", "b"], "ok": True},
    "long text": lambda c: {"text": "lorem ipsum dolor " * c.randrange(200)},
    "numbers": lambda c: [c.random() * 1000 for _ in range(10)],
    "long integers": lambda c: {"id": c.randrange(2**62), "at": c.randrange(2**62)},
    "escapes": lambda c: {"text": 'a "quoted" \\ word\n' * 5, "more": "é" * c.randrange(30)},
    "nested": lambda c: {"a": {"b": {"c": {"d": [[c.randrange(9)]]}}}},
}


def main() -> int:
    """Measure and print each kind of body."""
    worst = 0.0
    for name, item in BODIES.items():
        data = filled(item)
        assert parse_json(data) == library(data)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(timed(parse_json, data))
            theirs.append(timed(library, data))
        ratio = statistics.median(ours) / statistics.median(theirs)
        worst = max(worst, ratio)
        print(f"{name:14} {len(data) / 1e6:.2f} MB  {statistics.median(ours):6.2f} ms  {ratio:.2f} times")
    print(f"at most {MOST} times: {'yes' if worst <= MOST else 'NO'}")
    return 0 if worst <= MOST else 1


def timed(read: Callable[[bytes], object], data: bytes) -> float:
    """Milliseconds of processor time."""
    start = time.thread_time_ns()
    read(data)
    return (time.thread_time_ns() - start) / 1e6


if __name__ == "__main__":
    sys.exit(main())
