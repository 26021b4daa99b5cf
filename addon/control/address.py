"""The control socket in the file system: where it is, who is at the other end.

The name of a Unix socket has at most 107 bytes (unix(7)). A data folder may lie deeper than that, so a
long path is reached through the folder's descriptor instead.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from wharfinger.control.protocol import SOCKET

_LONGEST = 100
_CREDENTIALS = struct.Struct("3i")


@contextlib.contextmanager
def address(data: Path) -> Iterator[str]:
    """The address of the control socket of the data folder `data`, good inside of the `with`."""
    path = str(data / SOCKET)
    if len(os.fsencode(path)) <= _LONGEST:
        yield path
        return
    handle = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def peer_is_ours(connection: socket.socket) -> bool:
    """Whether the process at the other end runs as our user or as root (SO_PEERCRED, unix(7))."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(found)
    return uid in {os.geteuid(), 0}
