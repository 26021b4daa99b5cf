"""How a run and the proxy get together: one message each way on a socket, which the run then keeps open.

A sandbox listens on the loopback of its own network namespace, and hands the listening socket itself over:
the proxy accepts in there. So who connects is told by the socket, no byte takes a detour, and no process
of another namespace can come in by that door. The connection is the run's life: when it ends, by whatever
death, so do the run, its token and its door.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wharfinger.faults import Fault

SOCKET = "doors.sock"
"""Name of the socket in the data folder."""
LIMIT = 4096
"""Bytes of one message."""
_LONGEST = 100
_CREDENTIALS = struct.Struct("3i")
_SO_NETNS_COOKIE = 71
"""Tells network namespaces apart (asm-generic/socket.h); the socket module does not name it."""


class NotAttached(Fault):
    """A run and the proxy did not get together."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a run says first."""

    run: str
    agent: str
    token: str = field(repr=False)

    def as_bytes(self) -> bytes:
        """As it is sent."""
        return json.dumps({"run": self.run, "agent": self.agent, "token": self.token}).encode()

    @classmethod
    def read(cls, text: bytes) -> Hello | None:
        """What was sent, None for anything that is not one."""
        try:
            found: Any = json.loads(text)
            values = [found[name] for name in ("run", "agent", "token")]
        except (ValueError, TypeError, KeyError):
            return None
        return cls(*values) if all(isinstance(value, str) for value in values) else None


@contextlib.contextmanager
def address(data: Path) -> Iterator[str]:
    """The address of the socket of the data folder, good inside of the `with` (see `control.address`)."""
    path = str(data / SOCKET)
    if len(os.fsencode(path)) <= _LONGEST:
        yield path
        return
    handle = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def peer(connection: socket.socket) -> tuple[int, int]:
    """Process and user at the other end (SO_PEERCRED, unix(7))."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process, user, _ = _CREDENTIALS.unpack(found)
    return process, user


def attach(data: Path, hello: Hello, listening: socket.socket | None) -> socket.socket:
    """Tell the proxy that the run lives, and hand it the sandbox's listening socket, if there is one.

    Gives the connection to keep open for as long as the run lasts. Raises `NotAttached`.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.settimeout(10)
        with address(data) as name:
            connection.connect(name)
        if peer(connection)[1] not in {os.geteuid(), 0}:
            raise NotAttached(f'"{data / SOCKET}" is served by another user', "check the data folder")
        handles = [] if listening is None else [listening.fileno()]
        socket.send_fds(connection, [hello.as_bytes()], handles)
        answer = connection.recv(LIMIT)
    except OSError as error:
        connection.close()
        raise NotAttached(
            f"the proxy does not take the run: {(error.strerror or 'no answer').lower()}"
        ) from error
    except BaseException:
        connection.close()
        raise
    if answer != b"ok":
        connection.close()
        raise NotAttached(f"the proxy does not take the run: {answer.decode(errors='replace') or 'it left'}")
    return connection


def is_elsewhere(listening: socket.socket) -> bool:
    """Whether this socket accepts connections in a network namespace that is not this process's.

    Asked of the kernel (Linux 5.14 and later know it), not of whoever hands the socket over.
    """
    tcp = (listening.family, listening.type) == (socket.AF_INET, socket.SOCK_STREAM)
    if not tcp or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    with socket.socket() as own:
        return _namespace(listening) != _namespace(own)


def _namespace(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
