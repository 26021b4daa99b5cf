"""How long a well-behaved agent waits while another one attacks: quiet and attack in turns, in one run.

    python scripts/torture/neighbours.py [ROUNDS] [SECONDS] [ATTACK]...     # 5 rounds, windows of 4 s

One agent sends small allowed requests at a steady rate on a few connections, by the clock (open loop), and
measures each from the moment it was due. Windows without an attack and with one follow each other; in the
latter another agent does what `attacks.py` names (class D of the threats), from a process of its own that
has had two seconds to get going. Told for each attack: the median of the p99 of quiet windows, that of the
windows under attack, and the ratio of both; it should be under 2. Every request must be answered 200.

The same is told in processor time: what the proxy's event loop worked between a request and its answer, for
whomever. Nobody waits while the loop has nothing else to do, so what it does for the attacker while a request
is with the disk or with its API is in it, too.

With TMPDIR=/dev/shm the audit log lies in memory, and what the disk does by itself is in neither.
"""

from __future__ import annotations

import base64
import json
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from attacks import ATTACKS
from ground import HOST, Ground, described, laid, status_of, tell

CONNECTIONS = 4
RATE = 40.0
"""Requests a second of the well-behaved agent, on all its connections."""
GETTING_GOING = 2.0
WANTED = 2.0
BAD = "bad"
POLICY = (
    "policy: main\ndescription: What the trials need\nallow:\n"
    f"  - {{tool: unmatched, hosts: [{HOST}, '*.names.example.com'], "
    "when: {method: {in: [GET, POST]}}}\n"
    "ask:\n"
    f"  - {{tool: unmatched, hosts: [{HOST}], approvers: [alice], when: {{method: {{in: [PUT]}}}}}}\n"
)


@dataclass
class Window:
    """What one window gave, in milliseconds."""

    wall: list[float] = field(default_factory=list)
    """From when a request was due to its answer."""
    worked: list[float] = field(default_factory=list)
    """Of the event loop's work, from when it was sent to its answer."""


class Neighbour:
    """The well-behaved agent: the same connections all the time."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._streams = [self._connected() for _ in range(CONNECTIONS)]
        self.wrong: list[str] = []
        self.count = 0

    def _connected(self) -> socket.socket:
        stream = socket.create_connection(self._ground.address, 30)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def window(self, seconds: float, name: str) -> Window:
        """Send at the rate for so many seconds."""
        began, taken = time.monotonic() + 0.05, Window()
        count = int(seconds * RATE)
        threads = [
            threading.Thread(target=self._one, args=(first, count, began, name, taken))
            for first in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.count += len(taken.wall)
        return taken

    def _one(self, first: int, count: int, began: float, name: str, taken: Window) -> None:
        for number in range(first, count, CONNECTIONS):
            due = began + number / RATE
            time.sleep(max(due - time.monotonic(), 0))
            before = worked(self._ground.pid)
            try:
                self._streams[first].sendall(self._ground.request(f"good-{first}-{number}"))
                status = status_of(self._streams[first])
            except OSError as error:
                self.wrong.append(f"{name}: a well-behaved request got no answer: {error!r}")
                self._streams[first] = self._connected()
                continue
            if status != 200:
                self.wrong.append(f"{name}: a well-behaved request was answered {status}")
            taken.wall.append((time.monotonic() - due) * 1000)
            taken.worked.append((worked(self._ground.pid) - before) * 1000)


def p99(taken: list[float]) -> float:
    """The 99th percentile."""
    return sorted(taken)[int(len(taken) * 0.99)]


def compared(quiet: list[float], attacked: list[float]) -> tuple[float, str]:
    """The ratio of the medians of two lists of p99, and how it is told."""
    ratio = statistics.median(attacked) / statistics.median(quiet)
    told = f"{statistics.median(quiet):.1f} to {statistics.median(attacked):.1f} ms ({ratio:.2f} times)"
    return ratio, told


def worked(pid: int) -> float:
    """Seconds that the first thread of a process, the one of its event loop, has been on a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def attacking(name: str, ground: Ground, login: str) -> Iterator[None]:
    """Have it going on in the block."""
    given = json.dumps({"address": ground.address, "login": login, "host": HOST})
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("attacks.py")), name, given])
    try:
        time.sleep(GETTING_GOING)
        yield
        if process.poll() is not None:
            raise SystemExit(f"the attack with {name} ended by itself")
    finally:
        process.kill()
        process.wait()


def prepared(ground: Ground) -> str:
    """A second agent, and a policy that has something for each attack; the attacker's login."""
    config = ground.root / "config"
    (config / "policies" / "main.yaml").write_text(POLICY)
    both = f"agents: {{bot: {{owner: alice, policies: [main]}}, {BAD}: {{owner: alice, policies: [main]}}}}\n"
    (config / "agents.yaml").write_text(both)
    ground.start()
    variables = json.loads(ground.run("env", "--agent", BAD, "--format", "json"))
    given = urlsplit(variables["HTTPS_PROXY"])
    return base64.b64encode(f"{given.username}:{given.password}".encode()).decode()


def main(rounds: int, seconds: float, names: list[str]) -> int:
    """Run, and tell."""
    method = (
        f"{rounds} rounds of {seconds:g} s quiet and {seconds:g} s under attack, in turns; "
        f"{RATE:g} requests a second on {CONNECTIONS} connections; medians of the windows' p99"
    )
    print(described(None, method), flush=True)
    over, queued = list[str](), list[str]()
    with laid() as ground:
        login = prepared(ground)
        neighbour = Neighbour(ground)
        neighbour.window(seconds, "warming up")
        for name in names:
            quiet, attacked = [], []
            for _ in range(rounds):
                quiet.append(neighbour.window(seconds, "quiet"))
                with attacking(name, ground, login):
                    attacked.append(neighbour.window(seconds, name))
                time.sleep(0.5)
            wall, told_wall = compared([p99(one.wall) for one in quiet], [p99(one.wall) for one in attacked])
            work, told_work = compared(
                [p99(one.worked) for one in quiet], [p99(one.worked) for one in attacked]
            )
            print(f"{name:<20} p99 {told_wall}; of the event loop's work {told_work}", flush=True)
            over += [name] if wall >= WANTED else []
            queued += [name] if work >= WANTED else []
        ground.end(signal.SIGTERM)
        ground.run("audit", "verify")

    def told() -> str:
        return (
            f"{neighbour.count} well-behaved requests; p99 not under {WANTED:g} times: {_listed(over)}; "
            f"of the event loop's work: {_listed(queued)}"
        )

    return tell(neighbour.wrong, told)


def _listed(names: list[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "none"


if __name__ == "__main__":
    first, second, *rest = [*sys.argv[1:], *("5", "4")[len(sys.argv) - 1 :]]
    sys.exit(main(int(first), float(second), rest or list(ATTACKS)))
