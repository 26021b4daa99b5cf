"""TLS as mitmproxy has it, in fewer records and without an exception for each read that finds nothing.

All plaintext of one event for one connection leaves as one piece (a response's head, its first bytes and
its last chunk are one record, not three), in the same synchronous step. Reading and writing go to
OpenSSL directly: pyOpenSSL's calls end every read with an exception and take a new 64 KiB buffer for it.

Overrides internals of mitmproxy 12.3.1 (`TLSLayer.receive_data`, `TunnelLayer.event_to_child`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from logging import WARNING
from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

_lib: Any = SSL._lib  # type: ignore[attr-defined] # pyOpenSSL has no call that says "nothing yet" without raising
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]
_SIZE = 64 * 1024
_BUFFER = _ffi.new("char[]", _SIZE)
"""Between OpenSSL and the next line of Python; the event loop's thread alone uses it."""


def _decrypted(connection: Any) -> tuple[bytes, int]:
    """Everything that can be read now, and OpenSSL's word (`SSL_ERROR_…`) for why there is no more."""
    parts: list[bytes] = []
    while (count := _lib.SSL_read(connection._ssl, _BUFFER, _SIZE)) > 0:
        parts.append(_ffi.buffer(_BUFFER, count)[:])
    why = _lib.SSL_get_error(connection._ssl, count)
    return parts[0] if len(parts) == 1 else b"".join(parts), why


def _encrypted(connection: Any) -> Iterator[bytes]:
    """What OpenSSL has ready for the socket."""
    count = _SIZE
    while count == _SIZE and (count := _lib.BIO_read(connection._from_ssl, _BUFFER, _SIZE)) > 0:
        yield _ffi.buffer(_BUFFER, count)[:]


def _write(connection: Any, data: bytes) -> None:
    """Encrypt `data`, record by record. What the peer will not read any more is dropped."""
    source, done = _ffi.from_buffer(data), 0
    while done < len(data):
        count = _lib.SSL_write(connection._ssl, source + done, len(data) - done)
        if count <= 0:
            _lib.ERR_clear_error()
            return
        done += count


class _Gathered(tls.TLSLayer):
    reentered = False
    """Whether what the child asks for may make it speak again before it has spoken to the end."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Process `event`; once the tunnel is open nothing here waits for a reply, so nothing pauses."""
        if self._paused is not None or self.tunnel_state is not TunnelState.OPEN:
            return super().handle_event(event)
        if not isinstance(event, events.ConnectionEvent) or event.connection is not self.conn:
            return self.event_to_child(event)
        if isinstance(event, events.DataReceived):
            return self.receive_data(event.data)
        return super().handle_event(event)

    def event_to_child(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Pass `event` on, and send what the child says to it as one piece."""
        if self.tunnel_state is not TunnelState.OPEN:
            yield from super().event_to_child(event)
            return
        plain: list[bytes] = []
        for command in self.child_layer.handle_event(event):
            if not isinstance(command, commands.ConnectionCommand) or command.connection is not self.conn:
                if plain and self.reentered:
                    yield from self.send_data(b"".join(plain))
                    plain.clear()
                yield command
            elif isinstance(command, commands.SendData):
                plain.append(command.data)
            else:
                if plain:
                    yield from self.send_data(b"".join(plain))
                    plain.clear()
                yield from self._handle_command(command)
        if plain:
            yield from self.send_data(plain[0] if len(plain) == 1 else b"".join(plain))

    def tls_interact(self) -> layer.CommandGenerator[None]:
        """Send what OpenSSL has ready."""
        for data in _encrypted(self.tls):
            yield commands.SendData(self.conn, data)

    def send_data(self, data: bytes) -> layer.CommandGenerator[None]:
        """Encrypt `data` and send it; what cannot be sent any more is dropped."""
        _write(self.tls, data)
        yield from self.tls_interact()

    def receive_data(self, data: bytes) -> layer.CommandGenerator[None]:
        """Decrypt what has come, and pass it on."""
        if data and _lib.BIO_write(self.tls._into_ssl, _ffi.from_buffer(data), len(data)) != len(data):
            raise MemoryError("there is no room for what the peer sent")
        plaintext, why = _decrypted(self.tls)
        if why not in {_lib.SSL_ERROR_WANT_READ, _lib.SSL_ERROR_ZERO_RETURN}:
            _lib.ERR_clear_error()
            yield commands.Log("the TLS connection is broken", WARNING)
        yield from self.tls_interact()  # after reading, which may have advanced the state machine
        if plaintext:
            yield from self.event_to_child(events.DataReceived(self.conn, plaintext))
        if why == _lib.SSL_ERROR_ZERO_RETURN:
            self.conn.state &= ~ConnectionState.CAN_READ
            yield from self.event_to_child(events.ConnectionClosed(self.conn))


class AgentTls(_Gathered, tls.ClientTLSLayer):
    """TLS towards the agent, who may fail at it as often as it likes: that is no line each on the terminal.

    What fails is counted, and told in events that count: see `tunnel`.
    """

    def start_tls(self) -> layer.CommandGenerator[None]:
        """As mitmproxy has it, without a word."""
        yield from _silently(super().start_tls())

    def on_handshake_error(self, err: str) -> layer.CommandGenerator[None]:
        """The same."""
        yield from _silently(super().on_handshake_error(err))


def _silently(told: layer.CommandGenerator[None]) -> layer.CommandGenerator[None]:
    """The commands, but for those to log."""
    reply: Any = None
    with contextlib.suppress(StopIteration):
        while True:
            command = told.send(reply)
            reply = None if isinstance(command, commands.Log) else (yield command)


class UpstreamTls(_Gathered, tls.ServerTLSLayer):
    """TLS towards the upstream, below the HTTP layer: a request may leave while a response is passed up."""

    reentered = True

    def adopt(self, shaken: SSL.Connection) -> None:
        """Go on with a connection whose handshake is done."""
        self.tls, self.tunnel_state = shaken, TunnelState.OPEN
