"""The agent's side: raw bytes over real sockets, for what HTTP libraries would put right.

Connections are kept and used again, as agents do, unless a vector wants its own. TLS is OpenSSL's, with any
server name that it lets one set.
"""

from __future__ import annotations

import contextlib
import socket
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hpack import Decoder
from OpenSSL import SSL

from bypassing import http2
from bypassing.vectors import BRIEF, SAME, Held, Vector, marked, sent
from bypassing.world import PROXY

PATIENCE = 10.0
"""Seconds that are waited for an answer that is owed."""


@dataclass
class Heard:
    """What an agent was told."""

    raw: bytes = b""
    status: int = 0
    """Of the last answer; 0 where there was none."""
    body: bytes = b""
    """Of all answers, without chunks."""
    problem: str = ""


class _Stream:
    """A connection to the proxy, with or without TLS in it."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain
        self._tls: SSL.Connection | None = None
        self.alive = True
        self.buffer = b""

    def wrap(self, context: SSL.Context, name: bytes | None) -> None:
        made = SSL.Connection(context, None)
        if name is not None:
            made.set_tlsext_host_name(name)
        made.set_connect_state()
        self._tls = made
        while True:
            try:
                made.do_handshake()
                self._flush()
                return
            except SSL.WantReadError:
                self._flush()
                data = self._plain.recv(65536)
                if not data:
                    raise ConnectionError("closed in the handshake") from None
                made.bio_write(data)

    def _flush(self) -> None:
        assert self._tls is not None
        with contextlib.suppress(SSL.WantReadError):
            while True:
                self._plain.sendall(self._tls.bio_read(65536))

    def send(self, data: bytes) -> None:
        if self._tls is None:
            self._plain.sendall(data)
            return
        for at in range(0, len(data), 16384):
            self._tls.sendall(data[at : at + 16384])
            self._flush()

    def receive(self, timeout: float) -> bytes:
        """What comes next; nothing once it is closed. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while True:
            if self._tls is not None:
                try:
                    data = self._tls.recv(65536)
                    if data:
                        return bytes(data)
                except SSL.WantReadError:
                    pass
                except (SSL.ZeroReturnError, SSL.SysCallError):
                    return b""
            self._plain.settimeout(max(end - time.monotonic(), 0.001))
            data = self._plain.recv(65536)
            if self._tls is None or not data:
                return bytes(data)
            self._tls.bio_write(data)

    def close(self) -> None:
        self.alive = False
        self._plain.close()


