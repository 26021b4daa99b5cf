# ruff: noqa: E501 -- tables of vectors are read by their rows
# fmt: off
"""F01 to F10, D01 to D03 and A08: where a message begins and ends, and what rides on it."""

from __future__ import annotations

import gzip
import struct
import zlib

from bypassing.reflecting import POISON, RAW
from bypassing.vectors import (
    FORM,
    JSON,
    KEY,
    Class,
    Vector,
    get,
    octets,
    passing,
    plain,
    post,
    raw,
    request,
    to,
)
from bypassing.world import CHAT, FILES, OPEN, PLAIN

ITEM, PAY = "/items/@TAG@", "/pay/@TAG@"
GOOD = '{"amount":1,"to":"bob"}'
FILE = f"{FILES}:443".encode()
HIDDEN = request("GET", "/fetch/@TAG@", KEY, host=FILES)
"""A request inside the body of another."""
PLAIN_HIDDEN = request("GET", "/open/@TAG@", host=PLAIN)

CODINGS = (
    "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "Transfer-Encoding:\tchunked", " Transfer-Encoding: chunked",
    "X: X\nTransfer-Encoding: chunked", "X: X\rTransfer-Encoding: chunked", "Transfer-Encoding\r\n : chunked", "TrAnSfEr-EnCoDiNg: cHuNkEd", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked;q=1", 'Transfer-Encoding: "chunked"',
    "Transfer-Encoding: 'chunked'", "Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: chunk", "Transfer-Encoding: chunked\x0b", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding:chunked", "Transfer-Encoding: \r\n chunked", "Transfer_Encoding: chunked",
    "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding", "Transfer-Encoding: chunked\r\nConnection: Content-Length", "Transfer-Encoding", "Transfer-Encoding:", "\0Transfer-Encoding: chunked", "Transfer-Encoding: chun\0ked", "Transfer-Encoding: \xa0chunked", "Transfer-Encoding: chunked\x85",
)
BYTES = [*range(0x21), *range(0x7F, 0x100), *b"\"(),/:;<=>?"]
"""The bytes that some parser somewhere takes for nothing."""


def hidden(field: str, size: str = "") -> Vector:
    """An upload whose body is another request to whoever reads `field` as it is not read here."""
    body = b"0\r\n\r\n" + HIDDEN
    lines = f"PUT /upload/@OK@ HTTP/1.1\r\nHost: {FILES}\r\n{KEY}\r\nContent-Type: text/plain\r\n"
    length = size or "Content-Length: @LENGTH@"
    made = octets(f"{lines}{length}\r\n{field}\r\n\r\n") + body
    return Vector((made,), connect=FILE, fresh=True, whole=False)


def hidden_plainly(field: str) -> Vector:
    """The same without TLS."""
    lines = f"GET http://{PLAIN}/open/@OK@ HTTP/1.1\r\nHost: {PLAIN}\r\nProxy-Authorization: Basic @AUTH@\r\n"
    made = octets(f"{lines}Content-Length: @LENGTH@\r\n{field}\r\n\r\n") + b"0\r\n\r\n" + PLAIN_HIDDEN
    return Vector((made,), connect=None, fresh=True, whole=False)


def mutated() -> tuple[Vector, ...]:
    """A byte before, within and after the field that says how the body is framed."""
    places = (
        lambda c: f"{c}Transfer-Encoding: chunked", lambda c: f"Transfer-Encoding{c}: chunked",
        lambda c: f"Transfer-Encoding:{c}chunked", lambda c: f"Transfer-Encoding: chunked{c}",
    )
    return tuple(hidden(place(chr(byte))) for place in places for byte in BYTES)


