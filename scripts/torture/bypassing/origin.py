"""The mock origins: one server for all hosts and all traps, TLS and plain, with a record of its own.

Run as `python -m bypassing.origin RECORD CHAIN`. It writes down every connection and every byte before it
answers, and knows nothing of what is allowed: `judge` reads the record.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path
from typing import cast
from urllib.parse import unquote

from bypassing import broken, minting, reflecting
from bypassing.record import Recorder
from bypassing.world import CDN, TRAP_PORTS, is_trap

TLS_PORTS = frozenset({443, 444, 8443})
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Origin:
    """Listens on all addresses of the namespace."""

    def __init__(self, record: str, chain: str) -> None:
        self._recorder = Recorder(record)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._context.sni_callback = self._note_name
        self._folder = Path(chain).parent
        self._names: dict[int, str | None] = {}

    def _note_name(self, stream: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self._names[id(stream)] = name

    def listen(self) -> None:
        """Listen on every port of interest."""
        for port in TRAP_PORTS:
            server = socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512
            )
            threading.Thread(target=self._accept, args=(server, port), daemon=True).start()

    def _accept(self, server: socket.socket, port: int) -> None:
        while True:
            stream, _ = server.accept()
            threading.Thread(target=self._serve, args=(stream, port), daemon=True).start()

    def _serve(self, stream: socket.socket, port: int) -> None:
        number = self._recorder.number()
        address = stream.getsockname()[0].removeprefix("::ffff:")
        self._recorder.write(what="open", number=number, address=address, port=port)
        with contextlib.suppress(OSError, ValueError, struct.error), stream:
            stream.settimeout(60)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if broken.serve(stream, address):
                return
            if port in TLS_PORTS and not is_trap(address):
                stream = self._context_of(address).wrap_socket(stream, server_side=True)
                name = self._names.pop(id(stream), None)
                self._recorder.write(what="tls", number=number, sni=name)
            Talk(stream, self._recorder, number).run()
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_WR)

    def _context_of(self, address: str) -> ssl.SSLContext:
        context = broken.context(self._folder, address)
        if context is None:
            return self._context
        context.sni_callback = self._note_name
        return context


class Talk:
    """One connection: reads leniently, so that whoever sends something odd gets an answer."""

    def __init__(self, stream: socket.socket, recorder: Recorder, number: int) -> None:
        self._stream, self._recorder, self._number = stream, recorder, number
        self._buffer = b""

    def _more(self) -> None:
        data = self._stream.recv(65536)
        self._recorder.write(what="data", number=self._number, data=data)
        if not data:
            raise ConnectionError
        self._buffer += data

    def run(self) -> None:
        """Answer requests until there are no more."""
        while True:
            while b"\r\n\r\n" not in self._buffer:
                self._more()
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            fields = _fields(head)
            self._skip_body(fields)
            if fields.get("upgrade", "").lower() == "websocket":
                self._socket(fields)
                return
            if (half := broken.answer(fields.get("host", ""))) is not None:
                self._stream.sendall(half[0])
                if half[1]:
                    return
                continue
            for piece in reply(head, fields):
                self._stream.sendall(piece)
            if any(way in head for way in (b"~until-close/", b"~old/", b"/raw/", b"/until-close/")):
                return

    def _skip_body(self, fields: dict[str, str]) -> None:
        if "chunked" in fields.get("transfer-encoding", "").lower():
            while not (self._buffer.startswith(b"0\r\n\r\n") or b"\r\n0\r\n\r\n" in self._buffer):
                self._more()
            self._buffer = self._buffer.rpartition(b"0\r\n\r\n")[2]
            return
        size = int(fields.get("content-length", "0") or 0)
        while len(self._buffer) < size:
            self._more()
        self._buffer = self._buffer[size:]

    def _socket(self, fields: dict[str, str]) -> None:
        proof = hashlib.sha1(
            fields.get("sec-websocket-key", "").encode() + _ACCEPT, usedforsecurity=False
        ).digest()
        self._stream.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n"
        )
        secret = _presented(fields, b"")
        while True:
            while len(self._buffer) < 6:
                self._more()
            size, at = self._buffer[1] & 0x7F, 6
            if size == 126:
                (size,), at = struct.unpack(">H", self._buffer[2:4]), 8
            while len(self._buffer) < at + size:
                self._more()
            mask, body = self._buffer[at - 4 : at], self._buffer[at : at + size]
            kind, self._buffer = self._buffer[0] & 0x0F, self._buffer[at + size :]
            text = bytes(octet ^ mask[place % 4] for place, octet in enumerate(body))
            if kind == 8:
                return
            said = secret.encode() if text == b"tell" else text
            self._stream.sendall(bytes([0x80 | (kind or 1), len(said)]) + said if len(said) < 126 else b"")


def _fields(head: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _presented(fields: dict[str, str], target: bytes) -> str:
    """The credential that a request brought, whatever it is."""
    scheme, _, rest = fields.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            return base64.b64decode(rest).decode("latin-1").rpartition(":")[2]
    if b"key=" in target:
        return unquote(target.partition(b"key=")[2].partition(b"&")[0].decode("latin-1"))
    return rest or fields.get("x-api-key") or "no-credential-was-presented-here"


def reply(head: bytes, fields: dict[str, str]) -> list[bytes]:
    """What to answer: the path says."""
    line = head.split(b"\r\n", 1)[0].split(b" ")
    target = line[1] if len(line) > 1 else b""
    parts = target.partition(b"?")[0].decode("latin-1").strip("/").split("/")
    secret = _presented(fields, target)
    bodiless = line[0] == b"HEAD"
    made: list[bytes]
    match parts:
        case ["reflect", how, *_]:
            made = _reflected(secret, how, fields)
        case ["part", how, *_]:
            made = reflecting.ranged(secret, fields.get("range", ""), int(how))
        case ["raw", how, *_] if how in reflecting.RAW:
            made = [reflecting.RAW[how]]
        case ["mint", how, tag] if how in minting.REPLIES:
            made = [minting.REPLIES[how](minting.token(tag))]
        case ["fetch", tag]:
            made = [reflecting.message(b"", f"Location: https://{CDN}/pkg/{tag}", status="302 Found")]
        case ["masked", tag]:
            body = b'{"id":"%s","owner":{"email":"canary@private.example"}}' % tag.encode()
            made = [reflecting.message(body, "Content-Type: application/json")]
        case _:
            made = [reflecting.message(b'{"ok":true}', "Content-Type: application/json")]
    return [made[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"] if bodiless else made


def _reflected(secret: str, how: str, fields: dict[str, str]) -> list[bytes]:
    kind, _, rest = how.partition("~")
    match kind:
        case "place":
            return [reflecting.PLACES[rest](secret)]
        case "body":
            spelling, _, coding = rest.partition("~")
            return reflecting.coded(secret, spelling, coding)
        case "type":
            return reflecting.coded(secret, "raw", "plain", reflecting.TYPES[int(rest)])
        case "cut":
            way, _, at = rest.partition("~")
            return reflecting.cut(secret, way, int(at))
        case "range":
            return reflecting.ranged(secret, fields.get("range", ""))
    return [reflecting.message(b"{}")]


def main(record: str, chain: str) -> None:
    """Serve until killed."""
    Origin(record, chain).listen()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*cast(tuple[str, str], tuple(sys.argv[1:3])))
