#!/usr/bin/env python3
"""How long commands that start no proxy take: `check`, `test`, `explain --offline` and `env`.

On a configuration of `init` with every API it offers. Each command is to answer in under 0.5 s.

    .venv/bin/python scripts/bench/cli.py [--rounds N]

Commands run in turns, in a home of their own, with bytecode compiled before (as an installation has it).
The time of a bare interpreter is printed beside them: it says how fast the machine was meanwhile.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 0.5
MODULE = (sys.executable, "-m", "wharfinger.cli.main")
URL = "https://api.stripe.com/v1/customers/cus_1"
COMMANDS = {
    "bare interpreter": (sys.executable, "-c", "pass"),
    "check": (*MODULE, "check"),
    "test": (*MODULE, "test"),
    "explain --offline": (*MODULE, "explain", "--offline", "--agent", "agent", "GET", URL),
    "env": (*MODULE, "env", "--agent", "agent"),
}
SOURCES = ("STRIPE_API_KEY", "GITHUB_TOKEN", "SLACK_BOT_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")


def main() -> None:
    """Run the commands in turns and print what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="wharfinger-bench-") as folder:
        environment = home(Path(folder))
        for command in COMMANDS.values():
            took(command, environment)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                times[name].append(took(command, environment))
    failed = False
    print(f"{'command':<18} {'median':>8} {'best':>8} {'worst':>8} {'cpu':>8}")
    for name, measured in times.items():
        wall = [each[0] for each in measured]
        median, processor = statistics.median(wall), statistics.median(each[1] for each in measured)
        failed |= median > LIMIT
        over = f"  over {LIMIT} s" if median > LIMIT else ""
        print(f"{name:<18} {median:>7.3f}s {min(wall):>7.3f}s {max(wall):>7.3f}s {processor:>7.3f}s{over}")
    sys.exit(failed)


def home(folder: Path) -> dict[str, str]:
    """A user with a configuration of every API, and the environment for their commands."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "WHARFINGER")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    environment |= {"HOME": str(folder), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment |= dict.fromkeys(SOURCES, "sk-0123456789abcdef0123")
    made = subprocess.run(
        (*MODULE, "init", "--for", "api"), env=environment, cwd=folder, capture_output=True, check=False
    )
    if made.returncode:
        sys.exit(made.stderr.decode())
    return environment


def took(command: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds that the command takes, by the clock and of processor time; ends the bench if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    ran = subprocess.run(command, env=environment, cwd=environment["HOME"], capture_output=True, check=False)
    end = time.perf_counter()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode:
        sys.exit(f"{' '.join(command)}: {ran.stderr.decode()}")
    return end - begin, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
