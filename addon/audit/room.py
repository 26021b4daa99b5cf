"""Room on the disk, taken before it is needed: so that a full disk is noticed before a write fails on it.

A file of the log always has blocks allocated behind its end. When no more can be had, nothing has been torn:
requests are refused, while what is left holds the ends of those under way and what people command. When there
is room again the log goes on, without a gap. Where the file system cannot allocate ahead, a full disk is an
error of a write, and final.
"""

from __future__ import annotations

import ctypes
import errno
import os

AHEAD = 4 * 1024 * 1024
"""Bytes allocated behind what is needed."""
LOW = 2 * 1024 * 1024
"""Fewer than these are added to: what is left for control events when no more can be had."""
_KEEP_SIZE = 1
_FULL = {errno.ENOSPC, errno.EDQUOT}

_libc = ctypes.CDLL(None, use_errno=True)


def allocate(fd: int, offset: int, length: int) -> None:
    """fallocate(2) with FALLOC_FL_KEEP_SIZE; raises OSError."""
    done = _libc.fallocate(ctypes.c_int(fd), _KEEP_SIZE, ctypes.c_int64(offset), ctypes.c_int64(length))
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def lacks_room(error: OSError) -> bool:
    """Whether an error says that the disk is full, rather than that it cannot be asked."""
    return error.errno in _FULL
