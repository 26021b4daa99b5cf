"""Answers made of JSON documents, by their media type: one, one a line, or one an event.

Each is read document by document as it streams, and written anew: nothing passes that was not parsed. What
does not parse in the format that the answer declares is `Unredactable`, and so is a format that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from wharfinger.rules.redact.fields import Fields, Unredactable

LINES: Final = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "json-lines", "jsonlines")
)
"""What answers of a document a line are called."""
EVENTS: Final = "text/event-stream"

END: Final = b"[DONE]"
"""The last event of some APIs, which is no document (OpenAI's, and others after it)."""
_BOM: Final = b"\xef\xbb\xbf"


class Format(Protocol):
    """The documents of one answer, taken up as they come."""

    found: int
    """Members taken out so far."""
    whole: bool
    """Whether nothing goes out before the body has ended."""

    @property
    def waiting(self) -> int:
        """Bytes held until their document is whole."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What can go out now. Raises `Unredactable`."""

    def finish(self) -> bytes:
        """The rest, when the body has ended. Raises `Unredactable`."""


def is_known(media: str) -> bool:
    """Whether answers of this media type can be read."""
    return _is_json(media) or media in LINES or media == EVENTS


def _is_json(media: str) -> bool:
    return media == "application/json" or media.endswith("+json")


def media_type(content_type: str) -> str:
    """What a `Content-Type` names, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def format_of(content_type: str, fields: Fields) -> Format:
    """The format that an answer declares. Raises `Unredactable` where its documents cannot be read."""
    media = media_type(content_type)
    if _is_json(media):
        return _Whole(fields)
    if media in LINES:
        return _Lines(fields)
    if media == EVENTS:
        return _Events(fields)
    raise Unredactable("it is not JSON, nor lines or events of JSON")


class _Collecting:
    """What every format keeps until a document is whole."""

    whole = False

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._buffer = bytearray()
        self.found = 0

    @property
    def waiting(self) -> int:
        return len(self._buffer)

    def _collect(self, data: bytes) -> None:
        self._buffer += data

    def _bound(self) -> None:
        if len(self._buffer) > self._fields.limit:
            raise Unredactable(f"a document is larger than limits.parse ({self._fields.limit} bytes)")

    def _redacted(self, document: bytes) -> bytes:
        redacted, found = self._fields.redact(document)
        self.found += found
        return redacted


class _Whole(_Collecting):
    """One document."""

    whole = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._collect(data)
        self._bound()
        return iter(())

    def finish(self) -> bytes:
        return self._redacted(bytes(self._buffer)) if self._buffer else b""


class _Lines(_Collecting):
    """A document a line; empty lines are kept, as some APIs send them to stay connected."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._collect(data)
        if b"\n" in data:
            *whole, rest = bytes(self._buffer).split(b"\n")
            self._buffer[:] = rest
            for line in whole:
                yield self._line(line) + b"\n"
        self._bound()

    def finish(self) -> bytes:
        return self._line(bytes(self._buffer))

    def _line(self, line: bytes) -> bytes:
        return self._redacted(line) if line.strip(b" \t\r") else b""


class _Events(_Collecting):
    """Server-sent events (HTML, 9.2.6) whose data are documents; of comments only the beat is left."""

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        self._begun = False
        self._searched = 0
        """Bytes of what waits that no blank line begins in."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._collect(data)
        if not self._begun:
            if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
                return
            if self._buffer.startswith(_BOM):
                del self._buffer[: len(_BOM)]
            self._begun = True
        while (end := _blank_line(self._buffer, self._searched)) is not None:
            event = bytes(self._buffer[: end[0]])
            del self._buffer[: end[1]]
            self._searched = 0
            yield self._event(event)
        self._searched = max(0, len(self._buffer) - len(b"\r\n\r"))
        self._bound()

    def finish(self) -> bytes:
        """The end of the body ends an event, too, for clients that take it so."""
        event, self._buffer[:] = bytes(self._buffer), b""
        return self._event(event) if event.strip(b"\r\n") else b""

    def _event(self, event: bytes) -> bytes:
        kept: list[bytes] = []
        data: list[bytes] = []
        for line in event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name in {b"event", b"id", b"retry"}:
                kept.append(name + b": " + value + b"\n")
            elif line and not name:
                kept.append(b":\n")
        if data:
            document = b"\n".join(data)
            kept.append(b"data: " + (document if document == END else self._redacted(document)) + b"\n")
        return b"".join(kept) + b"\n"


def _blank_line(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Where the first blank line at or after `at` begins, and where what follows it does."""
    found = ((buffer.find(blank, at), len(blank)) for blank in (b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r\n"))
    return min(((start, start + size) for start, size in found if start >= 0), default=None)
