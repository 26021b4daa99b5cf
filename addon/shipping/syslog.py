"""Events as syslog messages (RFC 5424): over TLS (RFC 5425), UDP (RFC 5426), or to a socket of this machine.

None of these says that a message arrived. Over TLS the messages of a connection that breaks are sent again,
as many as it may have swallowed; UDP may lose any.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from wharfinger.audit.reader import Record
from wharfinger.exporting.formats import FORMATS
from wharfinger.shipping.setup import Sink

_FACILITY = 13
"""Log audit."""
_NOTICE, _WARNING, _INFORMATIONAL = 5, 4, 6
_SECONDS = 10.0
_REWIND = 1000
_SEQUENCE = 2**31 - 1


def message(members: Mapping[str, Any], text: str, host: str) -> bytes:
    """One message. Its `sequenceId` is the event's number, from 1, in the range that the RFC gives it."""
    verdict, kind = members.get("verdict"), str(members["kind"])
    severity = _WARNING if verdict == "deny" else _NOTICE if kind in {"held", "notice"} else _INFORMATIONAL
    sequence = int(members["seq"]) % _SEQUENCE + 1
    head = f"<{_FACILITY * 8 + severity}>1 {members['time']} {host} wharfinger - {kind[:32]}"
    return f'{head} [meta sequenceId="{sequence}"] {text}'.encode("ascii", "backslashreplace")


class Syslog:
    """One receiver."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._format = FORMATS[sink.format]
        self._stream = sink.to.startswith("syslog+tls:")
        self.rewind = _REWIND if self._stream else 0
        self._socket: socket.socket | None = None
        self._host = _printable(socket.gethostname())

    def close(self) -> None:
        """Let go of the connection, once the other side has read to its end.

        Closing at once would reset it, for there is always something of TLS 1.3 that nobody read, and a reset
        takes from the other side what it has not read yet.
        """
        if self._socket is not None:
            if isinstance(self._socket, ssl.SSLSocket):
                with contextlib.suppress(OSError):
                    self._socket.unwrap()
            self._socket.close()
            self._socket = None

    def send(self, records: list[Record]) -> None:
        """Send each as a message."""
        try:
            if self._socket is None:
                self._socket = self._connect()
            for record in records:
                one = message(record.members, self._format.line(record), self._host)
                self._socket.sendall(b"%d %b" % (len(one), one) if self._stream else one)
        except BaseException:
            self.close()
            raise

    def _connect(self) -> socket.socket:
        if self._sink.to.startswith("unix:"):
            local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            local.settimeout(_SECONDS)
            local.connect(os.fsencode(self._sink.to.removeprefix("unix:")))
            return local
        parts = urlsplit(self._sink.to)
        host, port = parts.hostname or "", parts.port or 0
        if not self._stream:
            family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            packets = socket.socket(family, kind, number)
            packets.connect(address)
            return packets
        trust = ssl.create_default_context(cafile=self._sink.ca)
        plain = socket.create_connection((host, port), _SECONDS)
        try:
            return trust.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


def _printable(name: str) -> str:
    """A host name as the RFC wants it."""
    return "".join(character for character in name if "!" <= character <= "~")[:255] or "-"
