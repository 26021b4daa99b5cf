"""Texts that were put into one request alone, such as its signature: taken out of the answer to it.

What is good for one request only is looked for in its own answer, after all else has been redacted: nobody
waits for a search to be prepared, and nothing has to be kept. So the spellings are few: the text, in any
case; of one that is a digest its bytes in hex and in both alphabets of base64; and each of these escaped for
URLs and JSON, or in base64 again.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

import re2

MASK: Final = b"[redacted]"
SHORTEST: Final = 16
"""Characters; what is shorter is no signature."""
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


class Fleeting:
    """Takes a few texts out of bytes that come in pieces. Holds back what may be the beginning of one."""

    def __init__(self, texts: Iterable[str]) -> None:
        spellings = {each for text in texts if len(text) >= SHORTEST for each in _spellings(text)}
        longest_first = sorted(spellings, key=lambda each: (-len(each), each))
        self._pattern = _any_of(longest_first)
        self._beginnings = frozenset(
            low[:size] for low in map(bytes.lower, longest_first) for size in range(1, len(low))
        )
        self._longest = len(longest_first[0]) if longest_first else 1
        self._held = b""
        self.found = 0

    def __bool__(self) -> bool:
        return bool(self._beginnings)

    def whole(self, data: bytes) -> bytes:
        """`data` without any of the texts."""
        if not self:
            return data
        clean: bytes
        clean, count = self._pattern.subn(MASK, data)
        self.found += count
        return clean

    @property
    def longest(self) -> int:
        """Bytes of the longest spelling."""
        return self._longest

    def places(self, data: bytes) -> list[tuple[int, int]]:
        """Where in `data` one of the texts begins and ends, in order."""
        return [found.span() for found in self._pattern.finditer(data)] if self else []

    def feed(self, data: bytes) -> bytes:
        """What may go on now."""
        data = self.whole(self._held + data)
        keep = self._kept(data)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def finish(self) -> bytes:
        """What was held back."""
        rest, self._held = self._held, b""
        return rest

    def _kept(self, data: bytes) -> int:
        """Length of the longest end of `data` that one of the texts begins with."""
        low = data[-self._longest :].lower()
        return next((n for n in range(len(low), 0, -1) if low[-n:] in self._beginnings), 0)


def _any_of(texts: list[bytes]) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.case_sensitive = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they stand for
    return re2.compile(b"|".join(map(re.escape, texts)), options)


def _spellings(text: str) -> Iterator[bytes]:
    """How `text` may come back."""
    plain = {text}
    digest = _digest(text)
    if digest is not None:
        plain |= {digest.hex(), digest.hex().upper()}
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            plain |= {encode(digest).decode(), encode(digest).decode().rstrip("=")}
    for each in plain:
        raw = each.encode()
        yield from (raw, quote(each, safe="").encode(), each.replace("/", "\\/").encode())
        for before in range(3):  # at each alignment, what it alone determines
            letters = base64.b64encode(bytes(before) + raw)[
                -(-before * 8 // 6) : (before + len(raw)) * 8 // 6
            ]
            yield from (letters, letters.translate(bytes.maketrans(b"+/", b"-_")))


def _digest(text: str) -> bytes | None:
    """The bytes that a signature in hex or base64 stands for."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if not _BASE64.fullmatch(text):
        return None
    letters = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except binascii.Error:
        return None
