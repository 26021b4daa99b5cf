"""Listening sockets, bound before anything else is opened on them."""

from __future__ import annotations

import socket


def bind(host: str, port: int) -> socket.socket:
    """A bound socket on `host:port` (0 takes a free port). Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted; without, the second small write
    # of a response waits some 40 ms for the client's acknowledgement of the first.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
