#!/usr/bin/env python3
"""How long `check` takes to look through a configuration once it is loaded: 10,000 tools, 1,000 rules.

The tools and rules are those of `decide.py`, in one policy of one agent. Exits 1 if the best of five rounds
takes more than a second of the processor.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import decide
import replay
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.lint import linting

ROUNDS = 5
SECONDS = 1.0


def main() -> None:
    """Print the figures."""
    begun = time.process_time()
    configuration = load(Sources(replay.files()))
    print(f"loading {decide.TOOLS} tools and {decide.RULES} rules: {time.process_time() - begun:.2f} s")
    took = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        found = linting.remarks(configuration, ())
        took.append(time.process_time() - begun)
    codes = Counter(problem.code for problem in found.problems)
    print(f"looking through: best {min(took):.2f} s, worst {max(took):.2f} s")
    print(f"found: {', '.join(f'{count} of {code}' for code, count in sorted(codes.items()))}")
    sys.exit(min(took) > SECONDS)


if __name__ == "__main__":
    main()
