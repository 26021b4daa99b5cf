"""Answers names asked for in a namespace that is led here: all have the same address, which is nobody's.

Nothing is looked up for that: a client that knows of no proxy needs some address to connect to, and where
the connection leads is told by the name it then gives (see `ways`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
from typing import Final

from mitmproxy import dns
from mitmproxy.net.dns import classes, op_codes, response_codes, types
from wharfinger import turns
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

ADDRESS: Final = ipaddress.IPv4Address("192.0.2.1")
"""Of a network that is nowhere (RFC 5737)."""
LIFE: Final = 60
"""Seconds that an answer may be kept."""
_LARGEST: Final = 512
"""Bytes of a question (RFC 1035 section 2.3.4)."""
_NOTES: Final = 64
"""Room for what the kernel tells of the address that was asked, which is where the answer comes from."""


def answer(asked: bytes) -> bytes | None:
    """The answer to a question, None for what is none."""
    try:
        message = dns.DNSMessage.unpack(asked)
        question = message.question
        if not message.query or message.op_code != op_codes.QUERY or question is None:
            return None
        return _answered(message, question).packed
    except (struct.error, ValueError, RecursionError):
        return None


def _answered(message: dns.DNSMessage, question: dns.Question) -> dns.DNSMessage:
    """An address for what may be a host; that there is none of another kind, or no such name."""
    try:
        spelling.host(question.name.encode("idna").decode())  # which it was decoded from
    except (Refused, UnicodeError):
        return message.fail(response_codes.NXDOMAIN)
    if question.class_ == classes.IN and question.type in {types.A, types.ANY}:
        return message.succeed([dns.ResourceRecord.A(question.name, ADDRESS, ttl=LIFE)])
    return message.succeed([])


class Names:
    """Answers on one socket, which is one agent's, in that agent's turns at the event loop."""

    def __init__(self, sock: socket.socket, agent: str) -> None:
        """`sock` is closed by `close`."""
        self._sock, self._loop = sock, asyncio.get_running_loop()
        turns.serving(agent).run(self._loop.add_reader, sock, self._ready)

    def _ready(self) -> None:
        """Answer one question."""
        with contextlib.suppress(OSError):  # one that is gone, or does not take the answer
            asked, notes, _, where = self._sock.recvmsg(_LARGEST, _NOTES)
            if (said := answer(asked)) is not None:
                self._sock.sendmsg([said], notes, 0, where)

    def close(self) -> None:
        """Answer nothing more, from now on; a second time is none too many."""
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock)
        self._sock.close()
