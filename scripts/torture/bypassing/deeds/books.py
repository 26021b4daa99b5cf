"""A03 to A07 and A10: full disks, files that are meddled with, second writers, edits, clocks, slow syncs."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import tamper
from faults import Tracer
from ground import Ground, laid, status_of
from scenes import Stage, staged
from wharfinger.audit.book import Book
from wharfinger.audit.event import Outcome, Who
from wharfinger.audit.events import outcome
from wharfinger.audit.verify import verify

from bypassing.deeds import Deed, Theme

SECONDS = 10.0


def _send(ground: Ground, name: str) -> int:
    """One request; its status, 0 where there was none."""
    try:
        with socket.create_connection(ground.address, SECONDS) as stream:
            stream.settimeout(SECONDS)
            stream.sendall(ground.request(name))
            return status_of(stream)
    except OSError:
        return 0


def _unlogged(ground: Ground, book: Path | None = None, since: str = "") -> str:
    """Requests that the origin saw, of those named like this, and no file of the book tells of."""
    files = [path for path in sorted((book or ground.book).rglob("*.jsonl*")) if path.is_file()]
    told = b"".join(path.read_bytes() for path in files)
    seen = [name for name in ground.received() if name.startswith(since)]
    missing = [name for name in seen if f'"/{name}"'.encode() not in told]
    return f"sent, and in no book: {missing}" if missing else ""


# A03


@contextlib.contextmanager
def _small() -> Iterator[Ground]:
    """A proxy whose data folder is a disk of 24 MiB."""
    with laid() as ground:
        data = ground.root / "config" / "data"
        data.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(data)], check=True)
        try:
            ground.start()
            yield ground
            ground.end(signal.SIGTERM)
        finally:
            if ground.proxy is not None:
                ground.end(signal.SIGKILL)
            subprocess.run(["umount", "-l", str(data)], check=True)


def _full(left: int, ground: Ground) -> str:
    """A disk on which so many bytes are left: what goes out meanwhile, and whether it goes on by itself."""
    seen = len(ground.received())
    with _filled(ground, left):
        statuses = [_send(ground, f"full-{left}-{number}") for number in range(12)]
    return _unlogged(ground) or _answered(ground, seen, statuses) or _goes_on(ground, f"freed-{left}")


def _used_up(ground: Ground) -> str:
    """No byte is left, and requests come until what the book has set aside is nearly used up too.

    That is for the ends of what is under way: from then on all requests are refused.
    """
    seen = len(ground.received())
    with _filled(ground, 0):
        statuses: list[int] = []
        with contextlib.suppress(OSError), socket.create_connection(ground.address, SECONDS) as stream:
            stream.settimeout(SECONDS)
            while len(statuses) < 10_000 and (not statuses or statuses[-1] == 200):
                stream.sendall(ground.request(f"used-{len(statuses)}"))
                statuses.append(status_of(stream))
        later = [_send(ground, f"later-{number}") for number in range(50)]
    wrong = _unlogged(ground) or _answered(ground, seen, statuses + later)
    if not wrong and 200 in (statuses[-1], *later):
        wrong = f"the disk is full, and after {len(statuses)} requests it answers {[statuses[-1], *later]}"
    return wrong or _goes_on(ground, "freed-used")


@contextlib.contextmanager
def _filled(ground: Ground, left: int) -> Iterator[None]:
    """While on the disk of the book so many bytes are left."""
    data = ground.root / "config" / "data"
    free = os.statvfs(data).f_bavail * os.statvfs(data).f_frsize
    ballast = data / "ballast"
    try:
        with ballast.open("wb") as file, contextlib.suppress(OSError):
            while free > left:
                free -= file.write(bytes(min(free - left, 1 << 16)))
                file.flush()
        yield
    finally:
        ballast.unlink()


def _answered(ground: Ground, seen: int, statuses: Sequence[int]) -> str:
    """Whether the origin saw those that were answered with its 200, after the first so many."""
    if len(ground.received()) - seen == statuses.count(200):
        return ""
    return f"answered {Counter(statuses)}, and the origin saw {len(ground.received()) - seen}"


def _goes_on(ground: Ground, name: str) -> str:
    """Whether it does by itself, now that there is room, and with nothing missing."""
    end = time.monotonic() + 15
    while (status := _send(ground, f"{name}-{time.monotonic_ns()}")) != 200 and time.monotonic() < end:
        time.sleep(0.2)
    if status != 200:
        return f"there is room, and it answers {status}"
    found = verify(ground.book)
    return "" if found.ok else str(found.failures[0])


def _disks(_: Ground) -> Sequence[Deed]:
    sizes = (0, 1, 100, 511, 4096, 5000, 8192, 12_288, 20_480, 65_536, 131_072, 1 << 20)
    return [
        *(Deed(f"{left} bytes are left", partial(_full, left)) for left in sizes),
        Deed("none is left, and what the book has set aside is used up", _used_up),
        Deed("sixteen megabytes are left", partial(_full, 16 << 20), harmless=True),
    ]


# A04


def _latest(book: Path) -> Path:
    return max(book.glob("book-*.jsonl"))


def _replace(book: Path) -> None:
    path = _latest(book)
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    copy.rename(path)


def _link(book: Path) -> None:
    path = _latest(book)
    aside = path.with_name("aside")
    path.rename(aside)
    path.symlink_to(aside)


def _cut(book: Path, keep: float) -> None:
    path = _latest(book)
    os.truncate(path, int(path.stat().st_size * keep))


def _add(book: Path, data: bytes) -> None:
    with _latest(book).open("ab") as file:
        file.write(data)


def _older(book: Path) -> None:
    path = _latest(book)
    data = path.read_bytes()
    _cut(book, 0)
    path.write_bytes(data[: data.rindex(b"\n", 0, len(data) - 1) + 1])


def _moved(book: Path) -> None:
    book.rename(book.with_name("audit-moved"))
    shutil.copytree(book.with_name("audit-moved"), book)


MEDDLING: dict[str, Callable[[Path], object]] = {
    "the file is moved": lambda book: _latest(book).rename(book.parent / "away.jsonl"),
    "the file is removed": lambda book: _latest(book).unlink(),
    "the file is emptied": partial(_cut, keep=0),
    "half of the file is cut off": partial(_cut, keep=0.5),
    "the last byte is cut off": lambda book: os.truncate(_latest(book), _latest(book).stat().st_size - 1),
    "the last line is taken back": _older,
    "a line is added": partial(_add, data=b'{"seq":99}\n'),
    "a byte is added": partial(_add, data=b"x"),
    "zeros are added": partial(_add, data=bytes(5000)),
    "it is replaced by a copy": _replace,
    "it is replaced by a link": _link,
    "it is copied and emptied": lambda book: (
        shutil.copy2(_latest(book), book.parent / "copy.jsonl"),
        _cut(book, 0),
    ),
    "a folder takes its place": lambda book: (
        _latest(book).rename(book.parent / "away.jsonl"),
        (book / "book-000001.jsonl").mkdir(),
    ),
    "the folder is replaced by a copy": _moved,
}
HARMLESS: dict[str, Callable[[Path], object]] = {
    "it is read": lambda book: _latest(book).read_bytes(),
    "it is copied": lambda book: shutil.copy2(_latest(book), book.parent / "copy.jsonl"),
    "its times are changed": lambda book: os.utime(_latest(book), (1, 1)),
}  # fmt: skip


def _meddle(how: str, *, harmless: bool, stage: Stage) -> str:
    """Meddle with the live file: what goes out from then on, and what verifying says at the end."""
    stage.reset()
    ground = stage.ground
    ground.start()
    try:
        before = [_send(ground, f"before-{number}") for number in range(2)]
        (HARMLESS if harmless else MEDDLING)[how](ground.book)
        after = [_send(ground, f"after-{number}") for number in range(3)]
    finally:
        ground.end(signal.SIGKILL)
    wrong = "" if before == [200, 200] else f"answered {before} before anything was done"
    wrong = wrong or _unlogged(ground, ground.book.parent, "after")
    found = verify(ground.book) if ground.book.exists() else None
    if harmless:
        return wrong or ("" if after == [200] * 3 and found and found.ok else f"answered {after}")
    if 200 in after and found is not None and not found.ok:
        return wrong or f"it was answered {after}, into a book that does not verify"
    return wrong or ("" if 200 not in after else f"nobody noticed: answered {after}")


def _meddling(_: Stage) -> Sequence[Deed]:
    vectors = [Deed(how, partial(_with_stage, how, False)) for how in MEDDLING]
    return vectors + [Deed(how, partial(_with_stage, how, True), harmless=True) for how in HARMLESS]


def _with_stage(how: str, harmless: bool, stage: Stage) -> str:
    return _meddle(how, harmless=harmless, stage=stage)


# A05


def _second(how: str, ground: Ground) -> str:
    """A second proxy on the same data: it must not start, and the first must go on."""
    config = ground.root / f"second-{how.replace(' ', '-')}"
    shutil.copytree(ground.root / "config", config, ignore=shutil.ignore_patterns("data"))
    data = ground.root / "config" / "data"
    match how:
        case "by its path":
            text = str(data)
        case "by a link":
            (config / "link").symlink_to(data)
            text = str(config / "link")
        case "by another spelling":
            text = f"{data.parent}/./data/../data/"
        case "by a mount":
            (config / "mounted").mkdir(mode=0o700)
            subprocess.run(["mount", "--bind", str(data), str(config / "mounted")], check=True)
            text = str(config / "mounted")
        case _:
            (data / "lock").unlink()
            text = str(data)
    settings = config / "wharfinger.yaml"
    settings.write_text(settings.read_text().replace("data: ./data", f'data: "{text}"'))
    ready = config / "ready"
    command = [
        sys.executable,
        "-m",
        "wharfinger.cli.main",
        "up",
        "--config",
        str(config),
        "--ready-file",
        str(ready),
    ]
    process = subprocess.Popen(
        command,
        env=ground.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while process.poll() is None and not ready.exists() and time.monotonic() < end:
            time.sleep(0.05)
        started = ready.exists()
    finally:
        process.kill()
        process.wait()
        if how == "by a mount":
            subprocess.run(["umount", "-l", text], check=False)
    if started:
        return "two proxies write one book"
    status = _send(ground, f"beside-{how.replace(' ', '-')}")
    return "" if status == 200 else f"the first answers {status}"


def _again(number: int, ground: Ground) -> str:
    """The same one, once the first has ended, however it did."""
    ground.end(number)
    ground.start()
    status = _send(ground, f"again-{number}")
    return "" if status == 200 else f"answered {status}"


def _writers(_: Ground) -> Sequence[Deed]:
    ways = ("by its path", "by a link", "by another spelling", "by a mount")
    return [
        *(Deed(f"a second proxy, {how}", partial(_second, how)) for how in ways),
        Deed("another, after the first was ended", partial(_again, signal.SIGTERM), harmless=True),
        Deed("another, after the first was killed", partial(_again, signal.SIGKILL), harmless=True),
    ]


@contextlib.contextmanager
def _ground() -> Iterator[Ground]:
    with laid() as ground:
        ground.start()
        yield ground


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
    return _unlogged(ground) or ("" if found.ok else str(found.failures[0]))


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
        Theme("A03 full disks", _small, _disks),
        Theme("A04 files that are meddled with", staged, _meddling),
        Theme("A05 second writers", _ground, _writers),
        Theme("A06 edits of the log", _log, _edits),
        Theme("A07 clocks", _nothing, _clocks),
        Theme("A10 slow syncs", staged, _syncs),
    )
