"""Texts that were put into one request alone, such as its signature: taken out of the answer to it.

What is good for one request only is looked for as it is, in its own answer, after all else has been
redacted: nobody waits for a search to be prepared, and nothing has to be kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = b"[redacted]"
SHORTEST: Final = 16
"""Characters; what is shorter is no signature."""


class Fleeting:
    """Takes a few texts out of bytes that come in pieces. Holds back what may be the beginning of one."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = [text.encode() for text in texts if len(text) >= SHORTEST]
        longest_first = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)), re.IGNORECASE)
        self._held = b""
        self.found = 0

    def __bool__(self) -> bool:
        return bool(self._texts)

    def whole(self, data: bytes) -> bytes:
        """`data` without any of the texts."""
        if not self._texts:
            return data
        clean, count = self._pattern.subn(MASK, data)
        self.found += count
        return clean

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
        most = min(max(map(len, self._texts), default=1) - 1, len(data))
        low = data[len(data) - most :].lower() if most else b""
        starts = [text.lower() for text in self._texts]
        return next((n for n in range(most, 0, -1) if any(s.startswith(low[most - n :]) for s in starts)), 0)
