"""A stand-in for an API: an HTTPS server on loopback that keeps its own record of what reaches it.

The record is what the demo's claims are checked against. A connection counts from the moment it is
accepted, before any TLS: "no connection was made" means not even that.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import h11

_IDLE = 120.0
"""Seconds a connection may stay silent."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came out of TLS."""

    connection: int
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float = 0.0
    """When it had come whole, in seconds since 1970."""

    @property
    def path(self) -> str:
        """The path, without the query."""
        return urlsplit(self.target).path

    @property
    def form(self) -> Mapping[str, str]:
        """The body read as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))

    @property
    def json(self) -> Mapping[str, Any]:
        """The body read as JSON; empty if it is none."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def header(self, name: str) -> str:
        """The one value of the field `name`; empty if it is absent or there are several."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if len(values) == 1 else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stand-in answers: a status and JSON (None for an empty body)."""

    status: int
    content: Mapping[str, Any] | None

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        return b"" if self.content is None else json.dumps(self.content).encode()


@dataclass(slots=True)
class Record:
    """What a stand-in has seen; written by its threads, read by the demo."""

    connections: int = 0
    exchanges: list[tuple[Received, Answer]] = field(default_factory=list)

    def requests(self, method: str, path: str) -> list[Received]:
        """The requests of this method and path, in order."""
        return [seen for seen, _ in self.exchanges if (seen.method, seen.path) == (method, path)]

    def state(self) -> tuple[int, int]:
        """How many connections and requests there have been."""
        return self.connections, len(self.exchanges)


class StandIn:
    """Answers for `host` on a loopback port of its own, from `start` to `close`."""

    def __init__(self, host: str, context: ssl.SSLContext, answer: Callable[[Received], Answer]) -> None:
        self.host = host
        self.record = Record()
        self._context = context
        self._answer = answer
        self._open: set[ssl.SSLSocket] = set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=host, daemon=True
        )

    @property
    def address(self) -> str:
        """Where it listens: `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        with self._lock, contextlib.suppress(OSError):
            for connection in self._open:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self._server.server_close()

    def write_record(self, path: Path) -> None:
        """Write the record as JSON lines."""
        lines = [
            {
                "connection": seen.connection, "method": seen.method, "target": seen.target,
                "headers": seen.headers, "body": seen.body.decode("utf-8", "replace"),
                "status": answer.status, "answer": answer.content,
            }
            for seen, answer in self.record.exchanges
        ]  # fmt: skip
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    def accepted(self) -> int:
        """Count a connection; its number."""
        with self._lock:
            self.record.connections += 1
            return self.record.connections

    def converse(self, raw: socket.socket, number: int) -> None:
        """Serve one connection until it ends."""
        raw.settimeout(_IDLE)
        secured = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(secured)
        try:
            secured.do_handshake()
            self._exchange(secured, number)
        except (OSError, h11.RemoteProtocolError):
            pass  # the peer left, or never spoke TLS: it has been counted
        finally:
            with self._lock:
                self._open.discard(secured)
            secured.close()

    def _exchange(self, stream: ssl.SSLSocket, number: int) -> None:
        protocol = h11.Connection(h11.SERVER)
        while (seen := _read(stream, protocol, number)) is not None:
            answer = self._answer(seen)
            with self._lock:
                self.record.exchanges.append((seen, answer))
            fields = [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body)))]
            stream.sendall(protocol.send(h11.Response(status_code=answer.status, headers=fields)) or b"")
            stream.sendall(protocol.send(h11.Data(data=answer.body)) or b"")
            protocol.send(h11.EndOfMessage())
            if protocol.our_state is not h11.DONE:
                return
            protocol.start_next_cycle()


def _read(stream: ssl.SSLSocket, protocol: h11.Connection, number: int) -> Received | None:
    """The next request whole; None at the end of the connection."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(stream.recv(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
            method, target = head.method.decode(), head.target.decode("latin-1")
            return Received(number, method, target, fields, bytes(body), time.time())
        else:
            return None


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # so that closing waits for them
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stand_in: StandIn) -> None:
        self._stand_in = stand_in
        super().__init__(address, socketserver.BaseRequestHandler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Converse, in a thread of the connection's own."""
        self._stand_in.converse(request, self._stand_in.accepted())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that failed is in the record; nothing is printed over the demo."""
