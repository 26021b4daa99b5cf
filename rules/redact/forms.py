r"""The spellings in which a secret may come back: each is a literal byte string to look for.

Covered, per secret: as it is; JSON-escaped (minimal, ASCII-only, with escaped slashes, with
`<`, `>`, `&` escaped as Go and Rails do, every character as `\uXXXX`); percent-encoded (strict,
with `/` kept, with `+` for spaces, every byte; upper and lower hex); HTML-escaped (named and numeric
quotes); base64 in both alphabets at each of the three alignments; hex in both cases.

Not covered here: spellings that mix forms within one value, and encodings of encodings.

In base64 a secret rarely starts or ends on a character boundary. What is looked for is the run of
characters that the secret alone determines; up to four bits of its first and last byte stay outside.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

ENCODED_MIN = 8
"""Shortest encoded form looked for, in bytes: shorter ones would maim text that is no secret."""


def forms(secret: str) -> frozenset[bytes]:
    """Every literal byte string that stands for `secret` in a response; empty for an empty secret.

    Text is taken as UTF-8 and, where it fits, also as latin-1, the coding of header fields.
    """
    if not secret:
        return frozenset()
    found = set(_text_forms(secret))
    for raw in _encodings(secret):
        found.update(form for form in _byte_forms(raw) if len(form) >= ENCODED_MIN)
        found.add(raw)
    return frozenset(found)


def _encodings(secret: str) -> Iterator[bytes]:
    yield secret.encode("utf-8", "surrogatepass")
    try:
        yield secret.encode("latin-1")
    except UnicodeEncodeError:
        return


def _text_forms(secret: str) -> Iterator[bytes]:
    """Forms that escape some characters and leave others: never shorter than the secret."""
    for text in (*_json_forms(secret), *_html_forms(secret)):
        yield text.encode("utf-8", "surrogatepass")


def _json_forms(secret: str) -> Iterator[str]:
    for ascii_only in (False, True):
        plain = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield plain
        yield plain.replace("/", "\\/")
        for digits in ("04x", "04X"):
            yield "".join(f"\\u{ord(char):{digits}}" if char in "<>&" else char for char in plain)
    units = secret.encode("utf-16-be", "surrogatepass")
    pairs = [units[at : at + 2] for at in range(0, len(units), 2)]
    yield "".join(f"\\u{pair.hex()}" for pair in pairs)
    yield "".join(f"\\u{pair.hex().upper()}" for pair in pairs)


def _html_forms(secret: str) -> Iterator[str]:
    escaped = html.escape(secret, quote=False)
    yield escaped
    for double in ("&quot;", "&#34;"):
        for single in ("&#x27;", "&#39;", "&apos;", "'"):
            yield escaped.replace('"', double).replace("'", single)


def _byte_forms(raw: bytes) -> Iterator[bytes]:
    for text in _percent_forms(raw):
        yield text.encode("ascii")
    yield raw.hex().encode("ascii")
    yield raw.hex().upper().encode("ascii")
    yield from _base64_forms(raw)


def _percent_forms(raw: bytes) -> Iterator[str]:
    for text in (quote(raw, safe=""), quote(raw, safe="/"), quote_plus(raw), quote(raw, safe="!'()*")):
        yield text
        yield _lower_escapes(text)
    every = "".join(f"%{byte:02X}" for byte in raw)
    yield every
    yield every.lower()


def _lower_escapes(text: str) -> str:
    first, *rest = text.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw)
        yield whole
        yield whole.rstrip(b"=")
        for before in range(3):
            yield _base64_core(encode(bytes(before) + raw), before, len(raw))


def _base64_core(encoded: bytes, before: int, length: int) -> bytes:
    """The characters of `encoded` that all six bits of which come from the secret."""
    first = -(-before * 8 // 6)
    last = (before + length) * 8 // 6
    return encoded[first:last]
