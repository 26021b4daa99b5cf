"""Listening sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest
from wharfinger.running.listening import bind


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_what_is_accepted_sends_at_once(host: str) -> None:
    """Nagle's algorithm would keep a server-sent event until the one before it is acknowledged."""
    try:
        sock = bind(host, 0)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    accepted = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=sock)
    async with server:
        _, ours = await asyncio.open_connection(*sock.getsockname()[:2])
        theirs = await accepted
        connection = theirs.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for writer in (ours, theirs):
            writer.close()
            await writer.wait_closed()


def test_a_port_that_is_taken_is_an_error() -> None:
    with bind("127.0.0.1", 0) as sock:
        sock.listen()
        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", sock.getsockname()[1])
