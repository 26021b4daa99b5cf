"""Load the proxy at a steady rate, and see that nothing is lost, and that memory and descriptors stay flat.

    python scripts/torture/soak.py [SECONDS] [RATE]     # a minute at 100 a second unless told otherwise

Requests leave by the clock, whether or not those before have been answered (open loop), on eight connections;
three of four are allowed. Latency is measured from the moment a request was due. Counted against each other
at the end: what was answered, what the origin saw, what the book holds. The slope of memory is that of the
second half.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ground import Ground, described, laid, status_of, tell

CONNECTIONS = 8


class Steady:
    """Requests at a rate, each on the connection that is its turn."""

    def __init__(self, ground: Ground, seconds: float, rate: float) -> None:
        self.answered: dict[str, int] = {}
        self.late: list[float] = []
        """Seconds from when a request was due to its answer."""
        self._ground, self._count, self._rate = ground, int(seconds * rate), rate
        self._began = time.monotonic() + 0.5

    def run(self) -> None:
        """Send all of them."""
        threads = [threading.Thread(target=self._one, args=(n,)) for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _one(self, first: int) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self._ground.address, 30) as stream:
            for number in range(first, self._count, CONNECTIONS):
                due = self._began + number / self._rate
                time.sleep(max(due - time.monotonic(), 0))
                name = f"s-{number}"
                method = "DELETE" if number // CONNECTIONS % 4 == 3 else "GET"
                stream.sendall(self._ground.request(name, method))
                self.answered[name] = status_of(stream)
                self.late.append(time.monotonic() - due)


class Gauge:
    """Memory and descriptors of the proxy, once a second."""

    def __init__(self, pid: int) -> None:
        self.samples: list[tuple[float, float, int]] = []
        """Time, MB resident, descriptors."""
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Gauge:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        process = Path(f"/proc/{self._pid}")
        while not self._stop.wait(1):
            pages = int((process / "statm").read_text().split()[1])
            files = len(list((process / "fd").iterdir()))
            self.samples.append((time.monotonic(), pages * 4096 / 1e6, files))

    def slope(self) -> float:
        """MB an hour over the second half."""
        half = self.samples[len(self.samples) // 2 :]
        if len(half) < 2:
            return 0.0
        return statistics.linear_regression([s[0] for s in half], [s[1] for s in half]).slope * 3600

    def course(self) -> str:
        """MB at the beginning and after each sixth of the time."""
        last = len(self.samples) - 1
        return ", ".join(f"{self.samples[last * part // 6][1]:.1f}" for part in range(7))


def main(seconds: float, rate: float) -> int:
    """Run, and tell."""
    print(
        described(
            None, f"{seconds:g} s at {rate:g} requests a second, open loop, on {CONNECTIONS} connections"
        )
    )
    with laid() as ground:
        ground.start()
        steady = Steady(ground, seconds, rate)
        with Gauge(ground.pid) as gauge:
            steady.run()
        ground.end(signal.SIGTERM)
        ground.run("audit", "verify")
        seen, kinds = ground.received(), Counter[str]()
        intents: set[str] = set()
        for event in ground.events():
            given: Any = event
            kinds[given["kind"]] += 1
            if given["kind"] == "intent":
                intents.add(str(given["path"]).lstrip("/"))
    sent = {name for name, status in steady.answered.items() if status == 200}
    wrong = [f"{name} was answered, and the origin has not seen it" for name in sent - set(seen)]
    wrong += [f"{name} was sent, and is not in the book" for name in set(seen) - intents]
    wrong += [f"{kinds['intent']} intents, {kinds['outcome']} outcomes"] * (
        kinds["intent"] != kinds["outcome"]
    )
    due = int(seconds * rate)
    wrong += [f"{due} requests were due, {len(steady.answered)} answered"] * (len(steady.answered) != due)
    files = [sample[2] for sample in gauge.samples[len(gauge.samples) // 4 :]] or [0]
    late = sorted(steady.late) or [0.0]

    def told() -> str:
        return (
            f"{len(steady.answered)} answered of {due}, {len(sent)} sent, {kinds['denied']} denials written, "
            f"{kinds['intent']} intents, {kinds['outcome']} outcomes\n"
            f"from due to answered: p50 {late[len(late) // 2] * 1000:.1f} ms, "
            f"p99 {late[int(len(late) * 0.99)] * 1000:.1f} ms, most {late[-1] * 1000:.1f} ms\n"
            f"memory {gauge.course()} MB, {gauge.slope():+.2f} MB/h over the second half; "
            f"descriptors {min(files)} to {max(files)}"
        )

    return tell(wrong, told)


if __name__ == "__main__":
    numbers = [float(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*[*numbers, *(60.0, 100.0)[len(numbers) :]]))