LENGTHS = (
    "+23", "-23", "0x17", "2_3", "023x", "23, 23", "23,24", "2 3", "23.0", "", "\xa023", "23\x85", "२३", "1e1", "23;q=1", '"23"', "9" * 30, "18446744073709551639", "-0", "0 23", "\x0b23", "23\0", "0b10111", "4294967319", " +23", "23\t,", "٢٣",
)
CHUNKS = (
    "0x17\r\n{}\r\n0\r\n\r\n", "+17\r\n{}\r\n0\r\n\r\n", "-17\r\n{}\r\n0\r\n\r\n", " 17\r\n{}\r\n0\r\n\r\n", "1_7\r\n{}\r\n0\r\n\r\n", "17\n{}\n0\n\n", "17\r\n{}XX0\r\n\r\n", "17\r\n{}0\r\n\r\n", "17\r\n{}\r\n0\r\n",
    "017\r\n{}\r\n0\r\n\r", "17\r\n{}\r\n00x\r\n\r\n", "10000000000000017\r\n{}\r\n0\r\n\r\n", "\r\n17\r\n{}\r\n0\r\n\r\n", "17\r\r\n{}\r\n0\r\n\r\n", "17;a\nb\r\n{}\r\n0\r\n\r\n", "17\r\n{}\r\n0\r\nX: y\r\n\r\n", "17\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n", "17\r\n{}\r\n0\r\nContent-Length: 99\r\n\r\n",
    "17\r\n{}\r\n-0\r\n\r\n", "१७\r\n{}\r\n0\r\n\r\n", "17\r\n{}\r\n\r\n0\r\n\r\n", "g\r\n{}\r\n0\r\n\r\n", "ffffffff\r\n{}", "17\r\n{}\r\n",
)
LOOSE = (
    "17 \r\n{}\r\n0\r\n\r\n", "17;\0\r\n{}\r\n0\r\n\r\n", "17\r\n{}\r\n0;\r\r\n\r\n", "17" + ";x" * 40000 + "\r\n{}\r\n0\r\n\r\n", "17;\"\r\n{}\r\n0\r\n\r\n", "17\t\r\n{}\r\n0\r\n\r\n",
)
"""Chunks with one length whoever reads them: they may pass, since what goes upstream is framed anew."""
HEADS = (
    "X: a\r\n b", "X: a\r\n\tb", "X: a\rb", "X: a\0b", "X: a\x01b", "X\x00: a", "X y: a", ": a", "X", "X(: a", "X: a\x7fb", "X : a", "\tX: a", "X: a\x0bb", "X: a\x1b[2Jb", "X\xe9: a", "X=: a", '"X": a', "X@Y: a", "X/Y: a", "X: a\r\r\nY: b", "X,Y: a", "X\t: a", "{X}: a", "X;: a",
)


def chunked(form: str, path: str = PAY, *fields: str, **more: object) -> Vector:
    """A body in chunks, written as `form` has it; `{}` stands for 23 bytes."""
    head = request("POST", path, KEY, JSON, "Transfer-Encoding: chunked", *fields)
    more.setdefault("whole", False)
    return Vector((head + form.replace("{}", GOOD).encode(),), fresh=True, **more)  # type: ignore[arg-type]


