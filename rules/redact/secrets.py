"""All secrets that must not reach an agent, and what stands in their place.

Only whole values are replaced, by a text that says nothing of the value, not even its length: otherwise an
agent could find a secret by guessing its beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from wharfinger.rules.redact import lines
from wharfinger.rules.redact.matcher import Layers, Match
from wharfinger.rules.redact.stream import SecretStream


class SecretSet:
    """Every secret, and the text it is replaced by. Immutable.

    Building one costs some 4 ms for each secret that is not in the one `before`: keep it until the secrets
    change, and derive one for each agent with `shown_as`.
    """

    __slots__ = ("_layers", "_replacements")

    def __init__(self, layers: Layers, replacements: Mapping[str, bytes]) -> None:
        self._layers = layers
        self._replacements = dict(replacements)

    @classmethod
    def of(cls, values: Mapping[str, str], before: SecretSet | None = None) -> SecretSet:
        """From secret value to the name of its credential; shown as `[redacted:NAME]`.

        What `before` knows of these values is not worked out again.
        """
        masks = {name: f"[redacted:{name}]".encode() for name in values.values()}
        layers = before._layers if before is not None else Layers(())
        return cls(layers.changed_to(values), masks)

    def shown_as(self, placeholders: Mapping[str, str]) -> SecretSet:
        """The same secrets, for an agent that holds these placeholders: from name to placeholder."""
        own = {name: text.encode() for name, text in placeholders.items() if name in self._replacements}
        return SecretSet(self._layers, self._replacements | own)

    def __repr__(self) -> str:
        return f"SecretSet({', '.join(sorted(self._replacements))})"

    def __bool__(self) -> bool:
        return bool(self._layers)

    def redact(self, data: bytes) -> tuple[bytes, Counter[str]]:
        """`data` without secrets, and how often each name was found."""
        stream = self.stream()
        return stream.feed(data) + stream.finish(), stream.findings

    def within(self, data: bytes) -> bool:
        """Whether a secret stands in `data`: what `redact` would find, for less than it costs."""
        return bool(self._layers.search(data, last=True)[0]) or lines.within(data, self._layers)

    @property
    def longest(self) -> int:
        """Bytes of the longest spelling of any."""
        return self._layers.longest

    def covered(self, data: bytes) -> list[Match]:
        """Every place where a secret stands in `data`, whole or broken over lines, overlapping others or not.

        Whether one is met depends on the bytes that it takes, and those of the lines that it is broken over.
        """
        return self._layers.covered(data) + lines.covered(data, self._layers)

    def text(self, text: str) -> tuple[str, Counter[str]]:
        """The same for text of the wire (header values, reason phrases), one character per byte.

        Raises UnicodeEncodeError if `text` is not such text.
        """
        data, findings = self.redact(text.encode("latin-1"))
        return data.decode("latin-1"), findings

    def stream(self) -> SecretStream:
        """A redactor for one body that arrives in pieces."""
        return SecretStream(self._layers, self._replacements)
