"""Files and folders that only their owner may read: made so, and refused if they no longer are.

Every check is made on the opened file, not on its name, and a symbolic link in the last place is
refused, so nothing can be put in between.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from wharfinger.faults import Fault


class NotPrivate(Fault):
    """A file or folder that must be its owner's alone is missing, of another kind, or open to others."""


def read(path: Path, *, limit: int) -> bytes:
    """The content of the private file `path`, of at most `limit` bytes.

    Raises `NotPrivate` if it is no regular file, is another user's, may be read or written by others,
    or is longer than `limit`; FileNotFoundError if it is not there.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotPrivate(*_cannot_open(path, error)) from error
    try:
        check(path, os.fstat(handle))
        return _read_all(handle, path, limit)
    finally:
        os.close(handle)


def check(path: Path, found: os.stat_result) -> None:
    """Raise `NotPrivate` unless `found` (of the opened `path`) is a regular file of its owner's alone."""
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivate(f'"{path}" is not a regular file', "put a regular file in its place")
    _check_owner(path, found, "chmod 600")


def create(path: Path, content: bytes) -> None:
    """Write the new private file `path` (0600) durably: afterwards it is there whole, or not at all.

    Raises FileExistsError if there is something already, which is left as it is.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write_new(part, content)
        os.link(part, path, follow_symlinks=False)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Put `content` durably in the place of the private file `path`, in one step."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write_new(part, content)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Create `path` with mode 0600, write `content` and sync it; an error leaves a part behind."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def folder(path: Path) -> Path:
    """Make the folder `path` (0700, its parents too) if it is not there, and refuse one open to others.

    Raises `NotPrivate` if it is no folder, a symbolic link, another user's, or others may look into it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except FileExistsError:
        raise NotPrivate(f'"{path}" is not a folder', "move it away, or name another folder") from None
    except OSError as error:
        raise NotPrivate(*_cannot_open(path, error)) from error
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivate(f'"{path}" is not a folder of its own', "name the folder that it points to")
    _check_owner(path, found, "chmod 700")
    return path


def sync_folder(path: Path) -> None:
    """Make what was created, renamed or removed in the folder `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # EINVAL: file systems that cannot, e.g. some network ones
            os.fsync(handle)
    finally:
        os.close(handle)


def _check_owner(path: Path, found: os.stat_result, remedy: str) -> None:
    if found.st_uid not in (os.geteuid(), 0):
        raise NotPrivate(
            f'"{path}" belongs to user {found.st_uid}, not to user {os.geteuid()} who runs this',
            f'chown {os.geteuid()} "{path}"',
        )
    if found.st_mode & 0o077:
        raise NotPrivate(
            f'"{path}" is open to other users (mode {stat.S_IMODE(found.st_mode):04o})', f'{remedy} "{path}"'
        )


def _read_all(handle: int, path: Path, limit: int) -> bytes:
    parts, left = [], limit + 1
    while left and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    if not left:
        raise NotPrivate(f'"{path}" is longer than {limit} bytes', "put the right file in its place")
    return b"".join(parts)


def _cannot_open(path: Path, error: OSError) -> tuple[str, str]:
    if path.is_symlink():
        return f'"{path}" is a symbolic link', "name the file itself, or put a regular file in its place"
    reason = (error.strerror or "unknown error").lower()
    return f'"{path}" cannot be opened: {reason}', "check its owner and its mode, and those of its folders"