def frame(text: bytes, kind: int = 1, *, end: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """A WebSocket frame of a client."""
    mask = b"\x11\x22\x33\x44" if masked else b""
    size = len(text)
    first = (0x80 if end else 0) | reserved | kind
    head = bytes([first, (0x80 if masked else 0) | (min(126, size))])
    head += struct.pack(">H", size) if size >= 126 else b""
    said = bytes(octet ^ mask[place % 4] for place, octet in enumerate(text)) if masked else text
    return head + mask + said


UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def socket(*frames: bytes, fields: tuple[str, ...] = (*UPGRADE, KEY), target: str = "/chat/@TAG@", **more: object) -> Vector:
    """A WebSocket, and what is said on it."""
    opening = request("GET", target, *fields, host=CHAT)
    return Vector((opening, *frames), connect=f"{CHAT}:443".encode(), fresh=True, whole=False, owed=1, **more)  # type: ignore[arg-type]


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    upload = request("PUT", "/upload/@TAG@", KEY, "Content-Type: text/plain", host=FILES, body="0\r\n\r\nGET /x HTTP/1.1\r\n\r\n")
    return (
        Class(
            "F01 transfer codings",
            tuple(hidden(field) for field in CODINGS) + tuple(hidden_plainly(field) for field in CODINGS) + mutated(),
            passing([Vector((upload,), connect=FILE)])
            + passing(chunked(f"17{more}\r\n{{}}\r\n0\r\n\r\n", whole=True) for more in ("", ";x=y", ";x"))
            + passing(Vector((request("PUT", "/upload/@TAG@", KEY, f"Transfer-Encoding:{te}", host=FILES) + b"3\r\nabc\r\n0\r\n\r\n",), connect=FILE) for te in (" chunked", "chunked", "\tchunked", " Chunked", "  chunked  ")),
        ),
        Class(
            "F02 lengths and chunks",
            tuple(raw(request("POST", PAY, KEY, JSON, f"Content-Length: {length}") + GOOD.encode(), whole=False) for length in LENGTHS)
            + tuple(hidden("X: y", f"Content-Length: {length}") for length in LENGTHS)
            + tuple(hidden("Content-Length: 5", f"Content-Length:{one}") for one in (" 5", " 6", " 05", ""))
            + tuple(chunked(form) for form in CHUNKS) + tuple(chunked(form, silent=False) for form in LOOSE)
            + tuple(raw(request("POST", PAY, KEY, JSON, "Content-Length: 23", field) + GOOD.encode(), whole=False) for field in ("Content-Length: 23", "Content-Length: 0", "content-length: 24", "Content_Length: 0", "Transfer-Encoding: chunked", "Content-Length : 0"))[:3]
            + tuple(chunked("17\r\n{}\r\n0\r\n\r\n", PAY, field) for field in ("Content-Length: 23", "Content-Length: 0", "Transfer-Encoding: identity"))
            + tuple(raw(request(method, ITEM, KEY, "Content-Length: 40") + b"DELETE /items/1 HTTP/1.1\r\n\r\n", whole=False) for method in ("GET", "HEAD", "DELETE")),
            passing(chunked(form, whole=True) for form in ("17\r\n{}\r\n0\r\n\r\n", "0017\r\n{}\r\n0\r\n\r\n", "17\r\n{}\r\n000\r\n\r\n", "17;a=b;c\r\n{}\r\n0\r\n\r\n", '1\r\n{\r\n16\r\n"amount":1,"to":"bob"}\r\n0\r\n\r\n'.replace("{}", "{}")))
            + passing(raw(request("POST", PAY, KEY, JSON, f"Content-Length:{length}") + GOOD.encode()) for length in (" 23", "23", " 23 ", "\t23 ", "  23"))
            + passing([get(ITEM, "Content-Length: 0")]),
        ),
        Class(
            "F03 heads",
            tuple(raw(request("GET", ITEM, KEY, field)) for field in HEADS)
            + tuple(raw(f"GET {ITEM} HTTP/1.1\r\nHost: api.example.com\r\n{field}\r\n\r\n") for field in ("Authorization: Bearer\r\n @API@", "Authorization: \r\n Bearer @API@", f"{KEY}\r\n{KEY}", f"{KEY}\r\nAuthorization: Bearer own", f"Authorization: Bearer own\r\n{KEY}", "Authorization : Bearer @API@", "Authorization_: Bearer @API@", "Authorization\0: Bearer @API@", f"{KEY}\r\nauthorization: Basic eDp5"))
            + tuple(get(ITEM, *[f"X-{n}: 1" for n in range(count)], fresh=True) for count in (201, 500, 1000)) + (get(ITEM, "X: " + "a" * 17000, fresh=True), get(ITEM, "X: " + "a" * 300000, fresh=True), get(ITEM, *["X: " + "a" * 900] * 30, fresh=True))
            + tuple(raw(head, whole=False) for head in (f"GET {ITEM} HTTP/1.1\r\nHost: api.example.com\r\n{KEY}\r\n", f"GET {ITEM} HTTP/1.1", f"GET {ITEM}", "\r\n" * 2000 + f"DELETE {ITEM} HTTP/1.1\r\n")),
            passing(get(ITEM, *fields) for fields in ([f"X-{n}: 1" for n in range(100)], ["X: " + "a" * 8000], ["X:"], ["X: "], ["X:a"], ["X: \ta\t "], ["X-\u0021: a"], ["X: a:b"], ["X: \xe9"], ["x_y: 1"], ["X~!#$%&'*+.^_`|: 1"], ["X: \"a, b\""], ["Accept: a", "Accept: b"], ["X: 1", "X: 2"]))
            + passing([raw(b"\r\n" + request("GET", ITEM, KEY)), raw(b"\r\n\r\n" + request("GET", ITEM, KEY))]),
        ),
        Class(
            "F04 trailers",
            tuple(chunked(f"17\r\n{{}}\r\n0\r\n{trailer}\r\n\r\n") for trailer in ("X: y", "Authorization: Bearer own", "X: @API@", "Content-Length: 0", "Host: evil.example", "X-HTTP-Method-Override: DELETE", "Transfer-Encoding: chunked", " folded", "a" * 70000 + ": b"))
            + tuple(Vector((request("PUT", "/upload/@TAG@", KEY, "Transfer-Encoding: chunked", host=FILES) + f"3\r\nabc\r\n0\r\n{trailer}\r\n\r\n".encode(),), connect=FILE, fresh=True, whole=False, silent=False) for trailer in ("X: @API@", "X: y", "Authorization: Bearer own"))
            + tuple(get(ITEM, field) for field in ("Trailer: X", "Trailer: Authorization", "trailer:")),
            passing([chunked("17\r\n{}\r\n0\r\n\r\n", whole=True), get(ITEM, "X-Trailer: 1"), get(ITEM, "TE: trailers")]),
        ),
        Class(
            "F05 bodies that do not come",
            tuple(raw(request("POST", path, KEY, JSON, f"Content-Length: {size}", *fields) + GOOD.encode(), whole=False) for path in (PAY, "/transfer/@TAG@") for size in (24, 100, 60000) for fields in ((), ("Expect: 100-continue",), ("X-Request-Id: @TAG@",)))
            + tuple(raw(request("POST", PAY, KEY, JSON, "Transfer-Encoding: chunked", *fields) + part, whole=False) for part in (b"17\r\n" + GOOD.encode(), b"", b"17", b"5\r\n{\"amo\r\n") for fields in ((), ("Expect: 100-continue",)))
            + tuple(get(ITEM, f"Expect: {value}", silent=False, fresh=True, whole=False) for value in ("200-ok", "100-continue, x", "")),
            passing([post(PAY, GOOD, "Expect: 100-continue"), Vector((request("POST", PAY, KEY, JSON, "Expect: 100-continue", body=GOOD),), fresh=True), get(ITEM, "Expect: 100-continue")]),
        ),
        Class(
            "F06 switched connections",
            tuple(raw(request("GET", ITEM, KEY, *fields), b"DELETE /items/@TAG@ HTTP/1.1\r\nHost: x\r\n\r\n", whole=False, silent=True) for fields in (UPGRADE, ("Connection: Upgrade", "Upgrade: tls/1.0"), ("Connection: Upgrade", "Upgrade: h2c, websocket"), ("Connection: Upgrade", "Upgrade: foo"), ("Upgrade: TLS/1.2",)))
            + tuple(Vector((request("GET", f"/raw/{how}/@OK@", KEY), request("DELETE", ITEM, KEY)), fresh=True, whole=False, deaf_to=POISON) for how in ("switch", "switch-other"))
            + tuple(socket(*frames, silent=False) for frames in ((frame(b"tell"),), (frame(b"x" * 20, reserved=0x40),), (frame(b"x", masked=False),), (frame(b"te", end=False) + frame(b"ll", 0),), (frame(b"@OK@", 3),), (frame(b"x" * 200, 9),), (b"\x81\xff" + b"\xff" * 12,), (b"DELETE /items/@OK@ HTTP/1.1\r\nHost: x\r\n\r\n",)))
            + tuple(socket(frame(b"@SPELLED@"), spell=spell, silent=False) for spell in (lambda held: frame(held["API"].encode()), lambda held: frame(b'{"key":"' + held["API"].encode() + b'"}')))
            + tuple(socket(fields=fields) for fields in (UPGRADE, (*UPGRADE, "Authorization: Bearer own"), (*UPGRADE[1:], KEY), (*UPGRADE[:1], *UPGRADE[2:], KEY), (*UPGRADE[:2], UPGRADE[3], KEY), (*UPGRADE[:3], KEY), (*UPGRADE, KEY, "Sec-WebSocket-Key: AAAA"), ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8", UPGRADE[3], KEY), (*UPGRADE, KEY, "Content-Length: 5")))
            + (socket(target="/other/@TAG@"), to(CHAT, "/chat/@TAG@", KEY), to(CHAT, "/chat/@TAG@", *UPGRADE, KEY, method="POST")),
            passing([socket(), socket(frame(b"hello")), socket(frame(b"x" * 300)), socket(frame(b"he", end=False) + frame(b"llo", 0)), socket(frame(b"\0\1", 2)), socket(frame(b"", 9)), socket(fields=(*UPGRADE, KEY, "Sec-WebSocket-Extensions: permessage-deflate")), socket(fields=("Connection: keep-alive, upgrade", "Upgrade: WebSocket", *UPGRADE[2:], KEY))]),
        ),
        Class(
            "F07 HTTP/2 where HTTP/1 is spoken",
            tuple(Vector((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + tail,), connect=connect, tls=tls, fresh=True, whole=False) for tail in (b"", b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x10\1\5\0\0\0\1@TAG@", b"\0\0\0\4\0\0\0\0\0" * 300) for connect, tls in ((None, True), (b"api.example.com:443", True), (b"api.example.com:443", False), (b"open.example.com:443", True)))
            + tuple(raw(f"{line}\r\nHost: api.example.com\r\n{KEY}\r\n\r\n") for line in (f":method GET {ITEM} HTTP/1.1", f"GET {ITEM} HTTP/2", f"GET {ITEM} HTTP/2.0", f"GET {ITEM} h2", f"GET {ITEM} HTTP/3"))
            + tuple(get(ITEM, field) for field in (":authority: evil.example", ":path: /admin/wipe/1", ":method: DELETE", ":scheme: http")),
            passing([get(ITEM, "Upgrade-Insecure-Requests: 1"), get(ITEM, "Http2-Settings: AAMAAABk")]),
        ),
        Class(
            "F08 answers that are two",
            tuple(Vector((request("GET", f"/raw/{how}/@OK@", KEY), request("GET", "/items/@OK@", KEY)), fresh=True, whole=False, deaf_to=POISON) for how in RAW if how not in {"negative-length", "unused"})
            + tuple(Vector((request(method, f"/raw/{how}/@OK@", KEY), request("GET", "/items/@OK@", KEY)), fresh=True, whole=False, deaf_to=POISON) for method in ("HEAD",) for how in RAW)
            + tuple(Vector((request("HEAD", path, KEY), request("GET", "/items/@OK@", KEY)), fresh=True, deaf_to=b'"type":"wharfinger"') for path in ("/nowhere/@TAG@", "/items/@TAG@/../x", "/items/%2e%2e/@TAG@"))
            + tuple(get(ITEM, method=method, fresh=True) for method in ("TRACE", "TRACK", "trace"))
            + tuple(Vector((request(method, ITEM, KEY, "Content-Type: text/plain", body=b"x" * 10),), fresh=True) for method in ("HEAD", "DELETE", "OPTIONS", "TRACE")),
            passing([get("/reflect/none/@TAG@", method="HEAD"), to(OPEN, "/open/@TAG@", body=b"{}")]),
        ),
        Class(
            "F09 hop by hop",
            tuple(get(ITEM, f"Connection: {value}", silent=False) for value in ("authorization", "Authorization, close", "host", "content-length", "x-foo", "close, transfer-encoding", "keep-alive, authorization", "te", "proxy-authorization"))
            + tuple(get(ITEM, field, silent=False) for field in ("Proxy-Authorization: Basic eDp5", "Proxy-Authorization: Basic @AUTH@", "Proxy-Connection: close", "Proxy-X: 1", "Keep-Alive: timeout=5", "TE: gzip", "Upgrade: h2c", "Proxy-Authenticate: x", "Proxy: http://evil.example", "Wharfinger-Reason: x", "Wharfinger-Decision: d_1", "X-Wharfinger: 1"))
            + tuple(post(PAY, GOOD, f"Connection: {value}", silent=False) for value in ("content-type", "content-length", "authorization")) + tuple(plain(f"http://{PLAIN}/open/@TAG@", field, silent=False) for field in ("Connection: host", "Proxy-Connection: keep-alive", "Proxy-X: y", "Connection: proxy-authorization", "Keep-Alive: 1")),
            passing(get(ITEM, field) for field in ("Connection: keep-alive", "Connection: Keep-Alive", "Proxy-Connection: keep-alive", "Keep-Alive: timeout=5", "Connection: keep-alive, x-foo", "TE: trailers")) + passing([get(ITEM, "Connection: close", fresh=True), plain(f"http://{PLAIN}/open/@TAG@", "Proxy-Connection: keep-alive")]),
        ),
        Class(
            "F10 versions and lines",
            tuple(raw(f"{line}\r\nHost: api.example.com\r\n{KEY}\r\n\r\n", whole=False) for line in (f"GET {ITEM}", f"GET {ITEM} HTTP/0.9", f"GET {ITEM} HTTP/1.32", f"GET {ITEM} HTTP/1.2", f"GET {ITEM} HTTP/01.1", f"GET {ITEM} http/1.1", f"GET {ITEM} HTTP/1.1 ", f"GET  {ITEM} HTTP/1.1", f"GET\t{ITEM}\tHTTP/1.1", f"GET\x0b{ITEM}\x0bHTTP/1.1", f"GET\x0c{ITEM} HTTP/1.1", f" GET {ITEM} HTTP/1.1", f"GET {ITEM} HTTP/1.1\0", f"GET {ITEM} HTTP/1.1 HTTP/1.1", f"GET {ITEM} HTTP/1", f"GET {ITEM} HTTP/+1.1", f"GET {ITEM} HTTP/1.1x", f"GET {ITEM}\r HTTP/1.1", f"GET\xa0{ITEM} HTTP/1.1", f"GET {ITEM} FTP/1.1", f"GET {ITEM} HTTP\\1.1", f"\0GET {ITEM} HTTP/1.1", f"GET {ITEM} HTTP/1.1\x85", f"GET {ITEM} x HTTP/1.1"))
            + tuple(raw(f"GET {ITEM} HTTP/1.1{end}Host: api.example.com{end}{KEY}{end}{end}", whole=False) for end in ("\r", "\n\r", "\r\r\n", "\x85", "\u2028".encode().decode("latin-1"))),
            passing([raw(f"GET {ITEM} HTTP/1.0\r\nHost: api.example.com\r\n{KEY}\r\n\r\n"), raw(f"GET {ITEM} HTTP/1.0\r\nHost: api.example.com\r\nConnection: keep-alive\r\n{KEY}\r\n\r\n")]),
        ),
        Class(
            "D01 bombs",
            tuple(post(path, packed, kind, f"Content-Encoding: {name}") for name, packed in (("gzip", gzip.compress(b"0" * 20_000_000, 9)), ("deflate", zlib.compress(b"0" * 20_000_000, 9)), ("gzip", gzip.compress(gzip.compress(b"0" * 20_000_000, 9), 9))) for path, kind in ((PAY, JSON), ("/transfer/@TAG@", FORM)))
            + tuple(post(PAY, body) for body in ("[" * 60000, '{"a":' * 10000, '{"amount":1' + "0" * 60000 + ',"to":"bob"}', "{" + ",".join(f'"k{n}":1' for n in range(5000)) + ',"amount":1,"to":"bob"}', '"' + "\\u0061" * 10000 + '"')),
            passing([post(PAY, '{"amount":1,"to":"bob","n":[' + ",".join(["1"] * 800) + "]}")]),
        ),
        Class(
            "D03 bodies beyond the limit",
            tuple(raw(request("POST", PAY, KEY, JSON, f"Content-Length: {size}") + b"x" * 4000, whole=False) for size in (262145, 10**9, 2**63, 2**64, 10**30))
            + tuple(raw(request("POST", PAY, KEY, JSON, "Transfer-Encoding: chunked") + b"40000\r\n" + b" " * 0x40000 + b"\r\n" * count, whole=False) for count in (1, 2))
            + (raw(request("POST", PAY, KEY, JSON, "Transfer-Encoding: chunked") + b"1\r\n \r\n" * 40000, whole=False), post(PAY, " " * 70000 + GOOD, fresh=True), post(PAY, GOOD + " " * 300000, fresh=True, whole=False)),
            passing([post(PAY, GOOD + " " * 60000), Vector((request("PUT", "/upload/@TAG@", KEY, "Content-Type: text/plain", host=FILES, body=b"x" * 400000),), connect=FILE, fresh=True)]),
        ),
        Class(
            "A08 words for the log",
            tuple(get(f"/items/@TAG@{text}") for text in ("%0a{\"seq\":1}", "%0d%0aforged", "%1b[2J", "%00", "\x1b]8;;http://x\x07", "%1b]52;c;eDp5%07")) + tuple(get(f"/nowhere/@TAG@{text}") for text in ("%e2%80%ae", "%e2%80%a8", "%ef%bf%bf", "</script>", "=cmd|' /C calc'!A0".replace(" ", "%20"), "%c2%9b31m", "%25%30%61", "${jndi:ldap:x}", "{{7*7}}", "'--"))
            + tuple(raw(request("GET", ITEM, KEY, f"User-Agent: {text}")) for text in ("a\x1b[2J", "a\0b", "a\x9b31m".encode("latin-1").decode("latin-1") + "\x07", "a\x08b")),
            passing(get(ITEM, f"User-Agent: {text}") for text in ("<script>", "=1+1", "${jndi:ldap}", "%0a", "'; DROP TABLE events; --", "[REDACTED]", '{"seq":1}')) + passing(get(f"/items/@TAG@{text}") for text in ("%3Cscript%3E", "=1+1", "%E2%80%AE", "%22%7B")),
        ),
    )
