"""A06, A07 and A10: edits of the log, clocks that go anyhow, slow syncs."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import tamper
from faults import Tracer
from ground import status_of
from scenes import Stage, staged
from wharfinger.audit.book import Book
from wharfinger.audit.event import Outcome, Who
from wharfinger.audit.events import outcome
from wharfinger.audit.verify import verify

from bypassing.deeds import Deed, Theme
from bypassing.deeds.sending import SECONDS, unlogged

# A06

EDITS = 40
"""Of each kind."""


@contextlib.contextmanager
def _log() -> Iterator[tamper.Target]:
    with tamper.prepared(100) as target:
        yield target


def _edit(name: str, number: int, target: tamper.Target) -> str:
    """One edit of a log, given a checkpoint of it: it must be found, by both verifiers."""
    dice = random.Random(f"{name}/{number}")
    files = dict(target.whole)
    while tamper.same_log(files, target):
        files = dict(target.whole)
        tamper.EDITS[name](files, target, dice)
    target.put(files)
    found = target.found(alone=True)
    target.put(target.whole)
    return "" if found else "it was not found"


def _whole(target: tamper.Target) -> str:
    target.put(target.whole)
    return "it is objected to" if target.found(alone=False) else ""


def _without_checkpoints(target: tamper.Target) -> str:
    target.put({name: data for name, data in target.whole.items() if not name.endswith(".checkpoints")})
    found = target.found(alone=False)
    target.put(target.whole)
    return "it is objected to" if found else ""


def _edits(_: tamper.Target) -> Sequence[Deed]:
    return [
        *(
            Deed(f"{name} {number}", partial(_edit, name, number))
            for name in tamper.EDITS
            for number in range(EDITS)
        ),
        Deed("as it is", _whole, harmless=True),
        Deed("without the checkpoints beside it", _without_checkpoints, harmless=True),
    ]


# A07


@dataclass
class _Clock:
    """A wall clock that goes as it is told, and a real other one."""

    at: datetime
    step: timedelta

    def now(self) -> datetime:
        """The wall clock."""
        self.at += self.step
        return self.at

    def monotonic(self) -> float:
        """The other."""
        return time.monotonic()


_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLOCKS = {
    "stands still": (_NOW, timedelta(0)),
    "goes back by a microsecond each time": (_NOW, timedelta(microseconds=-1)),
    "goes back by a second each time": (_NOW, timedelta(seconds=-1)),
    "goes back by a day each time": (_NOW, timedelta(days=-1)),
    "leaps by a year each time": (_NOW, timedelta(days=365)),
    "begins in 1970": (datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)),
    "passes 2038": (datetime(2038, 1, 19, 3, 14, 6, tzinfo=UTC), timedelta(milliseconds=200)),
    "passes a leap second": (
        datetime(2016, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC),
        timedelta(milliseconds=200),
    ),
    "passes midnight": (datetime(2026, 12, 31, 23, 59, 59, 900_000, tzinfo=UTC), timedelta(milliseconds=50)),
    "is in the year 9998": (datetime(9998, 1, 1, tzinfo=UTC), timedelta(seconds=1)),
    "loses an hour, as a summer ends": (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), timedelta(seconds=-90)),
}


def _recorded(folder: Path, clock: _Clock) -> str:
    """Write a log by a clock, open it again by it, and verify; its order must be that of what was done."""
    for part in range(2):
        book = Book.open(folder, hmac_key=b"k" * 32, signing_key=b"s" * 32, clock=clock, segment_bytes=6000)
        for number in range(12):
            book.record(outcome(f"d_{part}_{number}", Who("robot", "ag_1"), Outcome.COMPLETED))
        book.close()
    found = verify(folder)
    if not found.ok:
        return str(found.failures[0])
    events = [
        tamper.orjson.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_bytes().splitlines()
    ]
    told = [event["decision"] for event in events if event["kind"] == "outcome"]
    if told != [f"d_{part}_{number}" for part in range(2) for number in range(12)]:
        return "its order is not that of what was done"
    if [event["seq"] for event in events] != list(range(len(events))):
        return "its numbers have gaps"
    monotonic = [event["mono_ns"] for event in events if "mono_ns" in event]
    if len(monotonic) != len(events) or monotonic != sorted(monotonic):
        return "the other clock is not told, or goes back"
    return ""


def _by_clock(name: str, _: object) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return _recorded(Path(folder) / "audit", _Clock(*CLOCKS[name]))


def _clocks(_: object) -> Sequence[Deed]:
    return [
        *(Deed(f"the clock {name}", partial(_by_clock, name)) for name in CLOCKS),
        Deed("the clock goes as it should", _by_right_clock, harmless=True),
    ]


def _by_right_clock(_: object) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return _recorded(Path(folder) / "audit", _Clock(_NOW, timedelta(milliseconds=1)))


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


# A10


def _slow(milliseconds: int, leaves: bool, stage: Stage) -> str:
    """Syncs that take so long: nothing may be sent before, and who leaves takes nothing back."""
    stage.reset()
    ground = stage.ground
    tracer = Tracer(stage, "trace=fdatasync", f"inject=fdatasync:delay_enter={milliseconds * 1000}")
    ground.start()
    try:
        tracer.attach(ground.pid)
        early: list[str] = []

        def one(number: int) -> None:
            name = f"slow-{number}"
            with contextlib.suppress(OSError), socket.create_connection(ground.address, SECONDS) as stream:
                stream.settimeout(SECONDS)
                stream.sendall(ground.request(name))
                time.sleep(milliseconds / 2000)
                if name in ground.received():
                    early.append(name)
                if not leaves:
                    status_of(stream)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(milliseconds / 1000)
        seen = len(ground.received())
    finally:
        ground.end(signal.SIGKILL)
        tracer.close()
    if early:
        return f"sent while its sync was under way: {early}"
    if not leaves and seen != 4:
        return f"{seen} of 4 were sent"
    found = verify(ground.book)
    return unlogged(ground) or ("" if found.ok else str(found.failures[0]))


def _syncs(_: Stage) -> Sequence[Deed]:
    return [
        *(
            Deed(
                f"a sync takes {time_} ms, and the agent {'leaves' if leaves else 'waits'}",
                partial(_slow, time_, leaves),
            )
            for time_ in (200, 500, 1000, 2000)
            for leaves in (False, True)
        ),
        Deed("a sync takes as long as it takes", partial(_slow, 0, False), harmless=True),
    ]


def themes() -> tuple[Theme, ...]:
    """The themes of this module."""
    return (
        Theme("A06 edits of the log", _log, _edits),
        Theme("A07 clocks", _nothing, _clocks),
        Theme("A10 slow syncs", staged, _syncs),
    )
