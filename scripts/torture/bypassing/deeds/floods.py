# ruff: noqa: E501 -- tables of requests are read by their rows
"""D02, D05 and D06: heads without an end, denials by the kilobyte, and questions by the thousand."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ground import AGENT, HOST, Ground, laid, status_of

from bypassing.deeds import Deed, Theme

SOON = 5.0
"""Seconds within which whoever behaves must be answered, whatever else goes on, and..."""
LATEST = 15.0
"""... for which it tries, as clients do that are turned away."""
GROWTH = 200 << 20
"""Bytes by which the proxy may grow under one of these."""
TIMES = 100
"""How many times what was sent may be written of it, and..."""
LINES = 30
"""... in how many lines, however many were denied, and..."""
A_SECOND = 22
"""... how many more in a second: so many different ones are told of by themselves."""
PENDING = 8
"""Questions that one agent may have open: `limits.per_agent.holds`."""
BAD = "bad"
_AGENT = "{owner: alice, policies: [main]}"
POLICY = (
    f"policy: main\ndescription: What the trials need\nallow:\n  - {{tool: unmatched, hosts: [{HOST}], when: {{method: GET}}}}\n"
    f"ask:\n  - {{tool: unmatched, hosts: [{HOST}], approvers: [alice], when: {{method: PUT}}}}\n"
)


@dataclass
class Flooded:
    """A proxy, and whoever sends to it."""

    ground: Ground
    login: str
    """Of whoever sends what is not well-behaved, and is another agent."""
    dice: random.Random

    def head(self, method: str, name: str, *fields: str) -> bytes:
        """A request's head, with the agent's login."""
        asked = self.ground.request(name, method).replace(self.ground.login.encode(), self.login.encode())
        return asked.replace(
            b"\r\n\r\n", "".join(f"\r\n{field}" for field in fields).encode("latin-1") + b"\r\n\r\n"
        )

    def word(self) -> str:
        """One that was never said before."""
        return f"w{self.dice.getrandbits(64):x}"

    def well(self) -> str:
        """Send what is allowed, and again where that is turned away; what is wrong if it does not get through."""
        end, wrong = time.monotonic() + LATEST, ""
        while time.monotonic() < end:
            if not (wrong := self._once()):
                return ""
            time.sleep(0.1)
        return wrong

    def _once(self) -> str:
        began = time.monotonic()
        try:
            with socket.create_connection(self.ground.address, SOON) as stream:
                stream.settimeout(SOON)
                stream.sendall(self.ground.request(self.word()))
                status = status_of(stream)
        except OSError as error:
            return f"a well-behaved request got no answer: {error!r}"
        took = time.monotonic() - began
        return (
            ""
            if status == 200 and took < SOON
            else f"a well-behaved request was answered {status} after {took:.1f} s"
        )

    def memory(self) -> int:
        """Bytes that the proxy takes."""
        return int(Path(f"/proc/{self.ground.pid}/statm").read_text().split()[1]) * 4096

    def written(self) -> tuple[int, int]:
        """Bytes and lines of its book, once what was counted has been told."""
        time.sleep(1.3)
        data = b"".join(path.read_bytes() for path in sorted(self.ground.book.glob("*.jsonl")))
        return len(data), data.count(b"\n")


@contextlib.contextmanager
def _flooded() -> Iterator[Flooded]:
    with laid() as ground:
        config = ground.root / "config"
        (config / "policies" / "main.yaml").write_text(POLICY)
        (config / "agents.yaml").write_text(f"agents: {{{AGENT}: {_AGENT}, {BAD}: {_AGENT}}}\n")
        with (config / "wharfinger.yaml").open("a") as settings:
            settings.write("approvals: {hold: 300ms, expires: 1h}\n")
        ground.run("people", "key", "alice", "--no-passphrase")
        ground.start()
        given = urlsplit(json.loads(ground.run("env", "--agent", BAD, "--format", "json"))["HTTPS_PROXY"])
        login = base64.b64encode(f"{given.username}:{given.password}".encode()).decode()
        flooded = Flooded(ground, login, random.Random(1))
        flooded.well()
        yield flooded


# D02


def _stalled(sent: str, count: int, flooded: Flooded) -> str:
    """Connections that stand, each with the beginning of something; others must be served all the while."""
    before, streams = flooded.memory(), list[socket.socket]()
    data = _BEGUN[sent].replace(b"@LOGIN@", flooded.login.encode())
    try:
        for _ in range(count):
            with contextlib.suppress(OSError):
                stream = socket.create_connection(flooded.ground.address, SOON)
                streams.append(stream)
                stream.settimeout(1)
                stream.sendall(data)
        wrong = flooded.well()
        grown = flooded.memory() - before
    finally:
        for stream in streams:
            stream.close()
    return wrong or (f"it grew by {grown >> 20} MiB" if grown > GROWTH else "") or flooded.well()


def _endless(piece: bytes, flooded: Flooded) -> str:
    """A head that goes on and on: it must be cut off, soon."""
    before, sent = flooded.memory(), 0
    head = flooded.head("GET", flooded.word()).removesuffix(b"\r\n\r\n")
    with contextlib.suppress(OSError), socket.create_connection(flooded.ground.address, SOON) as stream:
        stream.settimeout(SOON)
        stream.sendall(head + b"\r\n")
        while sent < 64 << 20:
            stream.sendall(piece)
            sent += len(piece)
    if sent >= 64 << 20:
        return "64 MiB of a head were taken"
    grown = flooded.memory() - before
    return f"it grew by {grown >> 20} MiB" if grown > GROWTH else flooded.well()


_LOGIN = b"Proxy-Authorization: Basic @LOGIN@\r\n"
_BEGUN = {
    "nothing": b"",
    "a letter": b"G",
    "a line": b"GET http://plain.example.com/ HTTP/1.1\r\n",
    "a head without its end": b"GET http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\nX: "
    + b"x" * 8000,
    "empty lines": b"\r\n" * 1000,
    "a tunnel": b"CONNECT plain.example.com:443 HTTP/1.1\r\nHost: plain.example.com:443\r\n"
    + _LOGIN
    + b"\r\n",
    "half a handshake": b"CONNECT plain.example.com:443 HTTP/1.1\r\nHost: plain.example.com:443\r\n"
    + _LOGIN
    + b"\r\n\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    "a body without its end": b"POST http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\n"
    + _LOGIN
    + b"Content-Length: 10000000\r\n\r\nx",
    "a chunk without its end": b"POST http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\n"
    + _LOGIN
    + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\nx",
    "a chunk's size without its end": b"POST http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\n"
    + _LOGIN
    + b"Transfer-Encoding: chunked\r\n\r\n1;"
    + b"x" * 4000,
    "a login that is wrong": b"GET http://plain.example.com/ HTTP/1.1\r\nHost: plain.example.com\r\nProxy-Authorization: Basic eDp5\r\n\r\n",
}
_PIECES = {
    "one field": b"x" * 65536,
    "many fields": b"X-A: 1\r\n" * 8192,
    "folded": b"X: a\r\n" + b" b\r\n" * 16384,
    "one name": b"y" * 65536,
    "NUL": b"\0" * 65536,
}


def _many(count: int, flooded: Flooded) -> str:
    """So many who behave, one after the other."""
    return next((wrong for _ in range(count) if (wrong := flooded.well())), "")


def _heads(_: Flooded) -> Sequence[Deed]:
    stalled = [
        Deed(f"{count} connections with {sent}", partial(_stalled, sent, count))
        for sent in _BEGUN
        for count in (60, 600)
    ]
    endless = [
        Deed(f"a head that does not end: {name}", partial(_endless, piece)) for name, piece in _PIECES.items()
    ]
    return [*stalled, *endless, Deed("thirty requests", partial(_many, 30), harmless=True)]


# D05


def _denied(fields: tuple[str, ...], path: str, count: int, flooded: Flooded) -> str:
    """Denied requests: what is written of them."""
    before, sent, began = flooded.written(), 0, time.monotonic()
    with socket.create_connection(flooded.ground.address, SOON) as stream:
        stream.settimeout(SOON)
        for _ in range(count):
            data = flooded.head("DELETE", f"{flooded.word()}{path}", *fields)
            stream.sendall(data)
            sent += len(data)
            try:
                status_of(stream)
            except OSError:
                stream.close()
                stream = socket.create_connection(flooded.ground.address, SOON)  # noqa: PLW2901 - the next one
                stream.settimeout(SOON)
    grown, lines = (now - then for now, then in zip(flooded.written(), before, strict=True))
    most = LINES + A_SECOND * (time.monotonic() - began)
    if 0 < grown <= sent * TIMES and 0 < lines <= most:
        return ""
    return f"{sent} bytes of {count} denied requests made {grown} bytes of log, in {lines} lines"


_ODD = {
    "plain": ((), ""),
    "a long path": ((), "/" + "p" * 7000),
    "escapes": ((), "/" + "%E2%80%AE" * 700),
    "a long query": ((), "?" + "&".join(f"k{n}=v" for n in range(900))),
    "a name of 6 KiB": ((), f"?{'n' * 6000}=1"),
    "many fields": (tuple(f"X-F{n}: {'v' * 20}" for n in range(90)), ""),
    "a long field": ((f"X-Long: {'v' * 7000}",), ""),
    "bytes beyond ASCII": ((f"User-Agent: {chr(255) * 7000}",), ""),
    "a long reason": ((f"Wharfinger-Reason: {'why ' * 1800}",), ""),
    "names in Connection": ((f"Connection: {','.join(f'x{n}' for n in range(900))}",), ""),
    "a trace": (
        ("traceparent: 00-" + "a" * 32 + "-" + "b" * 16 + "-01", f"tracestate: {'t=1,' * 1500}t=1"),
        "",
    ),
}


def _logged(_: Flooded) -> Sequence[Deed]:
    odd = [
        Deed(f"{count} denied requests, {name}", partial(_denied, fields, path, count))
        for name, (fields, path) in _ODD.items()
        for count in (1, 300)
    ]
    return [*odd, Deed("thirty requests", partial(_many, 30), harmless=True)]


# D06


def _asking(name: str, count: int, flooded: Flooded) -> str:
    """Requests that a person is asked about; how many questions are then open."""
    how, same = _ASKING[name]
    word = flooded.word()
    for number in range(count):
        with contextlib.suppress(OSError), socket.create_connection(flooded.ground.address, SOON) as stream:
            stream.settimeout(SOON)
            stream.sendall(flooded.head("PUT", word if same else f"{word}-{number}", *how))
            if name != "gone at once":
                status_of(stream)
    rows = json.loads(flooded.ground.run("approvals", "list", "--json"))
    pending = sum(row["state"] == "pending" for row in rows)
    wrong = flooded.well()
    return wrong or ("" if 0 < pending <= PENDING else f"{pending} questions are open")


_ASKING = {
    "each another": ((), False),
    "all the same": ((), True),
    "all the same, with other ids": (("X-Request-Id: 1", "Idempotency-Key: 2"), True),
    "gone at once": ((), False),
}


def _answered(flooded: Flooded) -> str:
    """One that is asked about, and approved, goes out."""
    for row in json.loads(flooded.ground.run("approvals", "list", "--json")):
        if row["state"] == "pending":
            flooded.ground.run("approvals", "deny", row["id"])
    word, answers = flooded.word(), list[int]()
    for _ in range(2):
        with socket.create_connection(flooded.ground.address, SOON) as stream:
            stream.settimeout(SOON)
            stream.sendall(flooded.head("PUT", word))
            answers.append(status_of(stream))
        for row in json.loads(flooded.ground.run("approvals", "list", "--json")):
            if row["state"] == "pending":
                flooded.ground.run("approvals", "approve", row["id"])
    return "" if answers[-1] == 200 and word in flooded.ground.received() else f"answered {answers}"


def _questions(_: Flooded) -> Sequence[Deed]:
    floods = [
        Deed(f"{count} questions, {name}", partial(_asking, name, count))
        for name in _ASKING
        for count in (20, 60)
    ]
    return [*floods, Deed("one question, and its yes", _answered, harmless=True)]


def themes() -> tuple[Theme, ...]:
    """The themes of this module."""
    return (
        Theme("D02 heads and bodies that do not come", _flooded, _heads),
        Theme("D05 words for the log by the kilobyte", _flooded, _logged),
        Theme("D06 questions by the thousand", _flooded, _questions),
    )
