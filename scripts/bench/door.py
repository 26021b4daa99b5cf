#!/usr/bin/env python3
"""What a sandbox costs: starting one, and a round trip through its door beside one over plain loopback.

    .venv/bin/python scripts/bench/door.py [--rounds N]

The same client and the same echoing server in both, in turns: once the client is in a sandbox and the
server accepts at the sandbox's door, once both are outside. Told: the median round trip of either, and
their difference; and the median time of `run --isolate -- true` without proxy and Python's own start.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from wharfinger.isolation import sandbox
from wharfinger.isolation.sandbox import PORT, Sandbox
from wharfinger.isolation.view import Wanted

TRIPS = 2000
CLIENT = f"""
import socket, statistics, sys, time
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
took = []
for _ in range({TRIPS}):
    begun = time.perf_counter_ns()
    sock.sendall(b"x" * 200)
    sock.recv(1000)
    took.append(time.perf_counter_ns() - begun)
open(sys.argv[2], "w").write(str(statistics.median(took)))
"""


def echo(listening: socket.socket) -> None:
    """Serve one connection after the other."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while part := connection.recv(1000):
                connection.sendall(part)


def served(listening: socket.socket) -> socket.socket:
    """Echo at the door, as the proxy would accept there."""
    held = listening.dup()
    threading.Thread(target=echo, args=(held,), daemon=True).start()
    return held


def isolated(work: Path, *command: str) -> None:
    """Run a command in a sandbox."""
    wanted = Wanted(work, work.parent / "home", programs=(sandbox.interpreter().parent,))
    variables = sandbox.environment(os.environ)
    if sandbox.run(Sandbox(wanted, variables, command, terminal=False), served) != 0:
        sys.exit("the sandbox failed")


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    starts, inside, outside = [], [], []
    python = str(sandbox.interpreter())
    with (
        tempfile.TemporaryDirectory(prefix="wharfinger-bench-") as folder,
        socket.create_server(("127.0.0.1", 0)) as plain,
    ):
        work, told = Path(folder, "work"), Path(folder, "work", "told")
        work.mkdir()
        threading.Thread(target=echo, args=(plain,), daemon=True).start()
        for _ in range(rounds):
            begun = time.perf_counter()
            isolated(work, "true")
            starts.append(time.perf_counter() - begun)
            isolated(work, python, "-c", CLIENT, str(PORT), str(told))
            inside.append(float(told.read_text()) / 1e6)
            port = str(plain.getsockname()[1])
            subprocess.run([python, "-c", CLIENT, port, str(told)], check=True)
            outside.append(float(told.read_text()) / 1e6)
    print(f"a sandbox, from nothing to the end of `true`: {statistics.median(starts):.3f} s")
    print(f"round trip: {statistics.median(inside):.4f} ms through the door, ", end="")
    print(f"{statistics.median(outside):.4f} ms over loopback, ", end="")
    print(f"{statistics.median(inside) - statistics.median(outside):+.4f} ms added")


if __name__ == "__main__":
    main()
