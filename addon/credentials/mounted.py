"""Files that Kubernetes mounts and replaces: `token -> ..data/token`, `..data -> ..2026_01_14_12_00_00.1234`.

The kubelet writes a new folder and then swaps the link `..data` in one step (the "atomic writer" of
kubernetes/pkg/volume/util). So the links are followed here, and only these: each step is opened from the one
before and is none itself, so that nothing outside the mounted folder can be reached. Whoever may write there
could have put another value in place; hence every step must be root's or ours, and written by no others.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wharfinger.keeping.private import NotPrivate

_DATA: Final = "..data"
_TRIES: Final = 3
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_mounted(path: Path) -> bool:
    """Whether `path` is a link as Kubernetes makes them."""
    try:
        return str(path.readlink()) == f"{_DATA}/{path.name}"
    except OSError:
        return False


def read(path: Path, *, limit: int, readable: bool = False) -> bytes:
    """The content of the mounted file `path`, of at most `limit` bytes.

    Its group may read it, since a pod that is not root's reads by its group; others only if `readable`.
    Raises `NotPrivate`, and OSError where a step is not there or is a link.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(FileNotFoundError):  # the kubelet removes a version once it has the next
            return _read(path, limit, readable=readable)
    return _read(path, limit, readable=readable)


def _read(path: Path, limit: int, *, readable: bool) -> bytes:
    with _opened(path.parent, _FOLDER) as folder:
        _check_owner(path, os.stat(_DATA, dir_fd=folder, follow_symlinks=False))
        _check_owner(path, os.stat(path.name, dir_fd=folder, follow_symlinks=False))
        step = os.readlink(_DATA, dir_fd=folder)
        if "/" in step or not step.startswith("..") or step == "..":
            raise NotPrivate(f'"{path}" leads out of its folder', "mount it as Kubernetes does")
        with _opened(step, _FOLDER, folder) as version:
            _check(path, os.fstat(version), 0o022)
            with _opened(path.name, _FILE, version) as file:
                found = os.fstat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise NotPrivate(f'"{path}" is not a regular file', "put a regular file in its place")
                _check(path, found, 0o022 if readable else 0o026)
                content = os.read(file, limit + 1)
    if len(content) > limit:
        raise NotPrivate(f'"{path}" is longer than {limit} bytes', "put the right file in its place")
    return content


@contextlib.contextmanager
def _opened(path: Path | str, flags: int, folder: int | None = None) -> Iterator[int]:
    handle = os.open(path, flags, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)


def _check(path: Path, found: os.stat_result, forbidden: int) -> None:
    _check_owner(path, found)
    if found.st_mode & forbidden:
        raise NotPrivate(
            f'"{path}" is open to other users (mode {stat.S_IMODE(found.st_mode):04o})',
            "set `defaultMode: 0440` on the volume",
        )


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (os.geteuid(), 0):
        raise NotPrivate(f'"{path}" belongs to user {found.st_uid}', "mount a volume of the pod's own")
