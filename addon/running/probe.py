"""Ask the proxy for what nothing allows, as an agent would: through its listener, a tunnel and TLS.

By hand rather than with an HTTP client: whatever such a client might do by itself (follow, try again, take
another way because of the environment) must not come between the question and the answer.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from wharfinger.rules.types import Code

HOST: Final = "self-test.wharfinger.invalid"
"""A name that no server has (RFC 6761)."""
_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read."""


async def refusal(sock: socket.socket, name: str, token: str, trusted: Path) -> str:
    """What is amiss with the answer to a forbidden request, in one plain line; empty where nothing is.

    `sock` is connected to the proxy and is closed; `trusted` is the file of the proxy's own authority.
    Raises `OSError` where the proxy gives no answer at all.
    """
    async with _streams(sock) as (reader, writer):
        login = base64.b64encode(f"{name}:{token}".encode()).decode()
        authority = f"{HOST}:443"
        writer.write(
            f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
            f"Proxy-Authorization: Basic {login}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            return f"a tunnel was answered {_status(head)}"
        await writer.start_tls(ssl.create_default_context(cafile=str(trusted)), server_hostname=HOST)
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        return _judged(await _all(reader))


def target(address: tuple[str, int]) -> tuple[str, int]:
    """Where a listener on `address` is reached from this machine."""
    host, port = address
    ip = ipaddress.ip_address(host)
    if ip.is_unspecified:
        return ("127.0.0.1" if ip.version == 4 else "::1"), port
    return host, port


def _judged(answer: bytes) -> str:
    """What is amiss with `answer`: it must be a refusal by decision, in our words."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 403 "):
        return f"a forbidden request was answered {_status(head)}"
    if b"\r\nwharfinger-decision: d_" not in head.lower():
        return "a forbidden request was refused without a decision"
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return "a forbidden request was not refused in the words of this proxy"
    return "" if code == Code.DENIED else f"a forbidden request was refused with {code!r}"


def _status(head: bytes) -> str:
    line = head.partition(b"\r\n")[0].decode("latin-1")
    return repr(line[:60]) if line else "by nothing"


async def _all(reader: asyncio.StreamReader) -> bytes:
    answer = bytearray()
    while len(answer) < _ANSWER and (data := await reader.read(_ANSWER)):
        answer += data
    return bytes(answer)


@contextlib.asynccontextmanager
async def _streams(sock: socket.socket) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        reader, writer = await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
