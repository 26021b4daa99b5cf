"""Bodies that S3's clients send in signed chunks (`aws-chunked`), with each signature made anew.

Format: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and, with trailers,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html. What is sent is as long as what
was received, and one chunk at most is held.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final

from wharfinger.rules import sigv4

LARGEST: Final = 8 << 20
"""Bytes of the largest chunk that is taken; SDKs make them of 64 KiB to 1 MiB."""
_HEAD_LIMIT: Final = 1 << 10
_TRAILER_LIMIT: Final = 8 << 10
_HEAD = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64,160}\**)")
_TRAILER = re.compile(rb"([A-Za-z0-9-]{1,64}):([\x21-\x7e]{1,1024})")
_TRAILER_SIGNATURE: Final = b"x-amz-trailer-signature"
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_WIDTH: Final = 144
"""Characters of an asymmetric signature, filled up with `*`."""


class Misshapen(Exception):
    """A body that is not in signed chunks as it says it is; quotes nothing of it."""


class Chunks:
    """Signs the chunks of one body. `sign` signs a text; `seed` is the signature of the head."""

    def __init__(self, kind: str, stamp: str, where: str, seed: str, sign: Callable[[str], str]) -> None:
        self._algorithm = sigv4.ASYMMETRIC if sigv4.ASYMMETRIC in kind else sigv4.ALGORITHM
        self._trailers = kind.endswith("-TRAILER")
        self._about = f"{stamp}\n{where}"
        self._previous = seed
        self._sign = sign
        self._held = bytearray()
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """What can be sent now. Raises `Misshapen`."""
        if self._ended and data and not self._trailers:
            raise Misshapen("there is more after the last chunk")
        self._held += data
        out = bytearray()
        while not self._ended and (made := self._next()) is not None:
            out += made
        if len(self._held) > (_TRAILER_LIMIT if self._ended else LARGEST + _HEAD_LIMIT):
            raise Misshapen("a chunk or the trailer is too large")
        return bytes(out)

    def finish(self) -> bytes:
        """What is left. Raises `Misshapen` where the body ends in the middle."""
        if not self._ended:
            raise Misshapen("the last chunk is not there")
        held, self._held = bytes(self._held), bytearray()
        return self._trailer(held) if self._trailers else _nothing_but(held, b"")

    def _next(self) -> bytes | None:
        """The next chunk, once it is whole."""
        end = self._held.find(b"\r\n", 0, _HEAD_LIMIT)
        if end < 0:
            if len(self._held) >= _HEAD_LIMIT:
                raise Misshapen("a chunk has no head")
            return None
        found = _HEAD.fullmatch(bytes(self._held[:end]))
        if found is None:
            raise Misshapen("the head of a chunk cannot be read")
        size, width = int(found[1], 16), len(found[2])
        if size > LARGEST:
            raise Misshapen("a chunk is too large")
        if size == 0 and self._trailers:
            del self._held[: end + 2]
            self._ended = True
            return self._head(found[1], _NOTHING, width) + b"\r\n"
        whole = end + 2 + size + 2
        if len(self._held) < whole:
            return None
        data = bytes(self._held[end + 2 : whole - 2])
        _nothing_but(bytes(self._held[whole - 2 : whole]), b"\r\n")
        del self._held[:whole]
        self._ended = size == 0
        if self._ended and self._held:
            raise Misshapen("there is more after the last chunk")
        return self._head(found[1], hashlib.sha256(data).hexdigest(), width) + b"\r\n" + data + b"\r\n"

    def _head(self, size: bytes, digest: str, width: int) -> bytes:
        made = self._next_signature("PAYLOAD", f"{_NOTHING}\n{digest}")
        return b"%b;chunk-signature=%b" % (size, self._filled(made, width))

    def _trailer(self, held: bytes) -> bytes:
        """The trailer fields as they are, and the signature over them."""
        _nothing_but(held[-4:], b"\r\n\r\n")
        *lines, last = held[:-4].split(b"\r\n")
        fields = [_TRAILER.fullmatch(line) for line in lines]
        name, _, width = last.partition(b":")
        if not all(fields) or not lines or name != _TRAILER_SIGNATURE:
            raise Misshapen("the trailer cannot be read")
        canonical = "".join(f"{f[1].decode().lower()}:{f[2].decode()}\n" for f in fields if f is not None)
        made = self._next_signature("TRAILER", hashlib.sha256(canonical.encode()).hexdigest())
        signed = b"%b:%b" % (_TRAILER_SIGNATURE, self._filled(made, len(width)))
        return b"\r\n".join((*lines, signed, b"", b""))

    def _next_signature(self, what: str, rest: str) -> str:
        text = f"{self._algorithm}-{what}\n{self._about}\n{self._previous}\n{rest}"
        self._previous = self._sign(text)
        return self._previous

    def _filled(self, made: str, width: int) -> bytes:
        """A signature that takes as much room as the one it replaces."""
        if self._algorithm == sigv4.ASYMMETRIC:
            made = made.ljust(_WIDTH, "*")
        if len(made) != width:
            raise Misshapen("a signature is not as long as it must be")
        return made.encode("ascii")


def _nothing_but(held: bytes, expected: bytes) -> bytes:
    if held != expected:
        raise Misshapen("the chunks do not end where they say")
    return held
