"""What one agent can do to make others suffer: class D of the threats, each attack until it is killed.

    python scripts/torture/attacks.py NAME TARGET     # TARGET: JSON, see `Target`

Started by `neighbours.py`. Every attack runs on connections of its own, as fast as it can or as slowly as it
is meant to, and begins anew where it is cut off.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import os
import random
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HOLD = 1.0
"""Seconds between two bytes of what is slow."""
BODY = 1 << 20
BOMB = gzip.compress(bytes(64 << 20), 9)
"""64 MiB, packed a thousandfold."""


@dataclass(frozen=True)
class Target:
    """The proxy, and who attacks it."""

    address: tuple[str, int]
    login: str
    host: str

    def head(self, method: str, name: str, *fields: str, host: str = "") -> bytes:
        """A request's head."""
        host = host or self.host
        lines = [
            f"{method} http://{host}/{name} HTTP/1.1", f"Host: {host}",
            f"Proxy-Authorization: Basic {self.login}", *fields,
        ]  # fmt: skip
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    @contextlib.contextmanager
    def connection(self, buffer: int = 0) -> Iterator[socket.socket]:
        """A connection to the proxy; `buffer` is how little it takes in."""
        with socket.socket() as stream:
            if buffer:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            stream.settimeout(30)
            stream.connect(self.address)
            yield stream


def slow_headers(target: Target, number: int) -> None:
    """A head, a byte at a time."""
    with target.connection() as stream:
        for byte in target.head("GET", f"slow-{number}", "X-Fill: " + "x" * 4000):
            stream.send(bytes([byte]))
            time.sleep(HOLD)


def slow_bodies(target: Target, number: int) -> None:
    """A body, a byte at a time."""
    with target.connection() as stream:
        stream.sendall(target.head("POST", f"slow-{number}", "Content-Length: 100000"))
        while True:
            stream.send(b"x")
            time.sleep(HOLD)


def idle_connections(target: Target, number: int) -> None:
    """Connections that say nothing, or open and close at once."""
    with target.connection() as stream:
        if number % 8:
            stream.recv(1)


def holds(target: Target, number: int) -> None:
    """Requests that a person is asked about, each another one."""
    with target.connection() as stream:
        stream.sendall(target.head("PUT", f"hold-{number}-{random.getrandbits(64):x}"))
        stream.recv(4096)


def big_bodies(target: Target, number: int) -> None:
    """Bodies of as much as rules may read, all of it JSON."""
    body = json.dumps({"x": [["y"] * 64] * (BODY // 400)}).encode()[:BODY]
    with target.connection() as stream:
        for count in itertools.count():
            fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
            stream.sendall(target.head("POST", f"big-{number}-{count}", *fields) + body)
            stream.recv(65536)


def bombs_sent(target: Target, number: int) -> None:
    """Bodies that are a thousand times as large once they are unpacked."""
    fields = ("Content-Type: application/json", "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}")
    with target.connection() as stream:
        for count in itertools.count():
            stream.sendall(target.head("POST", f"bomb-{number}-{count}", *fields) + BOMB)
            stream.recv(65536)


def bombs_fetched(target: Target, number: int) -> None:
    """Answers that are a thousand times as large once they are unpacked."""
    with target.connection() as stream:
        for _ in itertools.count():
            stream.sendall(target.head("GET", "origin-bomb", "Accept-Encoding: gzip"))
            if not stream.recv(65536):
                return


def leaf_names(target: Target, number: int) -> None:
    """A certificate for another host with each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's roots, which take long to read
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host = f"h{random.getrandbits(64):x}.names.example.com"
    with target.connection() as stream:
        login = f"Proxy-Authorization: Basic {target.login}"
        stream.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n{login}\r\n\r\n".encode())
        if b" 200 " in stream.recv(4096):
            context.wrap_socket(stream, server_hostname=host).close()


def denials(target: Target, number: int) -> None:
    """Requests that policy denies, each another one."""
    with target.connection() as stream:
        for count in itertools.count():
            stream.sendall(target.head("DELETE", f"denied-{number}-{count}"))
            if not stream.recv(65536):
                return


def upgrades(target: Target, number: int) -> None:
    """WebSocket openings, one after the other."""
    fields = (
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    with target.connection() as stream:
        stream.sendall(target.head("GET", f"socket-{number}", *fields))
        stream.recv(65536)


def slow_readers(target: Target, number: int) -> None:
    """Large answers that are taken in a byte at a time."""
    with target.connection(buffer=4096) as stream:
        stream.sendall(target.head("GET", "origin-large"))
        while stream.recv(1):
            time.sleep(HOLD)


def dns_names(target: Target, number: int) -> None:
    """Requests to names that nobody has asked for before, and that policy allows."""
    with target.connection() as stream:
        for _ in itertools.count():
            host = f"h{random.getrandbits(64):x}.names.example.com"
            stream.sendall(target.head("GET", "name", host=host))
            if not stream.recv(65536):
                return


ATTACKS: dict[str, tuple[int, Callable[[Target, int], None]]] = {
    "slow headers": (400, slow_headers),
    "slow bodies": (100, slow_bodies),
    "connections": (600, idle_connections),
    "holds": (32, holds),
    "big bodies": (4, big_bodies),
    "bombs sent": (4, bombs_sent),
    "bombs fetched": (4, bombs_fetched),
    "leaf names": (16, leaf_names),
    "denials": (16, denials),
    "WebSocket openings": (16, upgrades),
    "slow readers": (60, slow_readers),
    "DNS names": (16, dns_names),
}
"""How many at a time, and what each does again and again."""
PAUSE = 0.02
"""Seconds after which one that was cut off begins anew."""


def _again(target: Target, number: int, work: Callable[[Target, int], None]) -> None:
    while True:
        with contextlib.suppress(OSError, ssl.SSLError):
            work(target, number)
        time.sleep(PAUSE)


def main(name: str, given: str) -> None:
    """Attack until killed."""
    about = json.loads(given)
    target = Target((about["address"][0], about["address"][1]), about["login"], about["host"])
    os.nice(19)
    threading.stack_size(256 * 1024)
    at_a_time, work = ATTACKS[name]
    for number in range(at_a_time):
        threading.Thread(target=_again, args=(target, number, work), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
