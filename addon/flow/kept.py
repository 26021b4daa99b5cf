"""Upstream connections that outlive the agent's connection they were opened for, until the next like it.

An agent that makes a connection for each request would have its upstream dialled, and a TLS handshake made,
for each of them. What is kept serves its own route again and no other: the same agent, credentials, place,
client certificate and generation of the configuration. It is kept for a short time, while nothing is under
way on it, and given away only if nothing has come on it since: what an upstream says unasked is nobody's
answer.
"""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands
from OpenSSL import SSL

if TYPE_CHECKING:
    from wharfinger.flow.sessions import Route

IDLE = 15.0
"""Seconds for which a connection is kept."""
MOST = 64
"""Connections kept, of all agents together."""
PER_ROUTE = 8
"""Connections kept of one route."""


@dataclass(frozen=True, slots=True, eq=False)
class Spare:
    """An open connection on which nothing is under way."""

    route: Route
    server: Server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tls: SSL.Connection | None

    def is_quiet(self) -> bool:
        """Whether it is open, and nothing has come on it that nobody has read."""
        reader, transport = self.reader, self.writer.transport
        unread = bool(reader._buffer)  # type: ignore[attr-defined] # there is no public look that does not read
        broken = unread or reader.at_eof() or reader.exception() is not None or transport.is_closing()
        return not broken and transport.get_write_buffer_size() == 0

    def as_new(self) -> Server:
        """The connection as another agent connection's own."""
        server = copy.copy(self.server)
        server.id, server.state, server.timestamp_end = str(uuid.uuid4()), ConnectionState.OPEN, None
        return server


class Part(commands.ConnectionCommand):
    """The agent has left a connection on which nothing is under way: keep it, if nothing comes on it."""

    def __init__(self, connection: Server, route: Route, tls: SSL.Connection | None) -> None:
        super().__init__(connection)
        self.route, self.tls = route, tls


class Adopt(commands.ConnectionCommand):
    """Go on with a connection that was kept."""

    def __init__(self, connection: Server, spare: Spare) -> None:
        super().__init__(connection)
        self.spare = spare


class Kept:
    """The connections that are kept. Of one event loop; used from there only."""

    def __init__(self, idle: float = IDLE) -> None:
        """`idle`: seconds for which each is kept."""
        self._idle = idle
        self._timers: dict[Spare, asyncio.TimerHandle] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._timers)

    def put(self, spare: Spare) -> None:
        """Keep a connection, or close it."""
        if self._closed or not spare.is_quiet():
            spare.writer.close()
            return
        self._timers[spare] = asyncio.get_running_loop().call_later(self._idle, self._drop, spare)
        own = [one for one in self._timers if one.route == spare.route]
        if len(own) > PER_ROUTE:
            self._drop(own[0])
        while len(self._timers) > MOST:
            most = Counter(one.route.agent_id for one in self._timers).most_common(1)[0][0]
            self._drop(next(one for one in self._timers if one.route.agent_id == most))

    def take(self, route: Route) -> Spare | None:
        """The connection of this very route that was used last, if there is one; it is the caller's then."""
        for spare in reversed([one for one in self._timers if one.route == route]):
            if spare.is_quiet():
                self._timers.pop(spare).cancel()
                return spare
            self._drop(spare)
        return None

    def close(self) -> None:
        """Close all, and keep none from now on."""
        self._closed = True
        for spare in tuple(self._timers):
            self._drop(spare)

    def _drop(self, spare: Spare) -> None:
        self._timers.pop(spare).cancel()
        spare.writer.close()
