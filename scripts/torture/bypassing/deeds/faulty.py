"""A01 and A02: killed at any system call, and failed there; the places are those of `faults.py`."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from faults import PATIENCE, Fault, places, played, tried
from scenes import Stage, afterwards, staged, wrong

from bypassing.deeds import Deed, Theme

PATHS = ("send", "approval")
SOME = 0.04
"""Of some 4,000 faults: `faults.py all` does them all."""


@dataclass
class Faulty:
    """A stage, and every fault there is on it."""

    stage: Stage
    faults: Sequence[Fault]


@contextlib.contextmanager
def _faulty() -> Iterator[Faulty]:
    if shutil.which("strace") is None:
        raise SystemExit("strace is not installed")
    with staged() as stage:
        stage.ground.patience = PATIENCE
        yield Faulty(stage, [fault for path in PATHS for fault in places(stage, path)])


def _try(fault: Fault, faulty: Faulty) -> str:
    _, found = tried(faulty.stage, fault)
    return "; ".join(found)


def _without(path: str, faulty: Faulty) -> str:
    """The same way without a fault, and the next start."""
    stage = faulty.stage
    _, started = played(stage, path, "trace=fdatasync")
    if not started:
        return "it did not start"
    stage.ground.start()
    afterwards(stage)
    stage.ground.end(9)
    return "; ".join(wrong(stage, path)) or ("" if stage.ground.received() else "nothing went out")


def _deeds(killed: bool, faulty: Faulty) -> Sequence[Deed]:
    chosen = [fault for fault in faulty.faults if (fault.how == "signal=KILL") is killed]
    found = [Deed(str(fault), partial(_try, fault), sort=fault.sort) for fault in chosen]
    return [
        *found,
        *(Deed(f"{path} without a fault", partial(_without, path), harmless=True) for path in PATHS),
    ]


def themes() -> tuple[Theme, ...]:
    """The themes of this module."""
    return (
        Theme("A01 killed at a system call", _faulty, partial(_deeds, True), SOME * 2),
        Theme("A02 system calls that fail", _faulty, partial(_deeds, False), SOME),
    )
