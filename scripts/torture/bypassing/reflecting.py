# ruff: noqa: E501 -- tables of replies are read by their rows
"""What the origins say that an agent must not hear: the secret they were given, in every place and spelling.

A reply is a list of pieces, each sent by itself. Classes S09 to S12 and S18 go through these tables.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import quopri
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from urllib.parse import quote

import brotli  # type: ignore[import-untyped]
from backports import zstd

POISON: Final = b"poisoned-answer"
"""Stands in answers that nobody may be given."""

type Reply = list[bytes]
type Spelling = Callable[[str], bytes]


def message(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """A plain response."""
    head = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def _everywhere(secret: str, template: str) -> str:
    return "".join(template.format(ord(character)) for character in secret)


def _b64(lead: int, *, url: bool = False, pad: bool = True) -> Spelling:
    def spell(secret: str) -> bytes:
        made = (base64.urlsafe_b64encode if url else base64.b64encode)(
            b"." * lead + secret.encode() + b".." * (lead > 0)
        )
        return made if pad else made.rstrip(b"=")

    return spell


SPELLINGS: Final[Mapping[str, Spelling]] = {
    "raw": lambda s: s.encode(),
    "json": lambda s: json.dumps({"k": s}).encode(),
    "json-slash": lambda s: json.dumps({"k": s}).replace("/", "\\/").encode(),
    "json-all": lambda s: b'{"k":"' + _everywhere(s, "\\u{:04x}").encode() + b'"}',
    "json-all-upper": lambda s: b'{"k":"' + _everywhere(s, "\\u{:04X}").encode() + b'"}',
    "percent": lambda s: quote(s, safe="").encode(),
    "percent-lower": lambda s: quote(s, safe="").replace("%2F", "%2f").replace("%2B", "%2b").encode(),
    "percent-all": lambda s: _everywhere(s, "%{:02X}").encode(),
    "percent-all-lower": lambda s: _everywhere(s, "%{:02x}").encode(),
    "html": lambda s: html.escape(s).encode(),
    "hex": lambda s: s.encode().hex().encode(),
    "hex-upper": lambda s: s.encode().hex().upper().encode(),
    "b64-0": _b64(0), "b64-1": _b64(1), "b64-2": _b64(2),
    "b64-0-bare": _b64(0, pad=False), "b64-1-bare": _b64(1, pad=False), "b64-2-bare": _b64(2, pad=False),
    "b64url-0": _b64(0, url=True), "b64url-1": _b64(1, url=True), "b64url-2": _b64(2, url=True),
    "b64url-0-bare": _b64(0, url=True, pad=False), "b64url-1-bare": _b64(1, url=True, pad=False),
    "basic": lambda s: b"Basic " + base64.b64encode(f"user:{s}".encode()),
    "url": lambda s: f"https://api.example.com/?key={quote(s)}&x=1".encode(),
    "twice": lambda s: f"{s} {s}".encode(),
    "between": lambda s: f"xx{s}xx".encode(),
}  # fmt: skip
"""Spellings that redaction promises to find."""

DEEPER: Final[Mapping[str, Spelling]] = {
    "html-decimal": lambda s: _everywhere(s, "&#{};").encode(),
    "html-hex": lambda s: _everywhere(s, "&#x{:x};").encode(),
    "b32": lambda s: base64.b32encode(s.encode()),
    "utf-16-le": lambda s: s.encode("utf-16-le"),
    "utf-16-be": lambda s: s.encode("utf-16-be"),
    "quoted-printable": lambda s: quopri.encodestring(s.encode(), quotetabs=True),
    "b64-of-b64": lambda s: base64.b64encode(base64.b64encode(s.encode())),
    "percent-of-percent": lambda s: quote(quote(s, safe=""), safe="").encode(),
    "json-in-json": lambda s: json.dumps(json.dumps({"k": s + '"'})).encode(),
    "hex-of-b64": lambda s: base64.b64encode(s.encode()).hex().encode(),
    "b64-of-hex": lambda s: base64.b64encode(s.encode().hex().encode()),
    "b64-in-json": lambda s: (
        json.dumps({"k": base64.b64encode(s.encode()).decode()}).replace("/", "\\/").encode()
    ),
}
"""Spellings beyond those: encodings of encodings, and other alphabets."""


def _members(data: bytes) -> bytes:
    return gzip.compress(b"first ") + gzip.compress(data) + gzip.compress(b" last")


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: Final[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "plain": ("", bytes),
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw-deflate": ("deflate", _raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "members": ("gzip", _members),
    "gzip-gzip": ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    "gzip-br": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "frames": ("zstd", lambda data: zstd.compress(b"first ") + zstd.compress(data)),
    # What says one thing and is another.
    "unlabelled-gzip-said": ("gzip", bytes),
    "br-said-gzip": ("gzip", brotli.compress),
    "cut-short": ("gzip", lambda data: gzip.compress(data)[:-6]),
    "garbage-behind": ("gzip", lambda data: gzip.compress(b"x") + data),
    "stored": ("gzip", lambda data: gzip.compress(data, 0)),
    "unknown": ("rot13", bytes),
    "base64": ("base64", base64.b64encode),
    "chain": (
        "gzip, gzip, gzip, gzip",
        lambda data: gzip.compress(gzip.compress(gzip.compress(gzip.compress(data)))),
    ),
    "deflate-behind": ("deflate", lambda data: zlib.compress(b"x") + data),
    "zstd-cut": ("zstd", lambda data: zstd.compress(data)[:-3]),
    "br-behind": ("br", lambda data: brotli.compress(b"x") + data),
}

TYPES: Final = (
    "application/json", "text/plain", "text/html", "text/plain; charset=utf-16", "text/plain; charset=utf-7",
    "image/png", "application/octet-stream", "video/mp4", "application/pdf", "text/event-stream",
    "multipart/mixed; boundary=x", "multipart/byteranges; boundary=x", "application/x-ndjson", "application/grpc",
    "application/zip", "application/javascript", "text/css", "font/woff2", "garbage", "",
)  # fmt: skip

_FIELDS: Final[Mapping[str, str]] = {
    "debug": "X-Debug: {}", "authorization": "Authorization: Bearer {}", "etag": 'ETag: "{}"',
    "set-cookie": "Set-Cookie: key={}; Path=/", "timing": 'Server-Timing: k;desc="{}"',
    "origin": "Access-Control-Allow-Origin: https://{}", "link": "Link: <https://x/{}>; rel=preload",
    "disposition": 'Content-Disposition: attachment; filename="{}"', "via": "Via: 1.1 {}",
    "warning": 'Warning: 199 - "{}"', "retry": "Retry-After: {}", "refresh": "Refresh: 0; url=https://evil.example/{}",
    "location-201": "Content-Location: /x/{}", "type": "Content-Type: text/{}", "alt-svc": 'Alt-Svc: h3="{}:443"',
    "decision": "Wharfinger-Decision: {}", "proxy": "Proxy-Status: {}", "language": "Content-Language: {}",
    "folded-name": "X-{}: 1", "allow": "Allow: {}", "vary": "Vary: {}", "age": "Age: {}",
    "policy": "Content-Security-Policy: report-uri https://x/{}", "report": 'Report-To: {{"url":"https://x/{}"}}',
    "keep-alive": "Keep-Alive: {}", "connection": "Connection: {}", "server": "Server: {}", "date": "Date: {}",
    "set-cookie2": "Set-Cookie2: k={}", "sourcemap": "SourceMap: /{}",
}  # fmt: skip
"""Fields of an answer that tell the secret."""


def _in_field(template: str, secret: str) -> bytes:
    return message(b"{}", template.format(secret))


PLACES: Final[Mapping[str, Callable[[str], bytes]]] = {
    **{name: partial(_in_field, template) for name, template in _FIELDS.items()},
    "reason": lambda s: message(b"{}", status=f"200 {s}"),
    "challenge": lambda s: message(b"{}", f'WWW-Authenticate: Bearer realm="{s}"', status="401 Unauthorized"),
    "proxy-challenge": lambda s: message(b"{}", f'Proxy-Authenticate: Basic realm="{s}"', status="407 Proxy"),
    "redirect": lambda s: message(b"", f"Location: https://evil.example/?k={quote(s, safe='')}", status="302 Found"),
    "redirect-307": lambda s: message(b"", f"Location: https://api.example.com/items/{s}", status="307 Again"),
    "not-found": lambda s: message(s.encode(), "Content-Type: text/html", status="404 Not Found"),
    "error": lambda s: message(f"<pre>{s}</pre>".encode(), status="500 Oops"),
    "hints": lambda s: f"HTTP/1.1 103 Early Hints\r\nLink: <{s}>\r\n\r\n".encode() + message(b"{}"),
    "continue": lambda s: f"HTTP/1.1 100 Continue\r\nX: {s}\r\n\r\n".encode() + message(b"{}"),
    "trailer": lambda s: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: {s}\r\n\r\n".encode(),
    "extension": lambda s: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x={s}\r\nok\r\n0\r\n\r\n".encode(),
    "until-close": lambda s: f"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{s}".encode(),
    "old": lambda s: f"HTTP/1.0 200 OK\r\n\r\n{s}".encode(),
    "forbidden": lambda s: message(json.dumps({"error": s}).encode(), status="403 Forbidden"),
    "partial": lambda s: message(s.encode(), "Content-Range: bytes 0-9/99", status="206 Partial Content"),
    "many": lambda s: message(b"{}", *[f"X-{n}: {s}" for n in range(20)]),
    "long": lambda s: message(b"{}", "X-Long: " + "a" * 4000 + s + "b" * 4000),
}  # fmt: skip
"""Whole replies that tell the secret somewhere in or around the head."""


def coded(secret: str, spelling: str, coding: str, media: str = "text/plain") -> Reply:
    """A reply that tells the secret in its body."""
    label, pack = CODINGS[coding]
    spell = SPELLINGS.get(spelling) or DEEPER[spelling]
    body = pack(b"before " + spell(secret) + b" after")
    fields = [f"Content-Type: {media}"] if media else []
    return [message(body, *fields, *([f"Content-Encoding: {label}"] if label else []))]


def cut(secret: str, how: str, at: int) -> Reply:
    """A reply that tells the secret in two pieces."""
    raw = secret.encode()
    at %= len(raw)
    one, two = b"before " + raw[:at], raw[at:] + b" after"
    if how == "chunks":
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        return [head, b"%x\r\n%b\r\n" % (len(one), one), b"%x\r\n%b\r\n0\r\n\r\n" % (len(two), two)]
    if how == "gzip":
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(one) + packer.flush(zlib.Z_SYNC_FLUSH)
        rest = packer.compress(two) + packer.flush()
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        return [head, b"%x\r\n%b\r\n" % (len(packed), packed), b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest)]
    if how == "events":
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        parts = (b"data: " + one, two + b"\n\n")
        return [head, *(b"%x\r\n%b\r\n" % (len(part), part) for part in parts), b"0\r\n\r\n"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(one + two)
    return [head + one, two]


CUTS: Final = ("chunks", "gzip", "events", "segments")


def ranged(secret: str, wanted: str, around: int = 1) -> Reply:
    """A reply that gives the part that was asked for, as servers of files do."""
    body = b"0123456789" * around + secret.encode() + b"9876543210" * around
    if not wanted.startswith("bytes="):
        return [message(body)]
    parts = []
    for piece in wanted.removeprefix("bytes=").split(","):
        first, _, last = piece.strip().partition("-")
        start = int(first) if first else max(0, len(body) - int(last or 0))
        end = int(last) if first and last else len(body) - 1
        parts.append((start, body[start : end + 1]))
    if len(parts) == 1:
        start, part = parts[0]
        field = f"Content-Range: bytes {start}-{start + len(part) - 1}/{len(body)}"
        return [message(part, field, status="206 Partial Content")]
    made = b"".join(b"--b\r\nContent-Range: bytes %d-\r\n\r\n%b\r\n" % part for part in parts) + b"--b--\r\n"
    return [message(made, "Content-Type: multipart/byteranges; boundary=b", status="206 Partial Content")]


_NEXT = message(POISON)
RAW: Final[Mapping[str, bytes]] = {
    "second-answer": message(b"{}") + _NEXT,
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + _NEXT,
    "two-lengths-one-field": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 40\r\n\r\n{}" + _NEXT,
    "length-and-chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + _NEXT,
    "other-coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + _NEXT,
    "chunked-old": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _NEXT,
    "empty-with-body": b"HTTP/1.1 204 No Content\r\nContent-Length: 15\r\n\r\n" + POISON,
    "unchanged-with-body": b"HTTP/1.1 304 Not Modified\r\n\r\n" + _NEXT,
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + _NEXT,
    "plus-length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}" + _NEXT,
    "hex-length": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}" + _NEXT,
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + _NEXT,
    "bare-return": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: poisoned-answer\r\nContent-Length: 2\r\n\r\n{}",
    "nul": b"HTTP/1.1 200 OK\r\nX: a\0poisoned-answer\r\nContent-Length: 2\r\n\r\n{}",
    "no-status": b"poisoned-answer\r\n\r\n",
    "other-version": b"HTTP/2.0 200 OK\r\nContent-Length: 15\r\n\r\n" + POISON,
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    + POISON,
    "switch-other": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    + POISON,
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + _NEXT,
    "interim-flood": b"HTTP/1.1 102 Processing\r\n\r\n" * 200 + _NEXT,
    "interim-cookie": b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: poisoned-answer\r\n\r\n" + message(b"{}"),
    "own-field": message(b"{}", "Wharfinger-Decision: poisoned-answer"),
    "alternative": message(b"{}", 'Alt-Svc: h3="evil.example:443"; ma=86400; x=poisoned-answer'),
    "cookie": message(b"{}", "Set-Cookie: sid=poisoned-answer"),
    "login-wanted": message(b"{}", 'Proxy-Authenticate: Basic realm="poisoned-answer"', status="407 Login"),
}
"""Answers that are no plain answer; nothing that says `POISON` may come through."""
