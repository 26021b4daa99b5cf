"""The clock, as far as it can be judged without asking another: against files, the kernel, and the book.

Deadlines of approvals, certificates and signatures (AWS allows five minutes) go by it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import wharfinger
from wharfinger.audit import reader
from wharfinger.doctor.findings import Finding, fail, ok, remark
from wharfinger.doctor.machine import Place
from wharfinger.running.desk import DataFolder

_AHEAD: Final = timedelta(hours=26)
"""How far a file may lie in the future: archives are made in other time zones."""
_STEP: Final = 30.0
"""Seconds by which the wall clock may run away from the other between two events."""
_EVENTS: Final = 500
_UNSYNCHRONISED: Final = 5
"""TIME_ERROR of adjtimex(2)."""
_TIMEX_BYTES: Final = 512
"""More than any kernel's `struct timex`; zeros ask for nothing to be changed."""


def set_right(place: Place) -> Iterator[Finding]:
    """Whether the clock is behind what it has written, kept in step, and was moved."""
    now = datetime.now(UTC)
    yield from behind(now, _files(place))
    state = synchronised()
    if state is False:
        text = "the kernel says that nothing keeps the clock in step"
        yield remark("clock", text, "run systemd-timesyncd, chrony or ntpd; or the host of this machine does")
    elif state:
        yield ok("clock", "the kernel says that it is kept in step")
    folder = DataFolder(place.data).audit
    events = [record.members for record in reader.tail(folder, _EVENTS)] if folder.is_dir() else []
    yield from moved(events)


def behind(now: datetime, files: Iterable[Path]) -> Iterator[Finding]:
    """Against files that were written before now."""
    for path in files:
        try:
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (OSError, ValueError, OverflowError):
            continue
        if written - now > _AHEAD:
            text = f'"{path}" was written at {written:%Y-%m-%d %H:%M}, which is still to come'
            yield fail("clock", text, "set the clock: deadlines of approvals and certificates go by it")
            return
    yield ok("clock", "not before what is written on this machine")


def _files(place: Place) -> Iterator[Path]:
    yield Path(wharfinger.__file__)
    for name in ("/etc/passwd", "/etc/ld.so.cache", "/var/lib/dpkg/status", "/var/log/wtmp"):
        yield Path(name)
    if place.data.is_dir():
        yield from sorted(place.data.iterdir())


def synchronised() -> bool | None:
    """What the kernel says; None where it does not."""
    try:
        library = ctypes.CDLL(None)
        state = int(library.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def moved(events: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Between events of one process, by their two clocks: the wall's, and one that nobody sets."""
    before: tuple[datetime, int] | None = None
    for event in events:
        if event.get("kind") in {"segment", "started"}:
            before = None
        time, mono = event.get("time"), event.get("mono_ns")
        if not isinstance(time, str) or not isinstance(mono, int):
            continue
        at = datetime.fromisoformat(time)
        if before is not None and mono >= before[1]:
            step = (at - before[0]).total_seconds() - (mono - before[1]) / 1e9
            if abs(step) > _STEP:
                went = "forth" if step > 0 else "back"
                text = f"it went {went} by {abs(step):.0f} s at {at.astimezone():%Y-%m-%d %H:%M:%S}"
                slept = ", unless the machine slept" if step > 0 else ""
                yield remark(
                    "clock", text, f"see what sets it{slept}; `clock_back_us` in the book marks events"
                )
                return
        before = at, mono
    yield ok("clock", "steady over the last events")
