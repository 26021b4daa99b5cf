"""Requests to a proxy whose book something is done to, and whether that book has all that went out."""

from __future__ import annotations

import socket
from pathlib import Path

from ground import Ground, status_of

SECONDS = 10.0


def send(ground: Ground, name: str) -> int:
    """One request; its status, 0 where there was none."""
    try:
        with socket.create_connection(ground.address, SECONDS) as stream:
            stream.settimeout(SECONDS)
            stream.sendall(ground.request(name))
            return status_of(stream)
    except OSError:
        return 0


def unlogged(ground: Ground, book: Path | None = None, since: str = "") -> str:
    """Requests that the origin saw, of those named like this, and no file of the book tells of."""
    files = [path for path in sorted((book or ground.book).rglob("*.jsonl*")) if path.is_file()]
    told = b"".join(path.read_bytes() for path in files)
    seen = [name for name in ground.received() if name.startswith(since)]
    missing = [name for name in seen if f'"/{name}"'.encode() not in told]
    return f"sent, and in no book: {missing}" if missing else ""
