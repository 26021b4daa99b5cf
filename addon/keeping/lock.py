"""The lock of a data folder: whoever holds it is the only writer of its book and store (DESIGN 4)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from wharfinger.faults import Fault

LOCK_FILE = "lock"
_TRIES = 5
_BETWEEN = 0.02
"""Seconds between two tries: whoever asks who holds it (`holder`) holds it for a moment."""


class LockHeld(Fault):
    """Another process holds the data folder; `pid` is its process id, if it could be read."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        """Name the folder and who holds it."""
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f'{who} is using the data folder "{folder}"',
            "ask that proxy (most commands do by themselves), or end it with: wharfinger stop",
        )
        self.pid = pid


class Lock:
    """An exclusive flock(2) on `lock` in the data folder; the kernel drops it when the process ends.

    The file stays when the lock is released: removing it would let two processes hold two locks.
    """

    def __init__(self, handle: int) -> None:
        """Take over the locked file `handle`; use `acquire`."""
        self._handle: int | None = handle

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Lock the data folder; raises `LockHeld`, nearly at once, if another process (or caller) has it."""
        path, pid = folder / LOCK_FILE, None
        for _ in range(_TRIES):
            handle = _open(path)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(handle, path):
                    os.ftruncate(handle, 0)
                    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
                    return cls(handle)
            except BlockingIOError:
                pid = _pid(handle)
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)  # of another process, or somebody replaced the file between open and flock
            time.sleep(_BETWEEN)
        raise LockHeld(folder, pid)

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holder(folder: Path) -> int | None:
    """The process that holds the data folder's lock, or None if nobody does (0 if it cannot be told who)."""
    path = folder / LOCK_FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(handle) or 0
    finally:
        os.close(handle)
    return None


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise Fault(f'the lock "{path}" cannot be opened: {reason}', "check the data folder") from error


def _is_at(handle: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.lstat())
    return False


def _pid(handle: int) -> int | None:
    text = os.pread(handle, 20, 0).strip()
    return int(text) if text.isdigit() else None
