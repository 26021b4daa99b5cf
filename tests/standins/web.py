"""A server on this machine that answers with JSON, and can be slow, dead, or talk nonsense."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NONSENSE: dict[str, tuple[int, bytes]] = {
    "no json": (200, b"<html>sign in</html>"),
    "a list": (200, b"[]"),
    "empty": (200, b""),
    "an empty object": (200, b"{}"),
    "null": (200, b'{"data": null, "auth": null, "payload": null, "value": null}'),
    "deep": (200, b"[" * 100_000),
    "numbers": (200, b'{"data": 1, "auth": 2, "payload": 3, "value": 4, "access_token": 5}'),
    "bytes": (200, b"\xff\xfe\x00"),
    "huge": (200, b'{"data": "' + b"x" * (2 << 20) + b'"}'),
    "a redirect": (302, b'{"data": {}}'),
    "an error": (500, b'{"errors": ["something-secret-0123456789"]}'),
}
"""Answers that are none, by what is wrong with them."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body else {}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Said:
    status: int
    json: Any
    headers: tuple[tuple[str, str], ...] = ()


class Server:
    """See the module's head."""

    def __init__(self, answer: Callable[[Asked], Said], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.fault: str = ""
        """`slow` (no answer), `drip` (a byte at a time), `reset`, or a name of `NONSENSE`."""
        self.stop = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._serve(self, answer)

            do_POST = do_PUT = do_LIST = do_GET  # noqa: N815 - as the library calls them

            def log_message(self, *args: Any) -> None:
                return

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                return

        self.http = Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.scheme = "http" if tls is None else "https"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.http.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def _serve(self, handler: BaseHTTPRequestHandler, answer: Callable[[Asked], Said]) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, parts.path, query, headers, body)
        self.asked.append(asked)
        if self.fault in {"slow", "drip", "reset"}:
            self._hinder(handler)
            return
        if self.fault:
            status, content = NONSENSE[self.fault]
            said = Said(status, None, (("Location", "http://127.0.0.1:1/"),))
        else:
            said = answer(asked)
            content = b"" if said.json is None else json.dumps(said.json).encode()
        handler.send_response(said.status)
        for name, value in said.headers:
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _hinder(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        if self.fault == "drip":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            end = time.monotonic() + 60
            while not self.stop.is_set() and time.monotonic() < end:
                handler.wfile.write(b"x")
                self.stop.wait(0.05)
        elif self.fault == "slow":
            self.stop.wait(60)

    def close(self) -> None:
        self.stop.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(10)
