"""Redact a body that arrives in pieces, as if it had come whole.

Held back is only what may still become a secret: the tail from the first place where the rest is a
true beginning of some form. Everything before it is out at once, so an event that cannot be a secret
is never delayed; and however a body is cut, the joined output is the same.

Why that is so: a match that starts before the held tail cannot grow (if it could, the tail would
start there), and nothing further left can come up. So it is final.

What goes out then is looked through for what is broken over lines: see `lines`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from wharfinger.rules.redact.lines import LineStream
from wharfinger.rules.redact.matcher import Layers


class SecretStream:
    """One body on its way; see `SecretSet.stream`. Holds less than the longest form."""

    __slots__ = ("_held", "_layers", "_lines", "_replacements", "findings")

    def __init__(self, layers: Layers, replacements: Mapping[str, bytes]) -> None:
        self._layers = layers
        self._replacements = replacements
        self._held = b""
        self.findings: Counter[str] = Counter()
        """Name of a secret → how often it was found so far."""
        self._lines = LineStream(layers, replacements, self.findings)

    @property
    def held(self) -> int:
        """Bytes held back at the moment."""
        return len(self._held) + self._lines.held

    def feed(self, chunk: bytes) -> bytes:
        """What of the body so far can go out now."""
        if not self._layers or not chunk:
            return chunk
        searched = self._release(self._held + chunk if self._held else chunk, last=False)
        return self._lines.feed(searched, self._held)

    def finish(self) -> bytes:
        """The rest, when the body has ended."""
        rest = self._lines.feed(self._release(self._held, last=True)) if self._held else b""
        return rest + self._lines.finish()

    def _release(self, data: bytes, *, last: bool) -> bytes:
        met, held = self._layers.search(data, last=last)
        self._held = data[held:]
        if not met:
            return data[:held]
        out: list[bytes] = []
        at = 0
        for match in met:
            self.findings[match.name] += 1
            out += (data[at : match.start], self._replacements[match.name])
            at = match.end
        out.append(data[at:held])
        return b"".join(out)
