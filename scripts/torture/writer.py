"""Kill the writer of the book, again and again, and hold its log against what it had answered for.

    python scripts/torture/writer.py [KILLS] [SEED]     # 200 kills unless told otherwise

Each round forks a process that opens the book as the last one left it and lets four agents write: an intent,
then `sent`; an outcome, then `settled`. Both are told over a pipe, as soon as they are durable. The process
is killed with SIGKILL 0.1 to 100 ms (log-uniform) after it was told to open the book, or after its book was
open; a file holds 20,000 bytes, so files end under it too. After each 20 kills the book is opened once more
and closed, and a new one begun. It must hold that

1. every intent of which `sent` was told is in the log, and every outcome of which `settled` was told
2. every intent has exactly one outcome (`unknown` where nobody can know)
3. the log verifies, checkpoints and all, as it is after each kill and when it was closed
4. no more was cut off than one torn end for each kill, and each time it was recorded

SIGKILL leaves the page cache as it is, so this shows nothing about the syncs: `order.py` does.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ground import described, tell
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.event import Event, EventKind, Outcome, Target, Who
from wharfinger.audit.events import decision_id, outcome
from wharfinger.audit.verify import verify
from wharfinger.clock import SystemClock
from wharfinger.rules.types import Call, Effect, Verdict

AGENTS = 4
EACH = 20
"""Kills of one book."""
ENOUGH = 100
"""Kills of which one at least must leave an intent open, and another come before the book is open."""
PATIENCE = 30.0
WHO = Who("a")


def opened(folder: Path) -> Book:
    """The book, signed, in small files."""
    return Book.open(
        folder, hmac_key=b"k" * 32, signing_key=b"s" * 32, clock=SystemClock(), segment_bytes=20_000
    )


def intent(decision: str) -> Event:
    """An event of the size that a proxy writes."""
    return Event(
        EventKind.INTENT, decision=decision, who=WHO, reason="x" * 400, verdict=Verdict.ALLOW,
        target=Target("GET", "https", "api.example.com", 443), calls=(Call("t", "", Effect.READ, {}),),
        policy_digest="0" * 64,
    )  # fmt: skip


async def write(book: Book, tell_: Callable[[str], None]) -> None:
    """Let the agents write, with no end."""

    async def agent() -> None:
        while True:
            decision = decision_id()
            await book.write(intent(decision))
            tell_(f"sent {decision}")
            await book.submit(outcome(decision, WHO, Outcome.COMPLETED))
            tell_(f"settled {decision}")

    await asyncio.gather(*(agent() for _ in range(AGENTS)))


def forked(work: Callable[[Callable[[str], None]], None]) -> tuple[int, int]:
    """A process that does `work`, given what to tell us by; its pid, and where what it tells is read."""
    ours, theirs = os.pipe()
    if pid := os.fork():
        os.close(theirs)
        return pid, ours
    os.close(ours)
    try:
        work(lambda line: os.write(theirs, f"{line}\n".encode()) and None)
    finally:
        os._exit(1)


def read_until(fd: int, until: float, data: bytearray, mark: bytes | None = None) -> bool:
    """Read on until then, until `mark` was read, or to the end; whether it goes on."""
    while mark is None or mark not in data:
        left = until - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return True
        if not (more := os.read(fd, 65536)):
            return False
        data += more
    return True


class Trial:
    """Books that are written and killed, and what is wrong with them."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._folder = folder
        self._rng = rng
        self._sent: set[str] = set()
        self._settled: set[str] = set()
        self._kills = 0
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def round(self) -> None:
        """One start, one kill."""

        def work(tell_: Callable[[str], None]) -> None:
            tell_("begun")
            book = opened(self._folder)
            tell_("ready")
            asyncio.run(write(book, tell_))

        pid, fd = forked(work)
        data = bytearray()
        mark = b"begun\n" if self._rng.random() < 0.2 else b"ready\n"
        if not read_until(fd, time.monotonic() + PATIENCE, data, mark):
            self.wrong.append(f"kill {self._kills}: the writer ended by itself")
        alive = read_until(fd, time.monotonic() + 10 ** self._rng.uniform(-4, -1), data)
        if not alive:
            self.wrong.append(f"kill {self._kills}: the writer ended by itself")
        os.kill(pid, signal.SIGKILL)
        read_until(fd, time.monotonic() + PATIENCE, data)
        os.close(fd)
        os.waitpid(pid, 0)
        self._kills += 1
        lines = data.decode().rpartition("\n")[0].splitlines()
        self.counts["before the book was open"] += "ready" not in lines
        self._sent |= {line.split()[1] for line in lines if line.startswith("sent")}
        self._settled |= {line.split()[1] for line in lines if line.startswith("settled")}
        if self._folder.exists() and not (found := verify(self._folder)).ok:
            self.wrong.append(f"kill {self._kills}: {found.failures[0]}")

    def judge(self) -> None:
        """Open the book once more, close it, hold it against what was told, and do away with it."""

        def work(tell_: Callable[[str], None]) -> None:
            opened(self._folder).close()
            tell_("closed")

        pid, fd = forked(work)
        data = bytearray()
        read_until(fd, time.monotonic() + PATIENCE, data)
        os.close(fd)
        os.waitpid(pid, 0)
        if data != b"closed\n":
            self.wrong.append(f"after kill {self._kills}: the book could not be opened and closed")
        if not (found := verify(self._folder)).ok:
            self.wrong.append(f"after kill {self._kills}: {found.failures[0]}")
        self.counts["checkpoints held against their logs"] += found.checkpoints
        self.counts["files"] += found.files
        self._compare()
        shutil.rmtree(self._folder)
        self._sent, self._settled, self._kills = set(), set(), 0

    def _compare(self) -> None:
        intents: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        completed: set[str] = set()
        torn = 0
        for record in reader.records(self._folder):
            self.counts["events"] += 1
            if record.kind == "intent":
                intents[record.members["decision"]] += 1
            elif record.kind == "outcome":
                outcomes[record.members["decision"]] += 1
                self.counts[f"outcome {record.members['outcome']}"] += 1
                if record.members["outcome"] == "completed":
                    completed.add(record.members["decision"])
            elif record.kind == "recovered":
                torn += len(record.members["detail"]["dropped"])
        self.counts["told as sent"] += len(self._sent)
        self.counts["torn ends"] += torn
        self.wrong += [
            f"{one} was sent, and its intent is not in the book" for one in self._sent - intents.keys()
        ]
        self.wrong += [f"{one} was settled, and is not in the book" for one in self._settled - completed]
        if intents != outcomes or max(intents.values(), default=1) > 1:
            self.wrong.append(
                f"{intents.total()} intents, {outcomes.total()} outcomes, of which not all match"
            )
        if torn > self._kills:
            self.wrong.append(f"{torn} torn ends of {self._kills} kills")


def main(kills: int, seed: int, place: Path | None = None) -> int:
    """Run, and tell."""
    print(described(seed, f"{kills} x SIGKILL of a process that opens and writes the book, in {EACH}s"))
    began = time.monotonic()
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="wharfinger-torture-", dir=place) as name:
        trial = Trial(Path(name) / "audit", random.Random(seed))
        for number in range(1, kills + 1):
            trial.round()
            if number % EACH == 0 or number == kills:
                trial.judge()
            if number % (10 * EACH) == 0:
                print(f"{number} kills, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    counts, wrong = trial.counts, trial.wrong
    shown = counts["outcome unknown"] and counts["before the book was open"]
    if not counts["told as sent"] or (kills >= ENOUGH and not shown):
        wrong.append("nothing was shown: no kill met an open intent, or none the opening of the book")

    def told() -> str:
        lines = [f"{name}: {count}" for name, count in sorted(counts.items())]
        bound = f"0 of {kills} (95 % bound {3 / kills:.3%})" if not wrong else f"{len(wrong)} faults"
        return "\n".join([*lines, f"{time.monotonic() - began:.0f} s; {bound}"])

    return tell(wrong, told)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*[*given, *(200, 1)[len(given) :]]))
