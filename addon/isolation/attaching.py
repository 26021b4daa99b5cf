"""How a run and the proxy get together: one message each way on a socket, which the run then keeps open.

A sandbox listens on the loopback of its own network namespace, and hands the listening socket itself over:
the proxy accepts in there. So who connects is told by the socket, no byte takes a detour, and no process
of another namespace can come in by that door. The connection is the run's life: when it ends, by whatever
death, so do the run, its token and its door.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wharfinger.faults import Fault
from wharfinger.keeping.sockets import address, peer_is_ours

SOCKET = "doors.sock"
"""Name of the socket in the data folder."""
LIMIT = 4096
"""Bytes of one message."""
PROXY, API, TRANSPARENT, NAMES = "proxy", "api", "transparent", "names"
"""What a socket that is handed over is: where the proxy is spoken to, a door to an API, where connections end
that were meant for anywhere, and where names are asked for."""
ENTRANCES = 64
"""Sockets of one run."""
_SO_NETNS_COOKIE = 71
"""Tells network namespaces apart (asm-generic/socket.h); the socket module does not name it."""

_NONE: Mapping[socket.socket, str] = MappingProxyType({})


class NotAttached(Fault):
    """A run and the proxy did not get together."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a run says first."""

    run: str
    agent: str
    token: str = field(repr=False)
    entrances: tuple[str, ...] = (PROXY,)
    """What the sockets that come with it are, in their order."""

    def as_bytes(self) -> bytes:
        """As it is sent."""
        return json.dumps(
            {"run": self.run, "agent": self.agent, "token": self.token, "entrances": self.entrances}
        ).encode()

    @classmethod
    def read(cls, text: bytes) -> Hello | None:
        """What was sent, None for anything that is not one."""
        try:
            found: Any = json.loads(text)
            hello = cls(found["run"], found["agent"], found["token"], tuple(found["entrances"]))
        except (ValueError, TypeError, KeyError):
            return None
        texts = (hello.run, hello.agent, hello.token, *hello.entrances)
        return hello if all(isinstance(text, str) for text in texts) else None


def attach(
    data: Path, hello: Hello, listening: socket.socket | None, more: Mapping[socket.socket, str] = _NONE
) -> socket.socket:
    """Tell the proxy that the run lives, and hand it the sandbox's listening socket, if there is one.

    `more` are others of the same sandbox, and what each is. Gives the connection to keep open for as long as
    the run lasts. Raises `NotAttached`.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.settimeout(10)
        with address(data, SOCKET) as name:
            connection.connect(name)
        if not peer_is_ours(connection):
            raise NotAttached(f'"{data / SOCKET}" is served by another user', "check the data folder")
        given = {} if listening is None else {listening: PROXY, **more}
        told = replace(hello, entrances=tuple(given.values()))
        socket.send_fds(connection, [told.as_bytes()], [sock.fileno() for sock in given])
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


def is_elsewhere(sock: socket.socket, entrance: str = PROXY) -> bool:
    """Whether this is a socket for that entrance, of a network namespace that is not this process's.

    Asked of the kernel (Linux 5.14 and later know it), not of whoever hands the socket over.
    """
    kind = socket.SOCK_DGRAM if entrance == NAMES else socket.SOCK_STREAM
    if (sock.family, sock.type) != (socket.AF_INET, kind):
        return False
    if kind == socket.SOCK_STREAM and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    with socket.socket() as own:
        return _namespace(sock) != _namespace(own)


def _namespace(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
