"""HTTP/2 as bytes (RFC 9113, RFC 7541): frames and header blocks that no library would write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from hpack import Decoder, HPACKError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITISED = 1, 4, 8, 32
HELLO = PREFACE + b"\0\0\0\4\0\0\0\0\0"

type Marker = Callable[[bytes], bytes]
"""Puts what is sent in place of the marks."""
type Writer = Callable[[Marker], bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _number(value: int) -> bytes:
    if value < 127:
        return bytes([value])
    made, value = bytearray([127]), value - 127
    while value >= 128:
        made.append(value % 128 + 128)
        value //= 128
    return bytes([*made, value])


def block(fields: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A header block: every field literally, none indexed, nothing compressed."""
    return b"".join(b"\0" + _number(len(n)) + n + _number(len(v)) + v for n, v in fields)


def answers(data: bytes, decoder: Decoder) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, stream and payload of each whole frame; header blocks as lines of text."""
    while len(data) >= 9:
        size = int.from_bytes(data[:3])
        if len(data) < 9 + size:
            return
        kind, flags, stream, payload = data[3], data[4], int.from_bytes(data[5:9]), data[9 : 9 + size]
        if kind in (HEADERS, CONTINUATION):
            try:
                fields = decoder.decode(payload, raw=True)
                payload = b"".join(b"%b: %b\r\n" % (bytes(name), bytes(value)) for name, value in fields)
            except HPACKError:
                payload = b""
        yield kind, flags, stream, payload
        data = data[9 + size :]
