"""Requests as they reached an origin, read in the strictest form there is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bypassing.record import Connection

_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[!-\"$-\[\]-~]*) HTTP/1\.1")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
_ONCE = frozenset(
    {"host", "content-length", "transfer-encoding", "content-type", "authorization", "content-encoding"}
)


class Odd(Exception):
    """A request that is not in the one plain form there is, or that policy forbids."""


@dataclass
class Seen:
    """One request, as it reached an origin."""

    host: str
    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes
    raw: bytes
    whole: bool = True
    later: bytes = b""
    """What followed, once the connection had become a WebSocket."""

    def values(self, name: str) -> list[str]:
        """The values of a field."""
        return [value for low, value in self.fields if low == name]

    @property
    def path(self) -> str:
        """The path, as it stands."""
        return self.target.partition("?")[0]


def parsed(connection: Connection, host: str) -> Iterable[Seen]:
    """The requests on a connection. Raises `Odd` at the first that is not in the strictest form."""
    data = bytes(connection.raw)
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            raise Odd("a head without an end")
        line, *lines = head.split(b"\r\n")
        found = _LINE.fullmatch(line)
        matches = [_FIELD.fullmatch(each) for each in lines]
        if found is None or not all(matches):
            raise Odd("a line of the head is not plain")
        fields = [(m[1].decode().lower(), m[2].decode("latin-1")) for m in matches if m is not None]
        counts = Counter(name for name, _ in fields)
        if any(counts[name] > 1 for name in _ONCE):
            raise Odd("a field twice that may stand once")
        known = dict(fields)
        if "content-length" in known and "transfer-encoding" in known:
            raise Odd("framed twice")
        body, after, whole = _body(known, rest)
        seen = Seen(
            host, found[1].decode(), found[2].decode(), fields, body, data[: len(data) - len(after)], whole
        )
        if known.get("upgrade", "").lower() == "websocket":
            seen.later, after = after, b""
        yield seen
        data = after


def _body(known: Mapping[str, str], rest: bytes) -> tuple[bytes, bytes, bool]:
    coding = known.get("transfer-encoding")
    if coding is not None:
        if coding != "chunked":
            raise Odd("a transfer coding that is not plain")
        body = b""
        while (size := _CHUNK.match(rest)) is not None:
            length, rest = int(size[1], 16), rest[size.end() :]
            if length == 0:
                if rest[:2] not in (b"\r\n", b""):
                    raise Odd("trailers")
                return body, rest[2:], bool(rest)
            body, rest = body + rest[:length], rest[length + 2 :]
        if rest:
            raise Odd("a chunk that is not plain")
        return body, b"", False
    text = known.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise Odd("a length that is no number")
    size_ = int(text)
    return rest[:size_], rest[size_:], len(rest) >= size_


def unmasked(data: bytes) -> bytes:
    """What a client said in WebSocket frames."""
    text = b""
    while len(data) > 6:
        size, at = data[1] & 0x7F, 6
        if size == 126:
            size, at = int.from_bytes(data[2:4]), 8
        mask = data[at - 4 : at]
        text += bytes(octet ^ mask[place % 4] for place, octet in enumerate(data[at : at + size]))
        data = data[at + size :]
    return text
