"""Where an HTTP/1 head and body begin and end, with one reading only; the same for requests and responses.

On h11's readers, which are stricter than mitmproxy's use of them: see `http1` for what was let through.
"""

from __future__ import annotations

import re

import h11
from h11._readers import ChunkedReader, ContentLengthReader, Http10Reader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import _http1 as base

FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*", re.ASCII)
"""A header field: RFC 9110 section 5.5, without the leniencies."""

CHUNK_LINE_LIMIT = 16 * 1024
"""Bytes of a chunk's size with its extensions, or of trailers: what h11 would wait for without end."""


class NoTrailers(ChunkedReader):
    """Chunked body of a request: trailers are refused."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        event = super().__call__(buf)
        if isinstance(event, h11.EndOfMessage) and event.headers:
            raise h11.RemoteProtocolError("trailers are not accepted")
        return event


class DropTrailers(ChunkedReader):
    """Chunked body of a response: trailers are dropped, as RFC 9110 section 6.5.1 allows."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


def reader(size: int | None, chunked: type[ChunkedReader]) -> base.TBodyReader:
    """What reads a body of `size` bytes; None stands for chunks, -1 for all until the end."""
    if size is None:
        return chunked()
    return Http10Reader() if size == -1 else ContentLengthReader(size)


def next_head(buf: ReceiveBuffer) -> list[bytes] | None:
    """The lines of the next head; None while it is not whole. Empty lines before it are skipped."""
    while (lines := buf.maybe_extract_lines()) is not None:
        if lines:
            return [bytes(line) for line in lines]
    return None


def frames_twice(version: bytes, fields: list[bytes]) -> bool:
    """Whether the head's framing can be read in two ways, or is a coding that nothing here undoes.

    RFC 9112 section 6.3 has rules for such messages; each of them has been read differently by somebody.
    """
    codings: list[bytes] = []
    lengths: list[bytes] = []
    for field in fields:
        name, _, value = field.partition(b":")
        low = name.lower()
        if low == b"transfer-encoding":
            codings.append(value.strip(b" \t").lower())
        elif low == b"content-length":
            lengths.append(value.strip(b" \t"))
    if len(codings) + len(lengths) > 1 or not all(map(bytes.isdigit, lengths)):
        return True
    return bool(codings) and (codings != [b"chunked"] or version == b"HTTP/1.0")


def read_part(body: base.TBodyReader, buf: ReceiveBuffer, event: events.Event) -> tuple[bytes, bool]:
    """What `event` brought of a body, in one piece, and whether the body has ended. Raises h11's error.

    In one piece, since a body of one-byte chunks would otherwise cost an event for each byte.
    """
    parts: list[bytes] = []
    while True:
        got = body(buf) if isinstance(event, events.DataReceived) else body.read_eof()
        if got is None:
            break
        if isinstance(got, h11.EndOfMessage):
            return b"".join(parts), True
        parts.append(bytes(got.data))
    if isinstance(body, ChunkedReader) and len(buf) > CHUNK_LINE_LIMIT:
        raise h11.RemoteProtocolError("a chunk's size line has no end")
    return b"".join(parts), False
