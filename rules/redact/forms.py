r"""The spellings in which a secret may come back: each is a literal byte string to look for.

A spelling is one of two kinds. An *escape* rewrites some characters and leaves the others: JSON (minimal,
ASCII-only, with escaped slashes, with `<`, `>`, `&` escaped), HTML (named and numeric quotes), percent
(strict, with `/` kept, with `+` for spaces, as forms and RFC 3986 do; upper and lower hex), quoted-printable;
or it spells out every character (`\uXXXX`, `\xXX`, `%XX`, `&#N;`, `&#xN;`, `=XX`). An *encoding* writes the
bytes anew: base64 in both alphabets at each of three alignments, base32 at each of five, hex in both cases,
UTF-16 in both byte orders.

Covered are the value itself, each spelling of it, and each encoding or escape of any of those: depth two.
Spelled out character by character is the value alone, and that is encoded again by base64 and hex only. A
spelling that mixes ways within one value, or is broken over lines, is not covered (docs/redaction.md).

In base64 and base32 a secret rarely starts or ends on a character boundary. What is looked for is the run of
characters that the secret alone determines; up to four bits of its first and last byte stay outside. At the
first alignment the last character and the padding are looked for as well.
"""

from __future__ import annotations

import base64
import html
import json
import string
from collections.abc import Callable, Iterable, Iterator
from typing import Final

ENCODED_MIN: Final = 8
"""Shortest encoded form looked for, in bytes: shorter ones would maim text that is no secret."""

NESTED_MAX: Final = 4096
"""Longest form, in bytes, of which spellings are looked for in turn."""

_PLAIN: Final = (string.ascii_letters + string.digits + "-_.").encode()
"""What no escape rewrites."""

_QUOTED: Final = bytes(byte for byte in range(32, 127) if byte != ord("="))
"""What quoted-printable leaves as it is (RFC 2045 6.7)."""

_PERCENT_KEPT: Final = (b"~", b"~/", b"~!'()*", b"~!'()*/:@&=+$,;?#")
"""What percent-encoders leave beside `_PLAIN`: strict ones, those for paths, and two of JavaScript."""

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")


def forms(secret: str) -> frozenset[bytes]:
    """Every literal byte string that stands for `secret` in a response; empty for an empty secret.

    Text is taken as UTF-8 and, where it fits, also as latin-1, the coding of header fields.
    """
    if not secret:
        return frozenset()
    values = set(_values(secret))
    out = {form for form in _spelled_out(secret, values) if len(form) >= ENCODED_MIN}
    once = set(_text_escapes(secret))
    for value in values:
        once.update(_escapes(value), _encodings(value), _padded(value))
    once = {form for form in once if len(form) >= ENCODED_MIN}
    found = values | once | out
    for form in (once | out) - values:
        found.update(_escapes(form))
        if len(form) <= NESTED_MAX:
            found.update(_base16_and_64(form) if form in out else _encodings(form))
    return frozenset(found)


def _values(secret: str) -> Iterator[bytes]:
    yield secret.encode("utf-8", "surrogatepass")
    try:
        yield secret.encode("latin-1")
    except UnicodeEncodeError:
        return


# Escapes


def _text_escapes(secret: str) -> Iterator[bytes]:
    """What is defined on characters: for text beyond ASCII it differs from escapes of its bytes."""
    for text in (*_json_escapes(secret), *_html_escapes(secret)):
        yield text.encode("utf-8", "surrogatepass")
    yield from _utf_16(secret)


def _utf_16(text: str) -> Iterator[bytes]:
    """Text of two bytes for each character, whichever comes first.

    In ASCII one of them is zero, and what both orders have in common says it all: without the zero at the
    one end or the other, which may be cut off, or be what an escape begins with.
    """
    little = text.encode("utf-16-le", "surrogatepass")
    if text.isascii():
        yield little[:-1]
    else:
        yield little
        yield text.encode("utf-16-be", "surrogatepass")


def _spelled_out(secret: str, values: Iterable[bytes]) -> Iterator[bytes]:
    """Every character or byte by its number."""
    units = secret.encode("utf-16-be", "surrogatepass")
    numbers = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    for pattern in (b"\\u%04x", b"\\u%04X"):
        yield b"".join([pattern % number for number in numbers])
    for pattern in (b"&#%d;", b"&#x%x;", b"&#x%X;"):
        yield b"".join([pattern % ord(char) for char in secret])
    for pattern in (b"%%%02X", b"%%%02x", b"=%02X", b"\\x%02x", b"\\x%02X"):
        for value in values:
            yield b"".join([pattern % byte for byte in value])


def _escapes(data: bytes) -> Iterator[bytes]:
    """What escapes make of bytes that may be text; nothing where none of them would change it."""
    special = data.translate(None, _PLAIN)
    if not special:
        return
    for kept in _PERCENT_KEPT:
        changed = set(special) - set(kept)
        for pattern in (b"%%%02X", b"%%%02x"):
            escaped = _replaced(data, changed, pattern)
            yield escaped
            if b" " in special:
                yield escaped.replace(pattern % 32, b"+")
    yield _replaced(data, set(special) - set(_QUOTED), b"=%02X")
    if data.isascii():
        text = data.decode("ascii")
        for again in (*_json_escapes(text), *_html_escapes(text)):
            yield again.encode("ascii")


def _replaced(data: bytes, changed: set[int], pattern: bytes) -> bytes:
    """`data` with each byte of `changed` written by its number; the byte that leads those first."""
    for byte in sorted(changed, key=lambda byte: byte != pattern[0]):
        data = data.replace(bytes((byte,)), pattern % byte)
    return data


def _json_escapes(text: str) -> Iterator[str]:
    for ascii_only in (False, True):
        plain = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield plain
        yield plain.replace("/", "\\/")
        if not {"<", ">", "&"}.isdisjoint(plain):
            for pattern in ("\\u%04x", "\\u%04X"):
                yield "".join([pattern % ord(char) if char in "<>&" else char for char in plain])


def _html_escapes(text: str) -> Iterator[str]:
    escaped = html.escape(text, quote=False)
    yield escaped
    if '"' in escaped or "'" in escaped:
        for double in ("&quot;", "&#34;"):
            for single in ("&#x27;", "&#39;", "&apos;", "'"):
                yield escaped.replace('"', double).replace("'", single)


# Encodings


def _encodings(data: bytes) -> Iterator[bytes]:
    yield from _base16_and_64(data)
    yield from _run(base64.b32encode, data, 5, 5)
    if data.isascii():
        yield from _utf_16(data.decode("ascii"))


def _base16_and_64(data: bytes) -> Iterator[bytes]:
    digits = data.hex().encode("ascii")
    yield digits
    yield digits.upper()
    for run in _run(base64.b64encode, data, 3, 6):
        yield run
        yield run.translate(_TO_URL)


def _run(encode: Callable[[bytes], bytes], data: bytes, alignments: int, bits: int) -> Iterator[bytes]:
    """The characters all bits of which come from `data`, wherever among other bytes it stands."""
    for before in range(alignments):
        first = -(-before * 8 // bits)
        last = (before + len(data)) * 8 // bits
        yield encode(bytes(before) + data)[first:last]


def _padded(value: bytes) -> Iterator[bytes]:
    """A value encoded for itself: with its last character, which has bits of nothing else, and padding."""
    whole = base64.b64encode(value)
    wide = base64.b32encode(value)
    for text in (whole, whole.translate(_TO_URL), wide, wide.lower()):
        yield text
        yield text.rstrip(b"=")
