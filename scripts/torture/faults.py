"""Make system calls on files of book, store and configuration fail, and see that nothing unlogged is sent.

    python scripts/torture/faults.py [TRIALS] [SEED] [NAME]...     # 8 trials by default; needs strace
    python scripts/torture/faults.py all [SEED] [NAME]...

NAME is a path, which is one of send, approval, reload and start, or a system call; without, trials are taken
from all. A share such as `2/4` stands for every fourth of those, from the second on: most of what a trial
takes is patience, so four processes with a share each need little more than a fourth of the time.

First each path is run once under strace, which shows every call that any thread makes there on a file of the
data folder or of the configuration. Each of them, by name and by which of its name it is in its thread, is a
place for a fault: EIO, ENOSPC, EINTR, SIGKILL, and for writes that nothing is written; once, and from then on
for ever (for EINTR 200 times in a row: who is interrupted for ever waits for ever).

Each trial puts one fault in (`strace -e inject`), does what `scenes.py` does on that path, kills the proxy,
starts it again without fault, sends the same requests again, and holds origin, book and answers against
each other: see there for what must be so. The book must verify then; or, where the proxy does not start
again, it must say why.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ground import described, tell
from scenes import SCENES, Stage, afterwards, staged, wrong
from wharfinger.audit.verify import verify

WAYS = ("error=EIO", "error=ENOSPC", "error=EINTR", "signal=KILL")
WRITES = {"write": "retval=0", "pwrite64": "retval=0"}
"""Calls that may do less than they were asked to."""
STORM = 200
PATIENCE = 30.0
_CALL = re.compile(r"^(\d+) +(\w+)\(")
_SHARE = re.compile(r"[1-9]\d*/[1-9]\d*")
_COMING = ("book-000002.jsonl", "book-000002.checkpoints", "book-000002.salt", "book.failed")
_STORE = ("store.db", "store.db-wal", "store.db-shm", "store.db-journal")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    path: str
    call: str
    how: str
    when: int
    for_ever: bool

    def __str__(self) -> str:
        many = " and from then on" if self.for_ever else ""
        return f"{self.path}: {self.call} {self.how} at {self.when}{many}"

    @property
    def sort(self) -> str:
        """What all faults share that differ in their place only."""
        return f"{self.path}: {self.call} {self.how}{' for ever' if self.for_ever else ''}"

    @property
    def inject(self) -> str:
        """As strace takes it."""
        last = f"..{self.when + STORM}" if self.how == "error=EINTR" else "+"
        return f"inject={self.call}:{self.how}:when={self.when}{last if self.for_ever else ''}"


class Tracer:
    """strace on the files of one proxy."""

    def __init__(self, stage: Stage, *expressions: str) -> None:
        self._stage = stage
        self._expressions = expressions
        self._process: subprocess.Popen[bytes] | None = None
        self.trace = stage.ground.root / "trace"
        self._said = stage.ground.root / "strace.log"

    def attach(self, pid: int) -> None:
        """Trace this process from now on, and all of its threads; what it executes opens nothing here."""
        self.trace.unlink(missing_ok=True)
        expressions = itertools.chain.from_iterable(("-e", each) for each in self._expressions)
        files = itertools.chain.from_iterable(("-P", str(path)) for path in self._files())
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                ["strace", "-f", "-b", "execve", "-p", str(pid), "-o", str(self.trace), *files, *expressions],
                stderr=said,
            )
        end = time.monotonic() + PATIENCE
        while b"attached" not in self._said.read_bytes():
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit("strace did not start\n" + self._said.read_text())
            time.sleep(0.005)

    def _files(self) -> Iterator[Path]:
        config = self._stage.ground.root / "config"
        data = self._stage.data
        coming = [*(data / "audit" / name for name in _COMING), *(data / name for name in _STORE)]
        yield from sorted({config, *config.rglob("*"), *coming})

    def close(self) -> None:
        """Wait for the end of what was traced."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process.kill()
            self._process.wait()

    def calls(self) -> Counter[str]:
        """How often each call was made, by the thread that made it most often."""
        by_thread = Counter(
            (match[1], match[2])
            for line in self.trace.read_text(errors="replace").splitlines()
            if (match := _CALL.match(line))
        )
        most: Counter[str] = Counter()
        for (_, call), count in by_thread.items():
            most[call] = max(most[call], count)
        return most

    @property
    def hit(self) -> bool:
        """Whether the fault came to be."""
        return self.trace.exists() and "(INJECTED" in self.trace.read_text(errors="replace")


