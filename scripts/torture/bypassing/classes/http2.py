# ruff: noqa: E501, RUF005 -- tables of vectors are read by their rows
# fmt: off
"""F07: HTTP/2, whose fields can hold what a line of HTTP/1 cannot."""

from __future__ import annotations

from collections.abc import Sequence

from bypassing.http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    HELLO,
    PADDED,
    PING,
    PRIORITISED,
    PRIORITY,
    PUSH,
    RESET,
    SETTINGS,
    WINDOW,
    Marker,
    block,
    frame,
)
from bypassing.vectors import Class, Vector, passing
from bypassing.world import API, EVIL, OPEN

type Fields = Sequence[tuple[bytes, bytes]]
A = API.encode()
E = f"@TAG@.{EVIL}".encode()
KEY = (b"authorization", b"Bearer @API@")
ITEM = b"/items/@TAG@"
GOOD = b'{"amount":1,"to":"bob"}'
JSON = (b"content-type", b"application/json")


def head(path: bytes = ITEM, *more: tuple[bytes, bytes], method: bytes = b"GET", authority: bytes = A, scheme: bytes = b"https") -> list[tuple[bytes, bytes]]:
    """The fields of a request."""
    return [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path), KEY, *more]


def fields(given: Fields, mark: Marker) -> bytes:
    """A header block with its marks filled in."""
    return block([(mark(name), mark(value)) for name, value in given])


def said(given: Fields, body: bytes | None = None, *, stream: int = 1, **more: object) -> Vector:
    """One request, its body in one frame."""
    def write(mark: Marker) -> bytes:
        made = HELLO + frame(HEADERS, END_HEADERS | (END_STREAM if body is None else 0), stream, fields(given, mark))
        return made if body is None else made + frame(DATA, END_STREAM, stream, mark(body))

    return Vector((), fresh=True, frames=write, streams=(stream,), **more)  # type: ignore[arg-type]


def written(*frames: tuple[int, int, int, bytes | Fields], streams: tuple[int, ...] = (1,), lead: bytes = HELLO, **more: object) -> Vector:
    """Frames as they are: kind, flags, stream and payload, or fields."""
    def write(mark: Marker) -> bytes:
        return lead + b"".join(
            frame(kind, flags, stream, mark(payload) if isinstance(payload, bytes) else fields(payload, mark))
            for kind, flags, stream, payload in frames
        )

    return Vector((), fresh=True, frames=write, streams=streams, **more)  # type: ignore[arg-type]


def split(given: Fields, *, between: tuple[int, int, int, bytes] | None = None, **more: object) -> Vector:
    """A header block in two frames, perhaps with another between them."""
    def write(mark: Marker) -> bytes:
        made = fields(given, mark)
        middle = b"" if between is None else frame(*between)
        return HELLO + frame(HEADERS, END_STREAM, 1, made[:20]) + middle + frame(CONTINUATION, END_HEADERS, 1, made[20:])

    return Vector((), fresh=True, frames=write, **more)  # type: ignore[arg-type]


