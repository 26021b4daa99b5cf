"""Other protocols and odd requests, in a tunnel and outside: refused at once and recorded."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS_FRAME = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def hello() -> bytes:
    """A whole TLS ClientHello."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(into, out, server_hostname="evil.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return out.read()


def request(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, b"Host: api.example.com", *fields]) + b"\r\n\r\n"


GET = b"GET /items/1 HTTP/1.1"
CHUNKED = b"Transfer-Encoding: chunked"
INSIDE = {
    "h2 preface": PREFACE + SETTINGS_FRAME,
    "h2 preface, cut": PREFACE[:18],
    "nested CONNECT": request(b"CONNECT evil.example.com:443 HTTP/1.1"),
    "nested CONNECT, other case": request(b"connect evil.example.com:443 HTTP/1.1"),
    "absolute form": request(b"GET http://evil.example.com/ HTTP/1.1"),
    "TLS in TLS": hello() + b"\r\n",
    "SOCKS": b"\x05\x01\x00\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "HTTP/0.9": b"GET /items/1\r\n\r\n",
    "HTTP/1.2": request(b"GET /items/1 HTTP/1.2"),
    "HTTP/3": request(b"GET /items/1 HTTP/3"),
    "NUL in the line": request(b"GET /items/\x001 HTTP/1.1"),
    "NUL in a value": request(GET, b"X-A: a\x00b"),
    "bare CR in a value": request(GET, b"X-A: a\rX-B: b"),
    "folded": request(GET, b"X-A: a", b" b"),
    "folded by a tab": request(GET, b"X-A: a", b"\tb"),
    "a space before the colon": request(GET, b"X-A : a"),
    "a pseudo header": request(GET, b":authority: evil.example.com"),
    "TE and length": request(b"POST /items HTTP/1.1", CHUNKED, b"Content-Length: 3") + b"0\r\n\r\n",
    "TE twice": request(b"POST /items HTTP/1.1", CHUNKED, CHUNKED) + b"0\r\n\r\n",
    "TE with another coding": request(b"POST /items HTTP/1.1", b"Transfer-Encoding: gzip, chunked"),
    "TE in HTTP/1.0": request(b"POST /items HTTP/1.0", CHUNKED) + b"0\r\n\r\n",
    "trailers": request(b"POST /items HTTP/1.1", CHUNKED) + b"1\r\nx\r\n0\r\nX-A: b\r\n\r\n",
    "a chunk of size 0x3": request(b"POST /items HTTP/1.1", CHUNKED) + b"0x3\r\nabc\r\n0\r\n\r\n",
}
OUTSIDE = {
    "h2 preface": PREFACE + SETTINGS_FRAME,
    "TLS": hello() + b"\r\n",
    "SOCKS": b"\x05\x01\x00\r\n",
    "origin form": request(GET),
    "another scheme": request(b"GET ftp://plain.example.com/ HTTP/1.1"),
    "asterisk form": request(b"OPTIONS * HTTP/1.1"),
    "CONNECT with a body": request(b"CONNECT api.example.com:443 HTTP/1.1", b"Content-Length: 1") + b"x",
}


async def test_inside_a_tunnel(attacker: Any) -> None:
    await attacker.all_refused(INSIDE)


async def test_outside_of_one(attacker: Any) -> None:
    await attacker.all_refused(OUTSIDE, inside=False)
