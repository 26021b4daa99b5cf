"""Write files whole or not at all, and read private ones only where nobody else could have written them."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from wharfinger.certs.errors import CertificateError

PRIVATE = 0o600
PUBLIC = 0o644


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Put `data` at `path` in one step, durably: a reader sees the old file or the new one.

    Raises `CertificateError` where the folder cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise CertificateError(
            f'"{path}" cannot be written: {_why(error)}', "check the folder's owner, mode and free space"
        ) from error


def read_public(path: Path) -> bytes:
    """The bytes of a file that anybody may read. Raises `CertificateError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f'"{path}" cannot be read: {_why(error)}') from error


def read_private(path: Path) -> bytes:
    """The bytes of a file that holds a key, if only its owner, the current user, can reach it.

    Raises `CertificateError` where it is missing, a symbolic link, another's or open to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CertificateError(
            f'"{path}" cannot be read: {_why(error)}',
            "it must be a plain file of the user who runs the proxy",
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        _check_private(path, os.fstat(descriptor))
        return file.read()


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CertificateError(f'"{path}" is not a plain file')
    if status.st_uid != os.geteuid():
        raise CertificateError(*_other_owner(path, status))
    if status.st_mode & 0o077:
        raise CertificateError(
            f'"{path}" can be reached by others (mode {stat.S_IMODE(status.st_mode):04o})',
            f"chmod 600 {path}; if others may have read the key, make a new one: wharfinger ca rotate",
        )


def check_folder(folder: Path) -> None:
    """Raise `CertificateError` if anybody but the current user or root could replace files in `folder`."""
    try:
        status = folder.stat()
    except OSError as error:
        raise CertificateError(f'"{folder}" cannot be read: {_why(error)}') from error
    if status.st_uid not in {os.geteuid(), 0}:
        raise CertificateError(*_other_owner(folder, status))
    if status.st_mode & 0o022:
        raise CertificateError(
            f'"{folder}" can be written by others (mode {stat.S_IMODE(status.st_mode):04o})',
            f"chmod go-w {folder}",
        )


def make_folder(folder: Path) -> None:
    """Make sure that `folder` exists and only its owner can write it. Raises `CertificateError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CertificateError(f'"{folder}" cannot be made: {_why(error)}') from error
    check_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _other_owner(path: Path, status: os.stat_result) -> tuple[str, str]:
    ours = os.geteuid()
    return (
        f'"{path}" belongs to uid {status.st_uid}, not to uid {ours}, who runs the proxy',
        f"chown {ours} {path}",
    )


def _why(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
