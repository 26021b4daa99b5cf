"""What doors to APIs, and leading connections to the proxy, add to the start of a sandbox.

Sandboxes without either, with one door, and with all connections led are started in turn, so that whatever
else the machine does falls on each of them alike. Usage: scripts/bench/entrances.py [ROUNDS]
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from wharfinger.isolation import entrances, sandbox
from wharfinger.isolation.entrances import Entrances
from wharfinger.isolation.sandbox import Sandbox
from wharfinger.isolation.view import Wanted

KINDS = {
    "nothing": Entrances(),
    "one door": Entrances((8101,)),
    "one door, and all connections": Entrances((8101,), anywhere=True),
}


def started(wanted: Wanted, asked: Entrances) -> float:
    """Seconds that a sandbox takes which does nothing."""

    @contextlib.contextmanager
    def open_door(listening: socket.socket | None) -> Iterator[None]:
        if listening is not None:
            with entrances.opened(listening, asked):
                yield

    since = time.perf_counter()
    code = sandbox.run(Sandbox(wanted, dict(os.environ), ("true",), terminal=False), open_door)
    if code != 0:
        sys.exit(f"a sandbox ended with {code}")
    return time.perf_counter() - since


def main(rounds: int) -> None:
    """Print the medians, and how they compare."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Wanted(Path(folder).resolve(), Path.home(), programs=(sandbox.interpreter().parent,))
        found: dict[str, list[float]] = {name: [] for name in KINDS}
        for _ in range(rounds):
            for name, asked in KINDS.items():
                found[name].append(started(wanted, asked))
    least = statistics.median(found["nothing"])
    print(f"load {os.getloadavg()[0]:.1f}, {rounds} rounds")
    for name, times in found.items():
        middle = statistics.median(times)
        print(f"{name:32} {middle * 1000:7.1f} ms   {middle / least:5.2f} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
