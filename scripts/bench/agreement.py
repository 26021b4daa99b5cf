#!/usr/bin/env python3
"""Hold the project's decisions against the reference of `tests/reference`, at length.

Random worlds (tools, JSON-RPC tools, policies with conditions) and random requests of them; compared are the
verdict, the rules that determined it and the calls. Prints what the comparison went through and every
difference. The tests run a short form. Usage: scripts/bench/agreement.py [COMPARISONS] [SEED]
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests"))

from reference.compare import Tally, compare

EACH = 100
"""Requests of one world."""
SLICE = 100
"""Worlds of one task."""


def main() -> int:
    """Compare, print, and say whether the two agreed."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    tasks = -(-number // (EACH * SLICE))
    whole, start = Tally(), time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        seeds = range(seed * 1_000_000, seed * 1_000_000 + tasks)
        for done, tally in enumerate(pool.map(compare, seeds, [SLICE] * tasks, [EACH] * tasks), 1):
            whole.add(tally)
            if sys.stderr.isatty():
                print(f"\r{done}/{tasks}", end="", file=sys.stderr)
    print(
        f"seed {seed}: {whole.compared} requests of {whole.worlds} worlds in {time.monotonic() - start:.0f} s"
    )
    print(f"worlds that do not load, and are left out: {whole.unloadable}")
    share = whole.decided / whole.rules
    print(f"rules: {whole.rules}, of which {whole.decided} ({share:.1%}) determined a decision")
    for what, times in whole.seen.most_common():
        print(f"  {what:20} {times:8}  {times / whole.compared:6.1%}")
    print(f"differences: {len(whole.differences)}")
    for difference in whole.differences:
        print(difference, "\n")
    return 1 if whole.differences else 0


if __name__ == "__main__":
    sys.exit(main())