@dataclass
class Agent:
    """Sends vectors, one after the other. One for each thread."""

    ca: Path
    held: Mapping[str, Held]
    """For each agent, what it holds."""
    _lines: dict[object, _Stream] = field(default_factory=dict)
    _contexts: dict[bytes, SSL.Context] = field(default_factory=dict)

    def context(self, protocol: bytes) -> SSL.Context:
        """TLS that verifies the proxy's certificates, as agents' clients do; names are what vectors vary."""
        context = self._contexts.get(protocol)
        if context is None:
            context = self._contexts[protocol] = SSL.Context(SSL.TLS_CLIENT_METHOD)
            context.load_verify_locations(str(self.ca))
            context.set_verify(SSL.VERIFY_PEER)
            context.set_alpn_protos([protocol])
        return context

    def attempt(self, vector: Vector, tag: str) -> Heard:
        """Send a vector; what was heard. A connection that fails is an answer as well."""
        heard = Heard()
        place = (vector.connect, vector.sni, vector.tls, vector.agent)
        if vector.fresh and (old := self._lines.pop(place, None)) is not None:
            old.close()
        try:
            stream = self._lines.get(place)
            if stream is None or not stream.alive:
                stream = self._lines[place] = self._open(vector, tag, heard)
            if stream.alive:
                self._talk(stream, vector, tag, heard)
        except (OSError, SSL.Error, ValueError) as error:
            heard.problem = f"{type(error).__name__}: {error}"
            if place in self._lines:
                self._lines[place].close()
        if vector.fresh and place in self._lines:
            self._lines.pop(place).close()
        return heard

    def close(self) -> None:
        """Close all connections."""
        for stream in self._lines.values():
            stream.close()
        self._lines.clear()

    def _open(self, vector: Vector, tag: str, heard: Heard) -> _Stream:
        plain = socket.create_connection(PROXY, PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = _Stream(plain)
        if vector.connect is None:
            return stream
        held = self.held[vector.agent]
        authority = marked(vector.connect, held, tag, vector.spell)
        login = f"Proxy-Authorization: Basic {held['AUTH']}\r\n".encode()
        named = b"Host: proxy\r\n" if b"\r\n" in authority else b"Host: " + authority + b"\r\n"
        stream.send(b"CONNECT " + authority + b" HTTP/1.1\r\n" + named + login + b"\r\n")
        answer = _answer(stream, b"CONNECT", PATIENCE)
        if answer is None or answer.status != 200:
            _add(heard, answer)
            stream.close()
            return stream
        if vector.tls:
            name = authority.rpartition(b":")[0] if vector.sni == SAME else vector.sni
            text = name.encode() if isinstance(name, str) else name
            protocol = b"h2" if vector.frames is not None else b"http/1.1"
            stream.wrap(self.context(protocol), None if text is None else marked(text, held, tag, None))
        return stream

    def _talk(self, stream: _Stream, vector: Vector, tag: str, heard: Heard) -> None:
        held = self.held[vector.agent]
        if vector.frames is not None:
            _frames(stream, sent(vector, held, tag)[0], vector, heard)
            return
        for number, data in enumerate(vector.sends):
            patience = PATIENCE if vector.whole or number < vector.owed else BRIEF
            made = marked(data, held, tag, vector.spell)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                stream.send(made)  # an answer may have come before all of it was taken
            method = made.lstrip(b"\r\n").split(b" ", 1)[0]
            try:
                answer = _answer(stream, method, patience)
                for _ in range(vector.answers - 1 if number == len(vector.sends) - 1 else 0):
                    _add(heard, answer)
                    answer = _answer(stream, method, patience)
            except TimeoutError:
                heard.raw, heard.body = heard.raw + stream.buffer, heard.body + stream.buffer
                stream.close()
                heard.problem = heard.problem or "no answer"
                return
            _add(heard, answer)
            if answer is None or not stream.alive:
                stream.close()
                return
        if vector.fresh:
            with contextlib.suppress(TimeoutError):
                while more := stream.receive(BRIEF):
                    heard.raw += more
                    heard.body += more


def _frames(stream: _Stream, data: bytes, vector: Vector, heard: Heard) -> None:
    """Speak HTTP/2: send everything, and read until all streams that are owed an answer have ended."""
    stream.send(data)
    decoder, owed, raw = Decoder(), set(vector.streams), b""
    end = time.monotonic() + (PATIENCE if vector.whole else BRIEF)
    while owed and (left := end - time.monotonic()) > 0:
        try:
            more = stream.receive(left)
        except TimeoutError:
            heard.problem = "no answer"
            break
        if not more:
            break
        raw += more
        for kind, flags, number, payload in http2.answers(raw, decoder):
            raw = raw[9 + int.from_bytes(raw[:3]) :]
            heard.raw += payload
            heard.body += payload
            if payload.startswith(b":status: ") and number in vector.streams:
                heard.status = int(payload[9:12])
            ended = flags & http2.END_STREAM and kind in (http2.DATA, http2.HEADERS)
            if ended or kind in (http2.RESET, http2.GOAWAY):
                owed -= {number} if number else set(owed)
    stream.close()


def _add(heard: Heard, answer: Heard | None) -> None:
    if answer is not None:
        heard.raw += answer.raw
        heard.body += answer.body
        heard.status = answer.status


def _answer(stream: _Stream, method: bytes, patience: float) -> Heard | None:
    """One whole answer; None where the connection ends without one."""
    heard = Heard()
    while True:
        head = _until(stream, heard, patience)
        if head is None:
            return heard if heard.raw else None
        line = head.split(b"\r\n", 1)[0].split(b" ")
        heard.status = int(line[1]) if len(line) > 1 and line[1].isdigit() else 0
        if not 100 <= heard.status < 200 or heard.status == 101:
            break
    low = head.lower()
    if method == b"HEAD" or heard.status in {101, 204, 304} or (method == b"CONNECT" and heard.status == 200):
        pass
    elif b"\r\ntransfer-encoding: chunked" in low:
        _chunks(stream, heard, patience)
    elif b"\r\ncontent-length:" in low:
        size = int(low.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
        while len(stream.buffer) < size and _fill(stream, patience):
            pass
        heard.body += stream.buffer[:size]
        heard.raw += stream.buffer[:size]
        stream.buffer = stream.buffer[size:]
    else:
        while _fill(stream, patience):
            pass
        heard.body, heard.raw, stream.buffer = heard.body + stream.buffer, heard.raw + stream.buffer, b""
    if b"\r\nconnection: close" in low:
        stream.alive = False
    if b"content-encoding: gzip" in low:
        with contextlib.suppress(zlib.error):
            heard.body += zlib.decompress(heard.body, 47)
    return heard


def _until(stream: _Stream, heard: Heard, patience: float) -> bytes | None:
    while b"\r\n\r\n" not in stream.buffer:
        if not _fill(stream, patience):
            heard.raw, stream.buffer = heard.raw + stream.buffer, b""
            return None
    head, _, stream.buffer = stream.buffer.partition(b"\r\n\r\n")
    heard.raw += head + b"\r\n\r\n"
    return head


def _chunks(stream: _Stream, heard: Heard, patience: float) -> None:
    while True:
        while b"\r\n" not in stream.buffer:
            if not _fill(stream, patience):
                return
        line, _, rest = stream.buffer.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        while len(rest) < size + 2:
            stream.buffer = line + b"\r\n" + rest
            if not _fill(stream, patience):
                return
            rest = stream.buffer.partition(b"\r\n")[2]
        heard.raw += line + b"\r\n" + rest[: size + 2]
        heard.body += rest[:size]
        stream.buffer = rest[size + 2 :]
        if size == 0:
            return


def _fill(stream: _Stream, patience: float) -> bool:
    try:
        data = stream.receive(patience)
    except (ConnectionError, SSL.Error):
        data = b""
    if not data:
        stream.alive = False
        return False
    stream.buffer += data
    return True
