"""A03: disks that are full, or nearly."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from ground import Ground, laid, status_of
from wharfinger.audit.verify import verify

from bypassing.deeds import Deed, Theme
from bypassing.deeds.sending import SECONDS, send, unlogged


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
        statuses = [send(ground, f"full-{left}-{number}") for number in range(12)]
    return unlogged(ground) or _answered(ground, seen, statuses) or _goes_on(ground, f"freed-{left}")


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
        later = [send(ground, f"later-{number}") for number in range(50)]
    wrong = unlogged(ground) or _answered(ground, seen, statuses + later)
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
    while (status := send(ground, f"{name}-{time.monotonic_ns()}")) != 200 and time.monotonic() < end:
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


def themes() -> tuple[Theme, ...]:
    """The themes of this module."""
    return (Theme("A03 full disks", _small, _disks),)