def played(stage: Stage, path: str, *expressions: str) -> tuple[Tracer, bool]:
    """Do what is done on a path, under strace; whether the proxy started at all. It is killed at the end."""
    stage.reset()
    tracer = Tracer(stage, *expressions)
    if path == "start":
        stage.ground.attach = tracer.attach
    try:
        stage.ground.start()
    except SystemExit:
        return tracer, False
    else:
        if path != "start":
            tracer.attach(stage.ground.pid)
        SCENES[path](stage)
    finally:
        stage.ground.attach = None
        if stage.ground.proxy is not None:
            stage.ground.end(signal.SIGKILL)
        tracer.close()
    return tracer, True


def places(stage: Stage, path: str) -> Iterator[Fault]:
    """Every fault of a path."""
    tracer, started = played(stage, path, "trace=%file,%desc")
    found = wrong(stage, path)
    if not started or found or (path == "reload" and not stage.reloaded):
        said = (stage.ground.root / "up.log").read_text()[-2000:]
        raise SystemExit(f"{path} does not go well without any fault: {found}\n{said}")
    for call, count in sorted(tracer.calls().items()):
        ways = [*WAYS, *([WRITES[call]] if call in WRITES else [])]
        for how, when, for_ever in itertools.product(ways, range(1, count + 1), (False, True)):
            if not (for_ever and how == "signal=KILL"):
                yield Fault(path, call, how, when, for_ever)


def tried(stage: Stage, fault: Fault) -> tuple[str, list[str]]:
    """What became of one trial, and what is wrong with it."""
    tracer, started = played(stage, fault.path, f"trace={fault.call}", fault.inject)
    statuses = {status for all_ in stage.answered.values() for status in all_}
    came = "did not start" if not started else "refused" if statuses & {502, 503} else "went on"
    if fault.how == "signal=KILL" and 0 in statuses:
        came = "killed"
    elif not tracer.hit:
        came = "not reached"
    elif came == "went on" and 0 in statuses:
        came = "hung or cut off"
    log = stage.ground.root / "up.log"
    log.write_bytes(b"")
    found: list[str] = []
    try:
        stage.ground.start()
    except SystemExit:
        came += ", and did not start again"
        if "error:" not in log.read_text():
            found.append(f"it did not start again, and did not say why: {log.read_text()[-2000:]}")
    else:
        afterwards(stage)
        stage.ground.end(signal.SIGKILL)
        if not (verified := verify(stage.data / "audit")).ok:
            found.append(f"it started again on a book that does not verify: {verified.failures[0]}")
    found += wrong(stage, fault.path)
    return came, [f"{fault}: {each}" for each in found]


def main(trials: int | None, seed: int, *names: str) -> int:
    """Run, and tell."""
    if shutil.which("strace") is None:
        raise SystemExit("strace is not installed")
    rng = random.Random(seed)
    paths = [name for name in names if name in SCENES] or list(SCENES)
    share = next((name for name in names if _SHARE.fullmatch(name)), "1/1")
    calls = [name for name in names if name not in SCENES and name != share]
    which, step = map(int, share.split("/"))
    came: Counter[str] = Counter()
    found: list[str] = []
    began = time.monotonic()
    with staged() as stage:
        stage.ground.patience = PATIENCE
        every = [fault for path in paths for fault in places(stage, path)]
        faults = [fault for fault in every if not calls or fault.call in calls][which - 1 :: step]
        chosen = rng.sample(faults, min(trials or len(faults), len(faults)))
        of = ", ".join(f"{name} {n}" for name, n in Counter(fault.path for fault in faults).items())
        what = f"{len(chosen)} of {len(faults)} faults (share {share}: {of})"
        print(described(seed, f"{what} by `strace -e inject`"))
        for number, fault in enumerate(chosen, 1):
            outcome, problems = tried(stage, fault)
            found += problems
            came[f"{fault.path}: {outcome}"] += 1
            print(f"{number} {fault}: {outcome}", *problems, sep="\n  ", file=sys.stderr, flush=True)

    def told() -> str:
        lines = [f"{name}: {count}" for name, count in sorted(came.items())]
        return "\n".join([*lines, f"{time.monotonic() - began:.0f} s; {len(found)} unlogged or out of order"])

    if all("not reached" in name for name in came):
        found.append("nothing was shown: no fault came to be")
    return tell(found, told)


if __name__ == "__main__":
    first, second, *rest = [*sys.argv[1:], *("8", "1")[len(sys.argv) - 1 :]]
    sys.exit(main(None if first == "all" else int(first), int(second), *rest))
