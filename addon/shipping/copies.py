"""Copies of checkpoints: to a file elsewhere, to a URL, to standard output.

Only the newest is worth copying: it says all that the ones before it said. A file is appended to, so that it
is a history, and may be on a file system that admits nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from wharfinger.audit import checkpoints
from wharfinger.audit.folder import Folder
from wharfinger.audit.notes import Signed

_SECONDS = 10.0


class Copies:
    """One place for checkpoints."""

    def __init__(self, audit: Path, place: str) -> None:
        self.name = f"checkpoints: {_shown(place)}"
        self._folder = Folder.open(audit)
        self._last: Signed | None = None
        self._put, self.close = _opened(place)

    def deliver(self) -> int | None:
        """Copy the newest checkpoint, if there is a newer one."""
        newest = checkpoints.last(self._folder)
        if newest is None or newest == self._last:
            return None
        self._put(newest.note())
        self._last = newest
        return newest.checkpoint.size


def _shown(place: str) -> str:
    """A place as it may be told: of a URL neither path nor query, which may be secret."""
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else place


def _opened(place: str) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    if place == "stdout":
        return _print, _nothing
    if place.startswith("file:"):
        path = Path(place.removeprefix("file:"))
        return lambda note: _append(path, note), _nothing
    client = httpx2.Client(trust_env=False, follow_redirects=False, timeout=_SECONDS)
    return lambda note: _post(client, place, note), client.close


def _nothing() -> None:
    """There is nothing to let go of."""


def _print(note: bytes) -> None:
    sys.stdout.buffer.write(note + b"\n")
    sys.stdout.buffer.flush()


def _append(path: Path, note: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o644)
    try:
        whole = note + b"\n"
        if os.write(fd, whole) != len(whole):
            raise OSError(f"'{path}' took only part of a checkpoint")
        os.fsync(fd)
    finally:
        os.close(fd)


def _post(client: httpx2.Client, url: str, note: bytes) -> None:
    answer = client.post(url, content=note, headers={"content-type": "text/plain; charset=utf-8"})
    if not answer.is_success:
        raise OSError(f"it answers {answer.status_code}")
