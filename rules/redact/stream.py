"""Redact a body that arrives in pieces, as if it had come whole.

Held back is only what may still become a secret: the tail from the first place where the rest is a
true beginning of some form. Everything before it is out at once, so an event that cannot be a secret
is never delayed; and however a body is cut, the joined output is the same.

Why that is so: a match that starts before the held tail cannot grow (if it could, the tail would
start there), and nothing further left can come up. So it is final.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol


class Finder(Protocol):
    """What a stream needs of a matcher."""

    def __bool__(self) -> bool: ...

    def find(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the leftmost, longest form at or after `at` lies."""

    def held_from(self, data: bytes, at: int) -> int:
        """From where on the rest of `data` may still become a form."""

    def name(self, text: bytes) -> str:
        """Whose form this is."""


class SecretStream:
    """One body on its way; see `SecretSet.stream`. Holds less than the longest form."""

    __slots__ = ("_finder", "_held", "_replacements", "findings")

    def __init__(self, finder: Finder, replacements: Mapping[str, bytes]) -> None:
        self._finder = finder
        self._replacements = replacements
        self._held = b""
        self.findings: Counter[str] = Counter()
        """Name of a secret → how often it was found so far."""

    @property
    def held(self) -> int:
        """Bytes held back at the moment."""
        return len(self._held)

    def feed(self, chunk: bytes) -> bytes:
        """What of the body so far can go out now."""
        if not self._finder or not chunk:
            return chunk
        data = self._held + chunk
        return self._release(data, last=False)

    def finish(self) -> bytes:
        """The rest, when the body has ended."""
        return self._release(self._held, last=True) if self._held else b""

    def _release(self, data: bytes, *, last: bool) -> bytes:
        out: list[bytes] = []
        at = 0
        held = len(data) if last else self._finder.held_from(data, 0)
        while (found := self._finder.find(data, at)) is not None and found[0] < held:
            start, end = found
            out += (data[at:start], self._mask(data[start:end]))
            at = end
            if held < at:
                held = self._finder.held_from(data, at)
        self._held = data[held:]
        if not out:
            return data[:held]
        out.append(data[at:held])
        return b"".join(out)

    def _mask(self, text: bytes) -> bytes:
        name = self._finder.name(text)
        self.findings[name] += 1
        return self._replacements[name]
