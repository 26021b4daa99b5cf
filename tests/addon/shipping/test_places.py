"""Copies reach their places, each event at least once and in order, whatever the places do meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import prove, reader
from wharfinger.audit.book import Book
from wharfinger.certs.authority import Authority
from wharfinger.shipping.copies import Copies
from wharfinger.shipping.process import STATUS
from wharfinger.shipping.setup import Setup, Sink
from wharfinger.shipping.stream import Stream
from wharfinger.shipping.worker import Board, Worker

type Write = Callable[[int], Book]


def checkpointed(book: Book) -> None:
    for _ in range(400):
        if book.checkpoint is not None:
            return
        time.sleep(0.01)
    pytest.fail("there is no checkpoint")


def drained(stream: Stream) -> None:
    while stream.deliver() is not None:
        pass


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


def test_checkpoints_are_appended_to_a_file(tmp_path: Path, book: Write) -> None:
    checkpointed(book(3))
    place = Copies(tmp_path / "audit", f"file:{tmp_path}/elsewhere")
    assert place.deliver() == 4
    assert place.deliver() is None
    book(2).close()
    assert place.deliver() == 6
    notes = (tmp_path / "elsewhere").read_text().split("\n\n\u2014")
    assert len(notes) == 3
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        Copies(tmp_path / "audit", f"file:{tmp_path}/link").deliver()


def test_checkpoints_are_posted_and_refusals_are_tried_again(
    tmp_path: Path, book: Write, receiver: Any
) -> None:
    checkpointed(book(3))
    place = Copies(tmp_path / "audit", receiver.url)
    receiver.answers = [500, 307]
    for answer in (500, 307):
        with pytest.raises(OSError, match=f"answers {answer}"):
            place.deliver()
    assert place.deliver() == 4
    assert receiver.bodies == [prove.latest(tmp_path / "audit").note()]
    assert "hidden" not in place.name
    place.close()


def seqs(bodies: list[bytes]) -> list[int]:
    return [json.loads(line)["seq"] for body in bodies for line in body.splitlines()]


def test_every_event_is_posted_in_order(tmp_path: Path, state: Path, book: Write, receiver: Any) -> None:
    """Over files, over a refusal in the middle, and over a restart."""
    book(100)
    sink = Sink(receiver.url, "jsonl")
    stream = Stream(tmp_path / "audit", state, sink)
    drained(stream)
    book(1200)
    receiver.answers = [200, 503]
    stream.deliver()
    with pytest.raises(OSError, match="503"):
        stream.deliver()
    drained(stream)
    stream.close()
    book(10)
    again = Stream(tmp_path / "audit", state, sink)
    drained(again)
    again.close()
    assert seqs(receiver.bodies) == [record.seq for record in reader.records(tmp_path / "audit")]
    assert receiver.headers[0]["content-type"] == "application/x-ndjson"
    assert "authorization" not in receiver.headers[0]


def test_a_crash_before_the_cursor_is_kept_sends_twice_and_loses_none(
    tmp_path: Path, state: Path, book: Write, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wharfinger.keeping import private

    book(5)
    stream = Stream(tmp_path / "audit", state, Sink(receiver.url, "jsonl"))

    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(private, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            stream.deliver()
    stream.close()
    again = Stream(tmp_path / "audit", state, Sink(receiver.url, "jsonl"))
    drained(again)
    again.close()
    assert seqs(receiver.bodies) == [0, 1, 2, 3, 4, 5] * 2


def test_a_token_is_sent_and_read_each_time(tmp_path: Path, state: Path, book: Write, receiver: Any) -> None:
    (tmp_path / "token").write_text("first\n")
    stream = Stream(tmp_path / "audit", state, Sink(receiver.url, "ocsf", token=str(tmp_path / "token")))
    book(1)
    drained(stream)
    (tmp_path / "token").write_text("second\n")
    book(1)
    drained(stream)
    stream.close()
    assert [one["authorization"] for one in receiver.headers] == ["Bearer first", "Bearer second"]


def test_syslog_over_udp_and_to_this_machine(tmp_path: Path, state: Path, book: Write) -> None:
    book(3)
    local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    local.bind(str(tmp_path / "log"))
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets.bind(("127.0.0.1", 0))
    port = packets.getsockname()[1]
    for to, receiving in ((f"unix:{tmp_path}/log", local), (f"syslog+udp://127.0.0.1:{port}", packets)):
        stream = Stream(tmp_path / "audit", state, Sink(to, "cef"))
        stream.deliver()
        stream.close()
        receiving.settimeout(5)
        messages = [receiving.recv(65536).decode() for _ in range(4)]
        receiving.close()
        for number, message in enumerate(messages):
            head = rf'<110>1 \S+Z \S+ wharfinger - (segment|outcome) \[meta sequenceId="{number + 1}"\] '
            assert re.match(head + r"CEF:0\|", message), message


class TlsServer:
    """Takes connections one after the other; breaks the first after some bytes."""

    def __init__(self, folder: Path, cut: int) -> None:
        authority = Authority.open_or_create(folder)
        self.ca = authority.certificate_file
        self.data: list[bytes] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = _leaf(authority, folder)
        self._context.load_cert_chain(leaf)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._cut = cut
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._listening:
            for cut in (self._cut, None):
                self._serve(cut)

    def _serve(self, cut: int | None) -> None:
        plain, _ = self._listening.accept()
        got = b""
        with (
            plain,
            contextlib.suppress(OSError),  # a client that does not trust us, or says no farewell
            self._context.wrap_socket(plain, server_side=True) as connection,
        ):
            while (cut is None or len(got) < cut) and (part := connection.recv(65536)):
                got += part
        self.data.append(got)

    def join(self) -> None:
        self._thread.join(10)


def _leaf(authority: Authority, folder: Path) -> Path:
    """A certificate for 127.0.0.1, made with openssl as an operator would."""
    folder.joinpath("x").mkdir(exist_ok=True)
    place = folder / "x"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", place / "key", "-out",
         place / "cert", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    (place / "both").write_bytes((place / "key").read_bytes() + (place / "cert").read_bytes())
    return place / "both"


def framed(data: bytes) -> list[int]:
    """Sequence numbers in whole frames of RFC 5425."""
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        if not length or len(rest) < int(length):
            break
        message, data = rest[: int(length)], rest[int(length) :]
        found.append(json.loads(message.partition(b"] ")[2])["seq"])
    return found


def test_syslog_over_tls_sends_again_what_a_broken_connection_may_have_swallowed(
    tmp_path: Path, state: Path, book: Write
) -> None:
    book(600)
    server = TlsServer(tmp_path / "ca", cut=20_000)
    sink = Sink(f"syslog+tls://127.0.0.1:{server.port}", "jsonl", ca=str(tmp_path / "ca" / "x" / "cert"))
    stream = Stream(tmp_path / "audit", state, sink)
    broken = False
    for _ in range(200):
        try:
            if stream.deliver() is None and broken:
                break
            if not broken:
                book(50)
        except OSError:
            broken = True
    assert broken
    stream.close()
    server.join()
    first, second = map(framed, server.data)
    last = reader.tail(tmp_path / "audit", 1)[0].seq
    assert second[0] <= first[-1] + 1
    assert second == list(range(second[0], last + 1))


def test_a_receiver_with_another_certificate_is_not_trusted(tmp_path: Path, state: Path, book: Write) -> None:
    book(1)
    server = TlsServer(tmp_path / "ca", cut=1)
    stream = Stream(tmp_path / "audit", state, Sink(f"syslog+tls://127.0.0.1:{server.port}", "jsonl"))
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match="certificate verify failed"):
            stream.deliver()
    stream.close()
    server.join()
    assert not any(server.data)


class Fickle:
    """A place that fails some times, then works."""

    name = "fickle"

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0
        self.closed = False

    def deliver(self) -> int | None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise OSError("it is down")
        return 41 if self.calls % 2 else None

    def close(self) -> None:
        self.closed = True


def test_a_place_that_is_down_is_told_of_and_tried_again(state: Path, caplog: Any) -> None:
    place, board = Fickle(3), Board(state / STATUS)
    worker = Worker(place, board, first_pause=0.01)
    worker.start()
    told: list[str | None] = []
    for _ in range(500):
        (row,) = json.loads((state / STATUS).read_bytes())
        told.append(row["error"])
        if row["sent"] == 41:
            break
        time.sleep(0.005)
    assert (row["sent"], row["error"]) == (41, None)
    worker.stop()
    worker.join(time.monotonic() + 5)
    assert place.closed
    assert [record.message for record in caplog.records] == [
        "copies of the audit log do not reach fickle: it is down",
        "copies of the audit log reach fickle again",
    ]


def test_the_process_copies_until_its_input_ends(
    tmp_path: Path, state: Path, book: Write, receiver: Any
) -> None:
    """Started as the proxy starts it: what is written before the end of the book still arrives."""
    setup = Setup(
        tmp_path / "audit", state, ("stdout", f"file:{tmp_path}/copy"), (Sink(receiver.url, "cloudevents"),)
    )
    assert Setup.read(setup.line()) == setup
    book(2)
    process = subprocess.Popen(
        [sys.executable, "-m", "wharfinger.shipping.process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(setup.line())
    process.stdin.flush()
    book(7).close()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    final = prove.latest(tmp_path / "audit").note()
    assert output.endswith(final + b"\n")
    assert (tmp_path / "copy").read_bytes().endswith(final + b"\n")
    sent = [event["data"]["seq"] for body in receiver.bodies for event in json.loads(body)]
    assert sent == list(range(10))
    status = json.loads((state / STATUS).read_bytes())
    assert {row["sent"] for row in status} == {9, 10}
    assert "hidden" not in json.dumps(status)
