"""Unix sockets in the data folder: their address, and who is at the other end.

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

_LONGEST = 100
_CREDENTIALS = struct.Struct("3i")


@contextlib.contextmanager
def address(data: Path, name: str) -> Iterator[str]:
    """The address of the socket `name` in the data folder, good inside of the `with`."""
    path = str(data / name)
    if len(os.fsencode(path)) <= _LONGEST:
        yield path
        return
    handle = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)


def peer_is_ours(connection: socket.socket) -> bool:
    """Whether the process at the other end runs as our user or as root (SO_PEERCRED, unix(7))."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(found)
    return user in {os.geteuid(), 0}
