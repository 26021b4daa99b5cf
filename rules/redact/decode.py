"""Undo a body's content codings as it streams, within bounds.

Rules: one reading only. Every gzip member and every zstd frame is decoded; anything after the end, a
truncated stream, an unknown coding or too long a chain is `Undecodable`, and the caller withholds the
body: what we cannot read, the agent does not get. Output comes in pieces of at most `PIECE` bytes and
never more than `RATIO` times what came in, so a bomb costs no memory and little time.

ISA-L decodes gzip and deflate in half of zlib's time (scripts/bench/redact.py), by the same interface.

Codings: RFC 9110 section 8.4 (gzip, deflate), RFC 7932 (br), RFC 8878 and RFC 9659 (zstd).
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]
from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE: Final = 64 << 10
"""Most bytes in one piece of output."""

RATIO: Final = 100
"""Most bytes of output for each byte received, over the whole body and every coding of the chain…"""

ALLOWANCE: Final = 1 << 20
"""… beyond this many, which any body may have."""

FRAMES: Final = 1024
"""Most frames of zstd, each of which takes some time to begin, however little it holds…"""

FRAME: Final = 256
"""… beyond one for each so many bytes received."""

CHAIN: Final = 3
"""Most codings on one body."""

ZSTD_WINDOW_LOG: Final = 23
"""Largest zstd window, as a power of two: 8 MiB is what RFC 9659 lets a content coding ask for."""


class Undecodable(Exception):
    """The body cannot be read as its `Content-Encoding` says; its text tells why and quotes no body."""


class Coding(Protocol):
    """One content coding being undone."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most `PIECE` bytes; must be exhausted before the next call."""

    def finish(self) -> None:
        """Raise `Undecodable` unless the input ended where the coding does."""


class Decoder:
    """All codings of one body, undone in reverse order."""

    __slots__ = ("_codings", "_produced", "_received")

    def __init__(self, content_encoding: str = "") -> None:
        """`content_encoding` is the field's value; several fields are joined by commas.

        Raises `Undecodable` for a coding that is not known, or too many of them.
        """
        self._codings = [_CODINGS[name]() for name in reversed(codings(content_encoding))]
        self._received = 0
        self._produced = [0] * len(self._codings)

    @property
    def identity(self) -> bool:
        """Whether there is nothing to undo."""
        return not self._codings

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces for the next bytes of the body; must be exhausted before the next call.

        Raises `Undecodable`; the body is lost then, whatever else comes.
        """
        if not self._codings:
            yield from (data[at : at + PIECE] for at in range(0, len(data), PIECE))
            return
        self._received += len(data)
        yield from self._through(0, data)

    def finish(self) -> None:
        """Raise `Undecodable` unless every coding has ended; a body without a byte is no body."""
        if self._received:
            for coding in self._codings:
                coding.finish()

    def _through(self, level: int, data: bytes) -> Iterator[bytes]:
        if level == len(self._codings):
            yield data
            return
        for piece in self._codings[level].feed(data):
            self._produced[level] += len(piece)
            if self._produced[level] > ALLOWANCE + RATIO * self._received:
                raise Undecodable(f"the body grows to more than {RATIO} times its size")
            yield from self._through(level + 1, piece)


def codings(content_encoding: str) -> tuple[str, ...]:
    """The codings named by a `Content-Encoding`, in the order they were applied, without `identity`.

    Raises `Undecodable` where one is not known or there are more than `CHAIN`.
    """
    names = [name.strip(" \t").lower() for name in content_encoding.split(",")]
    named = tuple(name for name in names if name not in {"", "identity"})
    unknown = [name for name in named if name not in _CODINGS]
    if unknown:
        raise Undecodable(
            f'unknown content coding "{unknown[0][:40]}"; known are {", ".join(sorted(_CODINGS))}'
        )
    if len(named) > CHAIN:
        raise Undecodable(f"{len(named)} content codings on one body; at most {CHAIN} are undone")
    return named


def can_be_undone(content_encoding: str) -> bool:
    """Whether every coding named is known, and there are not too many."""
    try:
        codings(content_encoding)
    except Undecodable:
        return False
    return True


class _Zlib:
    """The life of one zlib stream: what gzip and deflate share."""

    def __init__(self, name: str, wbits: int) -> None:
        self._name = name
        self._wbits = wbits
        self._stream = isal_zlib.decompressobj(wbits)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        full = False  # a full piece: zlib may hold more output although it has taken all input
        while data or full:
            if self._stream.eof:
                self._next_stream()
            self._begun = True
            try:
                piece = self._stream.decompress(data, PIECE)
            except isal_zlib.error as error:  # type: ignore[misc]  # its stub says an instance
                raise Undecodable(f"the body is not {self._name}") from error
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            full = len(piece) == PIECE and not self._stream.eof
            if piece:
                yield piece

    def finish(self) -> None:
        if not self._stream.eof:
            raise Undecodable(f"the {self._name} body is cut short")

    def _next_stream(self) -> None:
        raise Undecodable(f"bytes follow the end of the {self._name} body")


class _Gzip(_Zlib):
    """RFC 1952: any number of members, one after the other."""

    def __init__(self) -> None:
        super().__init__("gzip", 16 + zlib.MAX_WBITS)

    def _next_stream(self) -> None:
        self._stream = isal_zlib.decompressobj(self._wbits)


class _Deflate(_Zlib):
    """RFC 9110 8.4.1.2: zlib format; some servers send raw deflate, told apart by the first two bytes."""

    def __init__(self) -> None:
        super().__init__("deflate", zlib.MAX_WBITS)
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._begun:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            if data[0] & 0x0F != zlib.DEFLATED or int.from_bytes(data[:2]) % 31:
                self._stream = isal_zlib.decompressobj(-zlib.MAX_WBITS)
        yield from super().feed(data)


class _Brotli:
    """RFC 7932. The library tells neither trailing bytes from data nor asks for less than all of it."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._stream.is_finished():
                if data:
                    raise Undecodable("bytes follow the end of the br body")
                return
            try:
                piece = self._stream.process(data, output_buffer_limit=PIECE)
            except brotli.error as error:
                raise Undecodable("the body is not br") from error
            data = b""
            yield from (piece[at : at + PIECE] for at in range(0, len(piece), PIECE))
            if self._stream.can_accept_more_data() and not piece:
                return

    def finish(self) -> None:
        if not self._stream.is_finished():
            raise Undecodable("the br body is cut short")


class _Zstd:
    """RFC 8878: any number of frames, skippable ones among them."""

    def __init__(self) -> None:
        self._stream = self._fresh()
        self._received = 0
        self._frames = 0

    @staticmethod
    def _fresh() -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._received += len(data)
        while data or not (self._stream.eof or self._stream.needs_input):
            if self._stream.eof:
                self._next_frame()
            try:
                piece = self._stream.decompress(data, PIECE)
            except zstd.ZstdError as error:
                raise Undecodable("the body is not zstd, or asks for too large a window") from error
            data = self._stream.unused_data if self._stream.eof else b""
            if piece:
                yield piece

    def _next_frame(self) -> None:
        self._frames += 1
        if self._frames > FRAMES + self._received // FRAME:
            raise Undecodable("the zstd body has too many frames")
        self._stream = self._fresh()

    def finish(self) -> None:
        if not self._stream.eof:
            raise Undecodable("the zstd body is cut short")


_CODINGS: Final[dict[str, Callable[[], Coding]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
KNOWN: Final = frozenset({*_CODINGS, "identity"})
"""What a `Content-Encoding` may name."""
