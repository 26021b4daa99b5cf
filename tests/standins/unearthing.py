"""Dig for known texts in bytes, through every coding that they may have been put in; several deep.

Written apart from the code that hides them, and the other way round: that one spells the secrets and looks
for the spellings; this one decodes whatever can be decoded and looks for the secrets. Slow, and in no hurry.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

DEEP = 2
_LETTERS = re.compile(rb"[A-Za-z0-9+/_-]{11,}={0,2}")
_DIGITS = re.compile(rb"[0-9A-Fa-f]{16,}")
_THIRTY_TWO = re.compile(rb"[A-Z2-7]{13,}=*|[a-z2-7]{13,}=*")
_BACKSLASHED = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([\"'\\/]))")
_EQUALS = re.compile(rb"=(?:([0-9A-F]{2})|\r?\n)")
_LINE_END = re.compile(rb"=?(?:\r?\n|(?:\\r)?\\n|(?:%0[Dd])?%0[Aa])[ \t]*")
_GZIP = b"\x1f\x8b\x08"


def unearth(data: bytes, texts: Iterable[str], deep: int = DEEP) -> set[str]:
    """Those of `texts` that stand in `data`, as they are or in codings of codings, `deep` of them."""
    wanted = {text.encode(): text for text in texts}
    found: set[str] = set()
    seen: set[bytes] = set()
    layer = [data]
    for level in range(deep + 1):
        found |= {text for raw, text in wanted.items() if any(raw in each for each in layer)}
        if level < deep:
            seen.update(layer)
            layer = list({each for one in layer for each in _decoded(one)} - seen)
    return found


def _decoded(data: bytes) -> Iterator[bytes]:
    """What may be meant by all of `data`, or by a part of it."""
    unlined = _LINE_END.sub(b"", data)
    if unlined != data:
        yield from _runs(unlined)
    for whole in (
        _unslashed(data), unquote_to_bytes(data), _unquoted_printable(data), _unmarked(data), unlined
    ):  # fmt: skip
        if whole != data:
            yield whole
    yield from _runs(data)
    yield data.replace(b"\0", b"")  # UTF-16, of whichever order
    at = data.find(_GZIP)
    while at >= 0:
        yield _inflated(data[at:])
        at = data.find(_GZIP, at + 1)


def _runs(data: bytes) -> Iterator[bytes]:
    """What runs of letters and digits stand for."""
    for run in _LETTERS.finditer(data):
        yield from _sixty_four(run.group())
    for run in _DIGITS.finditer(data):
        for skipped in (0, 1):
            digits = run.group()[skipped:]
            yield bytes.fromhex(digits[: len(digits) & ~1].decode())
    for run in _THIRTY_TWO.finditer(data):
        yield from _thirty_two(run.group().upper().rstrip(b"="))


def _unslashed(data: bytes) -> bytes:
    def meant(match: re.Match[bytes]) -> bytes:
        long, short, itself = match.groups()
        number = int(long or short, 16) if long or short else itself[0]
        return chr(number).encode("utf-8", "surrogatepass")

    return _BACKSLASHED.sub(meant, data)


def _unquoted_printable(data: bytes) -> bytes:
    return _EQUALS.sub(lambda match: bytes.fromhex(match.group(1).decode()) if match.group(1) else b"", data)


def _unmarked(data: bytes) -> bytes:
    return html.unescape(data.decode("latin-1")).encode("latin-1", "ignore") if b"&" in data else data


def _sixty_four(run: bytes) -> Iterator[bytes]:
    letters = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    for skipped in range(4):
        rest = letters[skipped:]
        rest = rest[: len(rest) - (len(rest) % 4 == 1)]
        yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4))


def _thirty_two(letters: bytes) -> Iterator[bytes]:
    for skipped in range(8):
        rest = letters[skipped:]
        rest = rest[: len(rest) - {1: 1, 3: 1, 6: 1}.get(len(rest) % 8, 0)]
        yield base64.b32decode(rest + b"=" * (-len(rest) % 8))


def _inflated(data: bytes) -> bytes:
    """As much as there is of one member."""
    stream = zlib.decompressobj(31)
    try:
        return stream.decompress(data, 1 << 24)
    except zlib.error:
        return b""
