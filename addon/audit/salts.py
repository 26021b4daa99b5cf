"""The key for the sensitive inputs of one file of the log, and how it is destroyed.

It is made of the installation's key and a salt that lies beside the file. Without the salt nobody, not even
who holds the installation's key, can ask whether a given value was sent: the HMACs in that file say nothing
any more, and every line, hash and proof stays as it was.
"""

from __future__ import annotations

import hmac
import os
import secrets

from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder, System

SALT_BYTES = 32


def salt_name(number: int) -> str:
    """File of the salt of the log's part `number`."""
    return f"book-{number:06d}.salt"


def new() -> bytes:
    """A salt for a file that is begun."""
    return secrets.token_bytes(SALT_BYTES)


def segment_key(hmac_key: bytes, log: str, number: int, salt: bytes) -> bytes:
    """The key for the sensitive inputs in one file of one log."""
    return hmac.digest(hmac_key, b"segment\x00%b\x00%d\x00%b" % (log.encode(), number, salt), "sha256")


def read(folder: Folder, number: int) -> bytes | None:
    """The salt of file `number`; None where it was destroyed. Raises `BookDamaged` for what is none."""
    try:
        fd = folder.open_file(salt_name(number), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        salt = os.read(fd, SALT_BYTES + 1)
    finally:
        os.close(fd)
    if len(salt) != SALT_BYTES:
        raise BookDamaged(f"'{folder.path / salt_name(number)}' is not the salt of a file of the log")
    return salt


def keep(folder: Folder, number: int, salt: bytes, system: System) -> None:
    """Write the salt of a file that has no line yet; its name is synced with the file's."""
    fd = folder.open_file(salt_name(number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, system)
    try:
        system.write_all(fd, salt)
        system.fsync(fd)
    finally:
        os.close(fd)


def destroy(folder: Folder, number: int, system: System) -> bool:
    """Overwrite and remove the salt; False where it was gone already."""
    try:
        fd = folder.open_file(salt_name(number), os.O_WRONLY)
    except FileNotFoundError:
        return False
    try:
        system.pwrite(fd, bytes(SALT_BYTES), 0)
        system.fsync(fd)
    finally:
        os.close(fd)
    os.unlink(salt_name(number), dir_fd=folder.fd)
    system.fsync(folder.fd)
    return True
