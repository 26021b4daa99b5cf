"""TLS layers against OpenSSL's own other end, without sockets."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from mitmproxy import options
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL
from wharfinger.flow.records import AgentTls


class Child(layer.Layer):
    """Says what it is told to, and keeps what it is given."""

    def __init__(self, ctx: context.Context) -> None:
        super().__init__(ctx)
        self.given: list[events.Event] = []
        self.says: list[commands.Command] = []

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        self.given.append(event)
        yield from self.says


class Ends:
    """Our layer, and the agent's end of the same TLS connection."""

    def __init__(self, test_ca: Any) -> None:
        client = Client(
            peername=("127.0.0.1", 1),
            sockname=("127.0.0.1", 2),
            timestamp_start=0.0,
            state=ConnectionState.OPEN,
        )
        ours, theirs = SSL.Context(SSL.TLS_SERVER_METHOD), SSL.Context(SSL.TLS_CLIENT_METHOD)
        ours.use_certificate_chain_file(str(test_ca.chain))
        ours.use_privatekey_file(str(test_ca.chain))
        ctx = context.Context(client, options.Options())
        ctx.options.add_option("proxy_debug", bool, False, "")
        Child(ctx)  # a layer around ours, which mitmproxy's looks at
        self.layer = AgentTls(ctx)
        self.child = self.layer.child_layer = Child(ctx)
        self.layer.tls = SSL.Connection(ours)
        self.layer.tls.set_accept_state()
        self.agent = SSL.Connection(theirs)
        self.agent.set_connect_state()
        self._shake_hands()
        self.layer.tunnel_state = TunnelState.OPEN

    def _shake_hands(self) -> None:
        for _ in range(4):
            for one, other in ((self.agent, self.layer.tls), (self.layer.tls, self.agent)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(65536))

    def feed(self, data: bytes) -> list[commands.Command]:
        return list(self.layer.handle_event(events.DataReceived(self.layer.conn, data)))

    def sent(self, plain: bytes) -> bytes:
        """What the agent sends for `plain`."""
        self.agent.sendall(plain)
        return self.agent.bio_read(1 << 20)

    def read(self, told: list[commands.Command]) -> bytes:
        """What the agent reads of what the layer sent."""
        for command in told:
            if isinstance(command, commands.SendData):
                self.agent.bio_write(command.data)
        out = b""
        while True:
            try:
                out += self.agent.recv(65536)
            except SSL.WantReadError:
                return out


@pytest.fixture
def ends(test_ca: Any) -> Ends:
    return Ends(test_ca)


def test_what_one_event_says_is_one_record(ends: Ends) -> None:
    ends.child.says = [commands.SendData(ends.layer.conn, part) for part in (b"head", b"body", b"end")]
    told = ends.feed(ends.sent(b"hello"))
    assert [event.data for event in ends.child.given if isinstance(event, events.DataReceived)] == [b"hello"]
    assert len([command for command in told if isinstance(command, commands.SendData)]) == 1
    assert ends.read(told) == b"headbodyend"


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 65_536, 300_000])
def test_any_amount_passes_both_ways(ends: Ends, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    ends.child.says = [commands.SendData(ends.layer.conn, data[:size])]
    told = ends.feed(ends.sent(b"x"))
    assert ends.read(told) == data[:size]
    ends.child.says, ends.child.given = [], []
    cipher = ends.sent(data[:size])
    for at in range(0, len(cipher), 10_000):
        ends.feed(cipher[at : at + 10_000])
    got = b"".join(event.data for event in ends.child.given if isinstance(event, events.DataReceived))
    assert got == data[:size]


def test_what_is_said_before_closing_is_sent_before_it(ends: Ends) -> None:
    conn = ends.layer.conn
    ends.child.says = [commands.SendData(conn, b"last words"), commands.CloseConnection(conn)]
    told = ends.feed(ends.sent(b"x"))
    kinds = [type(command) for command in told]
    assert kinds.index(commands.SendData) < kinds.index(commands.CloseConnection)
    assert ends.read(told) == b"last words"


def test_commands_for_other_connections_pass_as_they_come(ends: Ends) -> None:
    other = Client(
        peername=("127.0.0.1", 3), sockname=("127.0.0.1", 2), timestamp_start=0.0, state=ConnectionState.OPEN
    )
    told_elsewhere = commands.SendData(other, b"plain")
    ends.child.says = [commands.SendData(ends.layer.conn, b"a"), told_elsewhere]
    assert told_elsewhere in ends.feed(ends.sent(b"x"))


def test_the_peers_end_is_told_once(ends: Ends) -> None:
    ends.agent.shutdown()
    ends.feed(ends.agent.bio_read(65536))
    closed = [event for event in ends.child.given if isinstance(event, events.ConnectionClosed)]
    assert len(closed) == 1
    assert not ends.layer.conn.state & ConnectionState.CAN_READ


def test_broken_records_end_in_a_warning_and_no_data(ends: Ends) -> None:
    cipher = bytearray(ends.sent(b"hello"))
    cipher[-1] ^= 1
    told = ends.feed(bytes(cipher))
    assert any(isinstance(command, commands.Log) for command in told)
    assert not [event for event in ends.child.given if isinstance(event, events.DataReceived)]
    ends.feed(b"more")


def test_the_class_is_mitmproxys_own_for_whoever_asks() -> None:
    assert issubclass(AgentTls, tls.ClientTLSLayer)
