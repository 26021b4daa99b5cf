"""Make system calls on the files of book and store fail, and see that nothing unlogged is sent.

    python scripts/torture/faults.py [TRIALS] [SEED] [CALL]     # 6 trials unless told otherwise; needs strace

Each trial takes one of (call × error × which call of its kind × once or for ever), runs a fresh proxy under
`strace -e inject`, on the files of the data folder only, and sends requests one after the other until five
have been answered behind the fault. It then starts the proxy again without faults. It must hold that

1. every request that the origin saw, and every one that was answered 200, has an intent in the book
2. once a request was refused because the book failed, no later one is sent
3. the book verifies after the next start, or `audit verify` names what is wrong and the proxy does not start

A trial whose fault keeps the proxy from starting at all is counted by itself.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ground import Ground, Load, described, laid, tell

REQUESTS = 12

CALLS = {
    "write": ("error=EIO", "error=ENOSPC", "error=EINTR", "retval=1"),
    "pwrite64": ("error=EIO", "error=ENOSPC", "error=EINTR"),
    "fdatasync": ("error=EIO", "error=ENOSPC", "signal=KILL"),
    "fsync": ("error=EIO", "error=ENOSPC"),
    "openat": ("error=EIO", "error=EMFILE", "error=EACCES"),
    "ftruncate": ("error=EIO",),
    "renameat": ("error=EIO", "error=ENOSPC"),
}
"""What is made to fail, and how. `retval=1` says that one byte was written although none was."""
_STORE = ("store.db", "store.db-wal", "store.db-shm")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    call: str
    how: str
    when: int
    for_ever: bool

    def __str__(self) -> str:
        return f"{self.call} {self.how} at {self.when}{' and from then on' if self.for_ever else ''}"

    def wrapper(self, data: Path, names: tuple[str, ...]) -> tuple[str, ...]:
        """The command that a proxy with this fault runs under."""
        paths = itertools.chain.from_iterable(("-P", str(data / name)) for name in names)
        which = f"{self.when}+" if self.for_ever else str(self.when)
        inject = f"inject={self.call}:{self.how}:when={which}"
        return (
            "strace",
            "-f",
            "--seccomp-bpf",
            "-o",
            str(data.parent / "trace"),
            *paths,
            "-e",
            f"trace={self.call}",
            "-e",
            inject,
        )


def every() -> Iterator[Fault]:
    """All faults that are tried."""
    for call, ways in CALLS.items():
        for how, when, for_ever in itertools.product(ways, (1, 2, 3, 5, 8, 13, 21), (False, True)):
            # For ever interrupted is never done: that is no fault but a busy loop, in libc as in Python.
            if not (for_ever and how in {"signal=KILL", "error=EINTR"}):
                yield Fault(call, how, when, for_ever)


def tried(ground: Ground, fault: Fault, number: int, names: tuple[str, ...]) -> tuple[str, list[str]]:
    """What became of one trial, and what is wrong with it."""
    before = set(ground.received())
    ground.wrapper = fault.wrapper(ground.root / "config" / "data", names)
    trace = ground.root / "config" / "trace"
    trace.unlink(missing_ok=True)
    answered: dict[str, int] = {}
    came = "served"
    try:
        ground.start()
    except SystemExit:
        came = "did not start"
    else:
        load = Load(ground, f"f{number}", 1, REQUESTS)
        with load:
            load.wait()
        answered = load.answered
    if ground.proxy is not None:
        _end(ground)
    ground.wrapper = ()
    hit = trace.exists() and "(INJECTED)" in trace.read_text(errors="replace")
    wrong = _wrong(ground, fault, answered, set(ground.received()) - before)
    if came == "served":
        came = "not reached" if not hit else "refused" if 502 in answered.values() else "went on"
    return came, wrong


def _end(ground: Ground) -> None:
    """End a proxy that may not be able to end in good order."""
    if ground.proxy is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(ground.pid or ground.proxy.pid, signal.SIGTERM)
    try:
        ground.proxy.wait(20)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.kill(ground.pid or ground.proxy.pid, signal.SIGKILL)
        ground.proxy.kill()
        ground.proxy.wait()
    ground.proxy = None


def _wrong(ground: Ground, fault: Fault, answered: dict[str, int], seen: set[str]) -> list[str]:
    intents = set()
    for event in ground.events():
        given: Any = event
        if given["kind"] == "intent":
            intents.add(str(given["path"]).lstrip("/"))
    sent = {name for name, status in answered.items() if status == 200}
    wrong = [f"{fault}: {name} was sent, and is not in the book" for name in (seen | sent) - intents]
    statuses = [status for status in answered.values() if status in {200, 502}]
    if statuses != sorted(statuses):
        wrong.append(f"{fault}: requests were sent after the book had failed")
    return wrong


def main(trials: int, seed: int, call: str = "") -> int:
    """Run, and tell."""
    if shutil.which("strace") is None:
        raise SystemExit("strace is not installed")
    rng = random.Random(seed)
    faults = [fault for fault in every() if call in {"", fault.call}]
    chosen = faults if trials >= len(faults) else rng.sample(faults, trials)
    print(
        described(
            seed,
            f"{len(chosen)} of {len(faults)} faults by `strace -e inject` on the files of book and store",
        )
    )
    began = time.monotonic()
    came: Counter[str] = Counter()
    wrong: list[str] = []
    for number, fault in enumerate(chosen):
        with laid() as ground:
            ground.start()
            with Load(ground, "before", 1, 4) as load:
                load.wait()
            ground.end(signal.SIGTERM)
            data = ground.root / "config" / "data"
            names = (*(str(path.relative_to(data)) for path in (data / "audit").iterdir()), "audit", *_STORE)
            outcome, found = tried(ground, fault, number, names)
            wrong += found
            print(f"{fault}: {outcome}", file=sys.stderr, flush=True)
            came[f"{fault.call} {fault.how.partition('=')[2]}: {outcome}"] += 1
            ground.start()
            ground.end(signal.SIGTERM)
            ground.run("audit", "verify")

    def told() -> str:
        lines = [f"{name}: {count}" for name, count in sorted(came.items())]
        return "\n".join([*lines, f"{time.monotonic() - began:.0f} s; {len(wrong)} unlogged or out of order"])

    if not any("refused" in name for name in came):
        wrong.append("nothing was shown: no fault kept a request from being sent")
    return tell(wrong, told)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*[*given, *(6, 1)[len(given) :]], *sys.argv[3:4]))
