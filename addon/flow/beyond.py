"""Going out through another proxy: a tunnel for each upstream, asked for by CONNECT.

Names are then resolved over there, and no address is seen here. So the guard holds on names: what is an
address is judged as ever, and what is a name of an inner network goes nowhere unless `network.private` lists
it. The login stands in the head of the CONNECT alone, and no agent's request is in it.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Final

import h11
from wharfinger.secret import Secret

SECONDS: Final = 15.0
"""How long the other proxy has to open a tunnel."""
HEAD: Final = 16 << 10
"""Bytes of its answer that are read."""
_INNER: Final = (
    "localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "localdomain",
    "home.arpa",
)  # fmt: skip
"""What names of inner networks end in: RFC 6761, RFC 6762, RFC 8375, and usage."""
NEVER: Final = frozenset(
    {"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}
)
"""Names of metadata services."""


class NoTunnel(OSError):
    """The other proxy opens no tunnel."""


def is_inner(name: str) -> bool:
    """Whether a name is one of an inner network."""
    return "." not in name or any(name == end or name.endswith(f".{end}") for end in _INNER)


async def tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, login: Secret | None
) -> None:
    """Have the proxy at the other end open a tunnel. Raises `NoTunnel`, and OSError if it goes away."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD)
    fields = [("Host", authority)]
    if login is not None:
        fields.append(("Proxy-Authorization", f"Basic {_basic(login)}"))
    writer.write(connection.send(h11.Request(method="CONNECT", target=authority, headers=fields)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    try:
        async with asyncio.timeout(SECONDS):
            await writer.drain()
            answer = await _answer(connection, reader)
    except TimeoutError:
        raise NoTunnel("the upstream proxy does not answer in time") from None
    except h11.RemoteProtocolError:
        raise NoTunnel("the upstream proxy does not answer as a proxy does") from None
    if answer.status_code == 407:
        raise NoTunnel("the upstream proxy wants a login, or another one")
    if not 200 <= answer.status_code < 300:
        raise NoTunnel(f"the upstream proxy refuses the tunnel with status {answer.status_code}")
    if connection.trailing_data[0]:
        raise NoTunnel("the upstream proxy says more than was asked")


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(HEAD))
        elif isinstance(event, h11.Response):
            return event
        elif not isinstance(event, h11.InformationalResponse):
            raise NoTunnel("the upstream proxy has closed the connection")


def _basic(login: Secret) -> str:
    return base64.b64encode(login.reveal().encode()).decode("ascii")
