"""What an upstream says on a WebSocket, as the agent may hear it.

Messages are looked at one by one: the fields that tool and policies name, then secrets, then in texts what
the detectors find. A secret that begins in one message and ends in the next never arrives whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from wharfinger.flow.websocket_frames import Heard, Kind
from wharfinger.rules.detecting.masking import masked
from wharfinger.rules.redact.fields import Fields
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.types import ResponseRules


class Cleaning:
    """Of one WebSocket. `findings` says what was taken out so far."""

    def __init__(
        self,
        rules: ResponseRules,
        secrets: Callable[[], SecretSet],
        *,
        parse_limit: int,
        pseudonyms: bytes = b"",
    ) -> None:
        self._fields = Fields(rules.redact, parse_limit, pseudonyms) if rules.redact else None
        self._detectors = rules.detectors
        self._secrets = secrets
        self._tail = b""
        """The end of what the upstream has said, if a secret may begin there."""
        self.findings: Counter[str] = Counter()

    def message(self, heard: Heard) -> bytes:
        """A message without secrets, and without the rest of one that began in the message before it.

        Raises `Unredactable`.
        """
        data = heard.data
        if self._fields is not None and data:
            data, count = self._fields.redact(data)
            if count:
                self.findings["fields"] += count
        clean = self._without_secrets(data)
        if not self._detectors or heard.kind is not Kind.TEXT:
            return clean
        clean, found = masked(clean, self._detectors)
        self.findings.update(found)
        return clean

    def control(self, data: bytes) -> bytes:
        """The same of what a control frame carries."""
        clean, found = self._secrets().redact(data)
        self.findings.update(found)
        return clean

    def _without_secrets(self, data: bytes) -> bytes:
        whole = self._tail + data
        stream = self._secrets().stream()
        clean = stream.feed(whole)
        held = stream.held
        clean += stream.finish()
        self.findings.update(stream.findings)
        told = _common(self._tail, clean)
        self._tail = whole[-held:] if held else b""
        return clean[told:]


def _common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)
