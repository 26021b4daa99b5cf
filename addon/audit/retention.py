"""Files of the log that are older than events are kept: removed whole, their leaf hashes kept.

Rules: only finished files, only the oldest, only once a checkpoint covers them; the hashes are durable, and
read back, before a file goes. So the root stays what it was, and every proof can still be made.
"""

from __future__ import annotations

import itertools
import os
from datetime import datetime

from wharfinger.audit import checkpoints, leaves
from wharfinger.audit.chain import LINE_LIMIT, Broken, Walk, leaf_of
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder, System, segment_name
from wharfinger.audit.leaves import Removed
from wharfinger.audit.salts import destroy

_HINT = "nothing was removed: run `wharfinger audit verify`"


def expired(folder: Folder, before: datetime, covered: int) -> list[int]:
    """Numbers of the files that may go, oldest first: ended before that instant, and `covered` events signed.

    A file ended when the next one began.
    """
    found: list[int] = []
    numbers = folder.segments()
    for number, following in itertools.pairwise(numbers):
        header = _header(folder, following)
        ended = datetime.fromisoformat(str(header["time"]))
        if ended >= before or int(str(header["seq"])) > covered:
            break
        found.append(number)
    return found


def remove(folder: Folder, number: int, system: System) -> Removed:
    """Remove one file, keeping its leaf hashes. Raises `BookDamaged` where it is not as it was written."""
    try:
        removed = _leaves(folder, number)
    except Broken as broken:
        raise BookDamaged(f"'{folder.path / segment_name(number)}': {broken}", _HINT) from None
    _keep(folder, leaves.leaves_name(number), removed.stored(), system)
    if leaves.removed(folder, number) != removed:
        raise BookDamaged(
            f"'{folder.path / leaves.leaves_name(number)}' does not read back as it was written"
        )
    kept, wrong = checkpoints.stored(folder, number)
    if kept and not wrong:
        _keep(folder, checkpoints.checkpoints_name(number), kept[-1].signed.note() + b"\n", system)
    destroy(folder, number, system)
    os.unlink(segment_name(number), dir_fd=folder.fd)
    system.fsync(folder.fd)
    return removed


def _keep(folder: Folder, name: str, content: bytes, system: System) -> None:
    """Write a file whole, or not at all."""
    part = f"{name}.part"
    fd = folder.open_file(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, system)
    try:
        system.write_all(fd, content)
        system.fsync(fd)
    finally:
        os.close(fd)
    os.rename(part, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
    system.fsync(folder.fd)


def _header(folder: Folder, number: int) -> dict[str, object]:
    fd = folder.open_file(segment_name(number), os.O_RDONLY)
    try:
        data = os.pread(fd, LINE_LIMIT, 0)
    finally:
        os.close(fd)
    return Walk().step(data.partition(b"\n")[0], number, True)


def _leaves(folder: Folder, number: int) -> Removed:
    """The leaf hashes of a file, each line checked on the way."""
    fd = folder.open_file(segment_name(number), os.O_RDONLY)
    walk, first = Walk(), 0
    hashes: list[bytes] = []
    with os.fdopen(fd, "rb", buffering=1024 * 1024) as file:
        for stored in file:
            line = stored.removesuffix(b"\n")
            members = walk.step(line, number, not hashes)
            first = members["seq"] if not hashes else first
            hashes.append(leaf_of(line))
    return Removed(str(walk.log), number, first, tuple(hashes))
