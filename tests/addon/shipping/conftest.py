from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from wharfinger.audit.book import Book
from wharfinger.audit.event import Outcome
from wharfinger.audit.events import outcome
from wharfinger.clock import SystemClock


class Receiver:
    """An HTTP server that keeps what it is sent, and answers as told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        """For the next requests; 200 after them."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                answer = receiver.answers.pop(0) if receiver.answers else 200
                if answer == 200:
                    receiver.bodies.append(body)
                    receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(answer)
                if answer == 307:
                    self.send_header("location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in?key=hidden"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Callable[[int], Book]]:
    """A book, with as many events more as asked for."""
    opened = Book.open(
        tmp_path / "audit",
        hmac_key=b"k" * 32,
        signing_key=b"s" * 32,
        clock=SystemClock(),
        segment_bytes=20_000,
    )

    def write(count: int) -> Book:
        for number in range(count):
            opened.record(outcome(f"d_{number}", None, Outcome.COMPLETED))
        return opened

    yield write
    opened.close()
