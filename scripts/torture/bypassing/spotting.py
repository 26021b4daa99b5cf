"""Finds secrets in whatever an agent heard, by undoing every coding it can, one inside the other.

Written apart from the code that redacts: that one looks for spellings it has worked out beforehand, this
one decodes what is there.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import quopri
import re
import zlib
from collections.abc import Callable, Collection, Iterator
from urllib.parse import unquote_to_bytes

import brotli  # type: ignore[import-untyped]
from backports import zstd

DEPTH = 3
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_BASE32 = re.compile(rb"[A-Z2-7]{24,}=*")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}")
_JSON = re.compile(rb"\\u([0-9a-fA-F]{4})|\\(.)", re.DOTALL)


def _escape(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return chr(int(found[1], 16)).encode("utf-8", "surrogatepass")
    return found[2] or b""


def _runs(data: bytes) -> Iterator[bytes]:
    for run in _BASE64.findall(data):
        plain = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for lead in range(4):
            text = plain[lead:]
            text = text[: len(text) - (len(text) % 4 == 1)]
            yield base64.b64decode(text + b"=" * (-len(text) % 4))
    for run in _BASE32.findall(data):
        text = run.rstrip(b"=")
        try:
            yield base64.b32decode(text + b"=" * (-len(text) % 8))
        except binascii.Error:
            continue
    for run in _HEX.findall(data):
        yield bytes.fromhex(run.decode())


_CODINGS: tuple[Callable[[bytes], bytes], ...] = (
    unquote_to_bytes,
    lambda data: unquote_to_bytes(data.replace(b"+", b" ")),
    lambda data: _JSON.sub(_escape, data),
    lambda data: html.unescape(data.decode("latin-1")).encode("utf-8", "replace"),
    lambda data: data.replace(b"\0", b""),
    quopri.decodestring,
    lambda data: re.sub(rb"[\r\n]|data: ", b"", data),
)


def _unpackers() -> Iterator[Callable[[bytes], bytes]]:
    """Of each coding one that gives what there is of a stream, be it cut short."""
    for bits in (47, 15, -15):
        yield zlib.decompressobj(bits).decompress
    yield brotli.Decompressor().process
    yield zstd.ZstdDecompressor().decompress
    yield gzip.decompress  # all members
    yield zstd.decompress  # all frames


def _unpacked(data: bytes, depth: int = 5) -> Iterator[bytes]:
    for unpack in _unpackers():
        try:
            made = unpack(data)
        except (OSError, EOFError, zlib.error, brotli.error, zstd.ZstdError):
            continue
        if made and depth:
            yield made
            yield from _unpacked(made, depth - 1)


def views(data: bytes) -> Iterator[bytes]:
    """The data, and all that it may be a coding of."""
    seen, level = {data}, [data]
    yield data
    for _ in range(DEPTH):
        below = []
        for each in level:
            for made in (*(code(each) for code in _CODINGS), *_runs(each), *_unpacked(each)):
                if len(made) > 8 and made not in seen:
                    seen.add(made)
                    below.append(made)
                    yield made
        level = below[:200]


def spot(data: bytes, secrets: Collection[bytes], *, deep: bool = True) -> bytes | None:
    """The first secret that stands in the data, in any spelling; its greater part is enough."""
    # An agent that has all but a few characters of a secret has the secret.
    cores = [secret[4:-4] for secret in secrets]
    for view in views(data) if deep else (data,):
        for core in cores:
            if core in view:
                return core
    return None