BOTH = END_HEADERS | END_STREAM
AUTHORITIES = (
    E, b"other.example.com", OPEN.encode(), b"", b"a@" + A, A + b":444", A + b":80", A + b":", A + b".evil.example", A + b"/", A + b"\r\nX: y", A + b"\0", A + b"," + E, b"[" + A + b"]", b"127.0.0.1", A + b" ", A + b"?", b"*",
)
PATHS = (
    b"https://api.example.com/items/@TAG@", b"*", b"", b"items/@TAG@", b"/items/@TAG@ HTTP/1.1\r\nX: y", b"/items/@TAG@\r\n", b"/items/@TAG@\0", b"/files/public/../@TAG@", b"/files/public/%2e%2e/@TAG@", b"//items/@TAG@", b"/items/@TAG@#x", b"/items/@TAG@ x", b"/items/@TAG@\tx", b"/items/@TAG@\xe9", b"/items/@TAG@;x", b"/items/@TAG@\\x",
    b"/items/@TAG@?_method=DELETE", b"/admin/wipe/@TAG@", b"/files/private/@TAG@", b"/items/@TAG@%00", b"/items/@TAG@/%2e%2e%2fx",
)
METHODS = (b"get", b"DELETE", b"GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET", b"GET ", b" GET", b"TRACE", b"CONNECT", b"PRI", b"", b"GET\0", b"G\nET", b"POST", b"PUT")
SCHEMES = (b"http", b"ftp", b"HTTPS", b"", b"https://x", b"file", b"https\r\nX: y")
EXTRA = (
    (b"X-Upper", b"1"), (b"x y", b"1"), (b"", b"1"), (b"x:y", b"1"), (b"x\r\ny", b"1"), (b"x\0", b"1"), (b"x", b"1\r\nx-http-method-override: DELETE"), (b"x", b"1\nY: 2"), (b"x", b"1\0"), (b"x", b"1\r"), (b"x\xe9", b"1"), (b"x\x7f", b"1"),
    (b"connection", b"close"), (b"connection", b"authorization"), (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"identity"), (b"upgrade", b"h2c"), (b"keep-alive", b"1"), (b"proxy-connection", b"close"), (b"te", b"gzip"), (b"host", E), (b"host", b"other.example.com"), (b"Host", A), (b"content-length", b"5"), (b"content-length", b"-1"), (b"content-length", b"0x0"),
    (b":authority", E), (b":path", b"/admin/wipe/1"), (b":method", b"DELETE"), (b":scheme", b"http"), (b":protocol", b"websocket"), (b":status", b"200"), (b":foo", b"x"), (b"x-http-method-override", b"DELETE"), (b"x-original-url", b"/admin/wipe/1"), (b"x_http_method_override", b"DELETE"), (b"x-forwarded-host", b"evil.example"),
    (b"authorization", b"Bearer own"), KEY, (b"x-api-key", b"own"), (b"x-trace", b"@API@"), (b"cookie", b"a=@OTHER@"), (b"user-agent", b"@API@"), (b"trailer", b"x"), (b"content-encoding", b"rot13"), (b"x-trace", b"@FOREIGN@"),
)


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    pay = head(b"/pay/@TAG@", JSON, method=b"POST")
    ok, bad = head(b"/items/@OK@"), head(method=b"DELETE")
    big = tuple((b"x-%d" % n, b"y" * 900) for n in range(40))
    return (
        Class(
            "F07 HTTP/2",
            tuple(said(head(authority=each)) for each in AUTHORITIES) + tuple(said(head(each)) for each in PATHS)
            + tuple(said(head(method=each)) for each in METHODS) + tuple(said(head(scheme=each)) for each in SCHEMES)
            + tuple(said(head(ITEM, each)) for each in EXTRA)
            + tuple(said([entry for entry in head() if entry[0] != name]) for name in (b":method", b":scheme", b":authority", b":path", b"authorization"))
            + tuple(said([KEY, *[entry for entry in head() if entry != KEY]]) for _ in range(1))
            + tuple(said([*pay, (b"content-length", size)], GOOD) for size in (b"22", b"24", b"0", b"+23", b"23, 23", b"1000"))
            + tuple(said(pay, body) for body in (b'{"amount":9999,"to":"bob"}', b'{"amount":1,"to":"bob","amount":9999}', b'{"amount":1,"to":"bob","n":"@API@"}', b"", b'{"amount":1,"to":"eve"}', b" " * 70000 + GOOD))
            + (
                said(head(), stream=2),
                written((HEADERS, BOTH, 1, ok), (HEADERS, BOTH, 3, bad), streams=(1, 3)),
                written((HEADERS, BOTH, 1, ok), (HEADERS, BOTH, 3, head(authority=E)), streams=(1, 3)),
                written((HEADERS, BOTH, 1, ok), (HEADERS, BOTH, 1, head()), streams=(1,), whole=False),
                written((HEADERS, BOTH, 3, ok), (HEADERS, BOTH, 1, head()), streams=(3, 1), whole=False),
                written((HEADERS, BOTH, 0, head()), whole=False), written((CONTINUATION, END_HEADERS, 1, head()), whole=False), written((PUSH, END_HEADERS, 1, b"\0\0\0\2"), (HEADERS, BOTH, 1, bad)),
                split(bad), split(head(), between=(PING, 0, 0, b"12345678"), whole=False), split(head(), between=(HEADERS, BOTH, 3, b""), whole=False), split(head(), between=(DATA, 0, 1, b"x"), whole=False),
                written((HEADERS, END_HEADERS, 1, pay), (DATA, 0, 1, GOOD), whole=False), written((HEADERS, 0, 1, head()), whole=False), written((HEADERS, END_HEADERS, 1, pay), (DATA, 0, 1, GOOD), (RESET, 0, 1, b"\0\0\0\x08"), whole=False),
                written((HEADERS, END_HEADERS, 1, pay), (DATA, 0, 1, GOOD), (HEADERS, BOTH, 1, [(b"x", b"y")])), written((HEADERS, END_HEADERS, 1, pay), (DATA, 0, 1, GOOD), (HEADERS, BOTH, 1, [(b":path", b"/x")]), whole=False),
                written((HEADERS, END_HEADERS, 1, pay), (DATA, 0, 1, GOOD), (HEADERS, BOTH, 1, [(b"authorization", b"Bearer own")])), written((HEADERS, END_HEADERS, 1, pay), (DATA, END_STREAM, 1, GOOD[:5]), (DATA, END_STREAM, 1, GOOD[5:]), whole=False),
                written((HEADERS, BOTH | PADDED, 1, b"\xff" + b"x" * 20), whole=False), written((HEADERS, BOTH | PRIORITISED, 1, b"\0\0\0\1\xff"), whole=False), written((HEADERS, BOTH, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff"), whole=False), written((HEADERS, BOTH, 1, b"\x80"), whole=False),
                written((HEADERS, BOTH, 1, [*head(), *big])), written((WINDOW, 0, 0, b"\0\0\0\0"), (HEADERS, BOTH, 1, bad), whole=False), written((WINDOW, 0, 0, b"\x7f\xff\xff\xff"), (HEADERS, BOTH, 1, bad), whole=False), written((SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff"), (HEADERS, BOTH, 1, bad), whole=False),
                written(*[(SETTINGS, 0, 0, b"")] * 2000, (HEADERS, BOTH, 1, bad), whole=False), written(*[(PING, 0, 0, b"12345678")] * 2000, (HEADERS, BOTH, 1, bad), whole=False), written((HEADERS, END_STREAM, 1, bad), *[(CONTINUATION, 0, 1, b"")] * 2000, whole=False),
                written(*[entry for n in range(1, 400, 2) for entry in ((HEADERS, BOTH, n, bad), (RESET, 0, n, b"\0\0\0\x08"))], whole=False),
                written((HEADERS, BOTH, 1, head()), lead=b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", whole=False), written((HEADERS, BOTH, 1, head()), lead=b"", whole=False),
            ),
            passing([
                said(head()), said(head(authority=A + b":443")), said(head(authority=A.upper())), said(head(ITEM, (b"host", A))), said(head(ITEM, (b"te", b"trailers"))), said(head(ITEM, (b"user-agent", b"x"), (b"x-request-id", b"1"))), said([*pay, (b"content-length", b"23")], GOOD), said(pay, GOOD), said(head(), stream=3), split(head()),
                written((PING, 0, 0, b"12345678"), (HEADERS, BOTH, 1, head())), written((PRIORITY, 0, 3, b"\0\0\0\0\x10"), (HEADERS, BOTH, 1, head())), written((99, 0, 0, b"?"), (HEADERS, BOTH, 1, head())), said(head(b"/items/@TAG@?a=b")),
                written((HEADERS, END_HEADERS, 1, pay), (DATA, 0, 1, GOOD[:9]), (DATA, END_STREAM, 1, GOOD[9:])), written((HEADERS, END_HEADERS, 1, pay), (DATA, 0, 1, GOOD), (DATA, END_STREAM, 1, b"")), written((HEADERS, BOTH, 1, ok), (HEADERS, BOTH, 3, head()), streams=(1, 3)), written((HEADERS, BOTH, 1, bad[:2] + [(b":authority", A), (b":path", b"/items/@OK@"), KEY]), (HEADERS, BOTH, 3, head()), streams=(1, 3)),
                said(head(b"/reflect/none/@TAG@", method=b"HEAD")), said(head(b"/search?q=a&tag=@TAG@")), said(head(ITEM, (b"accept", b"a"), (b"accept", b"b"))),
            ]),
        ),
    )
