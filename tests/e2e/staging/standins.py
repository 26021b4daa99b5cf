"""APIs under their real names: HTTPS servers on loopback that keep a record of all that reaches them.

The record is the oracle of these tests. A connection is in it from the moment it is accepted, before TLS.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Seen:
    """One request, as it came out of TLS."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """The values of the field `name`, joined as RFC 9110 has it."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


@dataclass(frozen=True)
class Reply:
    """What is answered: a body, or chunks that are sent one by one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None

    @classmethod
    def json(cls, content: Any, status: int = 200, **headers: str) -> Self:
        return cls(status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})

    @classmethod
    def events(cls, *events: tuple[str | None, Any]) -> Self:
        """Server-sent events: names (None for none) and data."""
        parts = (
            (f"event: {name}\n" if name else "")
            + f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
            for name, data in events
        )
        return cls(200, b"", {"Content-Type": "text/event-stream"}, [part.encode() for part in parts])


type Answer = Callable[[Seen], Reply]


class StandIn:
    """One host, on a port of its own."""

    def __init__(self, host: str, context: ssl.SSLContext, answer: Answer) -> None:
        self.host, self.context, self.answer = host, context, answer
        self.connected: list[float] = []
        """When connections were accepted, in seconds since 1970."""
        self.requests: list[Seen] = []
        self.open: set[socket.socket] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        for connection in tuple(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them: what is in the record is whole
    request_queue_size = 64

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted = super().get_request()
        self.stand_in.connected.append(time.time())
        return accepted

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.stand_in.open.add(request)
        try:
            request.settimeout(60)
            with self.stand_in.context.wrap_socket(request, server_side=True) as stream:
                self.stand_in.open.add(stream)
                super().finish_request(stream, client_address)  # type: ignore[arg-type]
                self.stand_in.open.discard(stream)
        finally:
            self.stand_in.open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off: it is in the record."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        seen = Seen(self.command, self.path, tuple(self.headers.items()), self._body())
        self.server.stand_in.requests.append(seen)
        reply = self.server.stand_in.answer(seen)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks is None:
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in reply.chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing is printed: the record says more."""
