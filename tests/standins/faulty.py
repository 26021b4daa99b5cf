"""A server that is asked for secrets and misbehaves, in every way that a server can.

It goes on with what it does until it is closed: whoever waits for its end waits for ever.
"""

from __future__ import annotations

import gzip
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from typing import Final

SAID: Final = b"something-secret-0123456789"
"""Stands in what is answered, and is to be told to nobody."""
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


_HERE: Final = b"@"
"""Stands for where it redirects to."""


def _whole(body: bytes, more: bytes = b"", status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + more
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


type Behaviour = tuple[bytes, bytes]
"""How it begins, and what it goes on with for ever."""

SLOW: Final[dict[str, Behaviour]] = {
    "says nothing": (b"", b""),
    "drips its head": (b"HTTP/1.1 200 OK\r\nX-A: ", b"x"),
    "drips its body": (_OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "drips chunks": (_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}
"""What takes for ever, a little at a time."""
ENDLESS: Final[dict[str, Behaviour]] = {
    "never ends": (_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "never ends its head": (_OK, b"X-A: " + b"x" * 4096 + b"\r\n"),
}
"""What goes on as fast as it is read."""
WHOLE: Final[dict[str, bytes]] = {
    "is oversized": _whole(b'{"data": "' + SAID + b"x" * (2 << 20) + b'"}'),
    "ends before its end": _OK + b'Content-Length: 1000\r\n\r\n{"access_token": "' + SAID,
    "ends in its head": _OK,
    "ends at once": b"",
    "is no HTTP": b"\x00\xff" + SAID + b"\r\n\r\n",
    "redirects": _whole(b"", b"Location: @/else\r\n", b"307 Temporary Redirect"),
    "redirects with a body": _whole(b"{}", b"Location: @/else\r\n", b"302 Found"),
    "sends a page": _whole(b"<html>" + SAID + b"</html>").replace(b"application/json", b"text/html"),
    "sends a list": _whole(b'["' + SAID + b'"]'),
    "sends nothing": _whole(b""),
    "sends an empty object": _whole(b"{}"),
    "sends nulls": _whole(b'{"data": null, "auth": null, "payload": null, "value": null, "token": null}'),
    "sends numbers": _whole(
        b'{"data": 1, "auth": 2, "payload": 3, "value": 4, "access_token": 5, "token": 6, "SecretString": 7}'
    ),
    "nests deeply": _whole(b"[" * 60_000),
    "sends no text": _whole(b"\xff\xfe\x00" + SAID),
    "sends a bomb": _whole(gzip.compress(b" " * (64 << 20), 9, mtime=0), b"Content-Encoding: gzip\r\n"),
    "refuses": _whole(SAID, status=b"401 Unauthorized"),
    "forbids": _whole(SAID, status=b"403 Forbidden"),
    "is not well": _whole(SAID, status=b"503 Service Unavailable"),
}
"""What is over at once."""
FAULTS: Final = (*SLOW, *ENDLESS, *WHOLE, "is reset")


class Faulty:
    """See the module's head; `good` is what it answers to a path while it has no fault."""

    def __init__(self, good: Callable[[str], bytes]) -> None:
        self.fault = ""
        self.elsewhere = "http://127.0.0.1:1"
        """Where it redirects to."""
        self.asked: list[str] = []
        self.stop = threading.Event()
        faulty = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    faulty._serve(self.request, good)
                except OSError:
                    return

        class Threads(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _serve(self, sock: socket.socket, good: Callable[[str], bytes]) -> None:
        path = _request(sock)
        self.asked.append(path)
        if not self.fault:
            sock.sendall(good(path))
        elif self.fault == "is reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        elif self.fault in WHOLE:
            sock.sendall(WHOLE[self.fault].replace(_HERE, self.elsewhere.encode()))
        else:
            begin, more = (SLOW | ENDLESS)[self.fault]
            sock.sendall(begin)
            while not self.stop.wait(0.01 if self.fault in SLOW else 0):
                sock.sendall(more)

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


def _request(sock: socket.socket) -> str:
    """Read one request whole; its path."""
    held = b""
    while b"\r\n\r\n" not in held:
        part = sock.recv(65536)
        if not part:
            raise OSError
        held += part
    head, _, body = held.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += sock.recv(65536)
    return head.split(b" ")[1].decode("latin-1")
