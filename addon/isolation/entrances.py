"""The entrances of a sandbox besides the proxy's own: opened in its network namespace from without.

The sandbox has handed a listening socket out; its network namespace is found by that socket, and entered as
whoever made it. So nothing in the sandbox needs a capability, and it can hold none back.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wharfinger.isolation import attaching, entering
from wharfinger.isolation.view import CannotIsolate

_SECONDS = 10.0
_SIOCGSKNS = 0x894C
"""Gives the network namespace of a socket (linux/sockios.h)."""
_NS_GET_USERNS = 0xB701
"""Gives the user namespace that a namespace belongs to (ioctl_nsfs(2))."""


@dataclass(frozen=True, slots=True)
class Entrances:
    """What a sandbox is to have besides the door of the proxy."""

    ports: tuple[int, ...] = ()
    """Of doors to APIs, on its loopback."""
    anywhere: bool = False
    """Whether what it connects to, wherever that is, ends at the proxy."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What each of them is, in the order they are opened in."""
        found = [attaching.API] * len(self.ports)
        if self.anywhere:
            found += [attaching.TRANSPARENT] * len(entering.WEB) + [attaching.NAMES]
        return tuple(found)


@contextlib.contextmanager
def opened(listening: socket.socket, wanted: Entrances) -> Iterator[Mapping[socket.socket, str]]:
    """The sockets, in the namespace of `listening`, and what each is. Raises `CannotIsolate`."""
    kinds = wanted.kinds
    with contextlib.ExitStack() as undo:
        found = [] if not kinds else [socket.socket(fileno=one) for one in _made(listening, wanted)]
        for sock in found:
            undo.callback(sock.close)
        if len(found) != len(kinds):
            raise CannotIsolate(
                "the sandbox's doors cannot be opened (see above)",
                f"no door may have the port of the proxy's in there, {listening.getsockname()[1]}",
            )
        yield dict(zip(found, kinds, strict=True))


def _made(listening: socket.socket, wanted: Entrances) -> list[int]:
    try:
        namespace = fcntl.ioctl(listening, _SIOCGSKNS)
    except OSError as error:
        raise CannotIsolate(f"the sandbox's network cannot be entered: {error.strerror}") from None
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, namespace)
        owner = fcntl.ioctl(namespace, _NS_GET_USERNS)
        undo.callback(os.close, owner)
        ours, theirs = socket.socketpair()
        undo.callback(ours.close)
        ours.settimeout(_SECONDS)
        ports = ",".join(map(str, wanted.ports))
        command = [
            sys.executable, "-I", "-S", entering.__file__, str(theirs.fileno()), str(namespace), str(owner),
            ports, "any" if wanted.anywhere else "",
        ]  # fmt: skip
        with theirs:
            process = subprocess.Popen(
                command, pass_fds=(theirs.fileno(), namespace, owner), env={}, stdin=subprocess.DEVNULL
            )
        undo.callback(process.wait)
        undo.callback(process.kill)
        try:
            _, handles, _, _ = socket.recv_fds(ours, 16, attaching.ENTRANCES)
        except TimeoutError:
            handles = []
        return handles
