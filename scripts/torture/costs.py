"""What one unit of each attack costs the proxy, in processor time of its event loop.

    python scripts/torture/costs.py [UNITS]     # 50 of each unless told otherwise

A unit is a connection, a request or a byte, as said in each line; they are sent one after the other, with
nothing else going on. Processor time does not depend on what else the machine does (but for its caches), so
this can be measured where `neighbours.py` cannot. A thousand milliseconds in a second are all there is: what
times its rate comes near that is an attack that makes others wait.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable

from attacks import BODY, BOMB, Target, leaf_names
from ground import HOST, described, laid, tell
from neighbours import prepared, worked

SETTLE = 0.3
"""Seconds after which all that was asked for has been done."""


def exchange(stream: socket.socket, data: bytes) -> None:
    """Send a request, and read the beginning of its answer."""
    stream.sendall(data)
    with contextlib.suppress(TimeoutError):
        stream.recv(65536)


def each_on_its_own(target: Target, units: int, data: bytes) -> None:
    """A connection for each."""
    for _ in range(units):
        with target.connection() as stream, contextlib.suppress(OSError):
            exchange(stream, data)


def all_on_one(target: Target, units: int, data: bytes) -> None:
    """One connection for all."""
    with target.connection() as stream:
        for _ in range(units):
            exchange(stream, data)


def bytes_of_a_head(target: Target, units: int, _: bytes) -> None:
    """A byte of a head at a time."""
    with target.connection() as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in target.head("GET", "slow", "X-Fill: " + "x" * units)[:units]:
            stream.send(bytes([byte]))
            time.sleep(0.005)


def bytes_of_a_body(target: Target, units: int, head: bytes) -> None:
    """A byte of a body at a time."""
    with target.connection() as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(head)
        for _ in range(units):
            stream.send(b"x")
            time.sleep(0.005)


def empty_connections(target: Target, units: int, _: bytes) -> None:
    """Open and close."""
    for _number in range(units):
        with target.connection():
            pass


def certificates(target: Target, units: int, _: bytes) -> None:
    """A tunnel to a new host, and the handshake in it."""
    for number in range(units):
        with contextlib.suppress(OSError, ssl.SSLError):
            leaf_names(target, number)


def main(units: int) -> int:
    """Measure, and tell."""
    print(described(None, f"{units} units of each, one after the other"))
    with laid() as ground:
        login = prepared(ground)
        target = Target(ground.address, login, HOST)
        body = json.dumps({"x": [["y"] * 64] * (BODY // 400)}).encode()[:BODY]
        typed = "Content-Type: application/json"
        upgrade = (
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )  # fmt: skip
        length = f"Content-Length: {len(body)}"
        packed = (typed, "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}")
        trials: dict[str, tuple[int, Callable[[Target, int, bytes], None], bytes]] = {
            "an allowed request": (units, all_on_one, target.head("GET", "allowed")),
            "a denied request": (units, all_on_one, target.head("DELETE", "denied")),
            "a byte of a slow head": (units, bytes_of_a_head, b""),
            "a byte of a slow body": (
                units, bytes_of_a_body, target.head("POST", "slow", "Content-Length: 100000"),
            ),
            "a connection": (units, empty_connections, b""),
            "a connection with a denied request": (units, each_on_its_own, target.head("DELETE", "denied")),
            "a certificate for a new host": (20, certificates, b""),
            "a WebSocket opening": (units, each_on_its_own, target.head("GET", "socket", *upgrade)),
            "a JSON body of 1 MiB": (10, all_on_one, target.head("POST", "big", typed, length) + body),
            "a bomb sent": (10, each_on_its_own, target.head("POST", "bomb", *packed) + BOMB),
            "a bomb fetched": (
                10, each_on_its_own, target.head("GET", "origin-bomb", "Accept-Encoding: gzip"),
            ),
        }  # fmt: skip
        all_on_one(target, units, target.head("GET", "warm"))
        lines = []
        for name, (count, work, data) in trials.items():
            time.sleep(SETTLE)
            before = worked(ground.pid)
            work(target, count, data)
            time.sleep(SETTLE)
            lines.append(f"{name:<36} {(worked(ground.pid) - before) * 1000 / count:7.2f} ms")
        ground.end(signal.SIGTERM)
        ground.run("audit", "verify")
    return tell((), lambda: "\n".join(lines))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
