"""Runs inside of a sandbox for `doctor`: tries to get out, and writes down what became of it.

Executed by itself, with nothing but the standard library: `trying.py TARGETS REPORT`. The report names each
way with an empty text where it led out, else with what stopped it.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

TIOCSTI = 0x5412
_PATIENCE = 2.0
_METADATA = "169.254.169.254"
_BY_UDP = {
    "UDP": ("192.0.2.1", 53),
    "QUIC": ("192.0.2.1", 443),
    "the metadata address by UDP": (_METADATA, 53),
    "DNS": ("8.8.8.8", 53),
}


class Stopped(Exception):
    """It came to nothing without an error."""


def ways(targets: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is tried: its name, and what raises where it leads nowhere."""
    for name in ("proxy", "console", "machine's loopback", "machine's loopback by IPv6"):
        if name in targets:
            host, port = targets[name]
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            yield f"a connection to the {name}", partial(_connect, family, (host, port))
    yield "TCP to the internet", lambda: _connect(socket.AF_INET, ("192.0.2.1", 443))
    yield "the metadata address", lambda: _connect(socket.AF_INET, (_METADATA, 80))
    for name, address in _BY_UDP.items():
        yield name, partial(_connect, socket.AF_INET, address, socket.SOCK_DGRAM)
    yield "IPv6", lambda: _connect(socket.AF_INET6, ("2001:db8::1", 443), socket.SOCK_DGRAM)
    yield "ICMP", _ping
    yield "ICMP by raw packets", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()
    yield "packets", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    yield "virtual machine sockets", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    yield "an abstract socket", lambda: _connect(socket.AF_UNIX, "\0" + targets["abstract"])
    for path in targets["sockets"]:
        yield f"the socket {path}", partial(_connect, socket.AF_UNIX, path)
    for path in targets["files"]:
        yield f"the file {Path(path).name}", partial(Path.read_bytes, Path(path))
    for path in targets["folders"]:
        yield f"the folder {path}", partial(_list, path)
    yield "another process", lambda: Path(f"/proc/{targets['process']}/environ").read_bytes()
    yield "a terminal's input", _push
    yield "capabilities", _capabilities
    yield "a new user namespace", _namespace


def _connect(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> None:
    with socket.socket(family, kind) as sock:
        sock.settimeout(_PATIENCE)
        sock.connect(address)


def _list(path: str) -> None:
    if not list(Path(path).iterdir()):
        raise Stopped("there is nothing in it")


def _ping() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as sock:
        sock.sendto(b"\x08\0\xf7\xff\0\0\0\0", ("192.0.2.1", 0))


def _push() -> None:
    outside, inside = os.openpty()
    try:
        fcntl.ioctl(inside, TIOCSTI, b"x")
    finally:
        os.close(outside)
        os.close(inside)


def _capabilities() -> None:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in {"CapEff", "CapPrm", "CapBnd"} and int(value, 16):
            return
    raise Stopped("there are none")


def _namespace() -> None:
    os.unshare(os.CLONE_NEWUSER)


def tried(work: Callable[[], object]) -> str:
    """What stopped it; nothing where nothing did."""
    try:
        work()
    except (OSError, Stopped) as error:
        return str(error) or type(error).__name__
    return ""


if __name__ == "__main__":
    report = {name: tried(work) for name, work in ways(json.loads(sys.argv[1]))}
    Path(sys.argv[2]).write_text(json.dumps(report))
