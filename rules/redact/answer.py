"""The body of one answer, from what the upstream sent to what the agent gets.

In order: content codings are undone, secrets taken out, then the fields that tool and policies name, then
what the detectors find. Each streams; what waits is the beginning of something only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from wharfinger.rules.detecting.masking import MaskingStream
from wharfinger.rules.redact.body import BodyRedactor
from wharfinger.rules.redact.decode import can_be_undone
from wharfinger.rules.redact.fields import Fields
from wharfinger.rules.redact.formats import EVENTS, LINES, Format, format_of, media_type
from wharfinger.rules.redact.secrets import SecretSet


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is taken out of an answer beside secrets."""

    fields: Fields | None = None
    detectors: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.fields is not None or bool(self.detectors)


class AnswerRedactor:
    """See the module's head. After an error the rest of the body must be withheld; what went out is clean."""

    __slots__ = ("_body", "_format", "_masking", "_secrets", "_told_at_once", "_written_anew", "as_it_came")

    def __init__(
        self,
        secrets: SecretSet,
        wanted: Wanted,
        *,
        content_encoding: str = "",
        content_type: str = "",
        undecoded: bool = False,
    ) -> None:
        """Raises `Undecodable` or `Unredactable` where this answer cannot be redacted.

        `undecoded`: a coding that cannot be undone is left as it is, unless more than secrets is wanted.
        """
        self._secrets = secrets
        self.as_it_came = undecoded and not wanted and not can_be_undone(content_encoding)
        """Whether the body is still encoded: secrets are looked for in its bytes as they are."""
        self._body = BodyRedactor(secrets, "" if self.as_it_came else content_encoding)
        self._told_at_once = media_type(content_type) in {*LINES, EVENTS}
        self._format: Format | None = None
        if wanted.fields is not None:
            self._format = format_of(content_type, wanted.fields)
        self._masking = MaskingStream(wanted.detectors) if wanted.detectors else None
        self._written_anew: Counter[str] = Counter()

    @property
    def findings(self) -> Counter[str]:
        """What was taken out so far: by name, and never what it was."""
        found = self._body.findings + self._written_anew
        if self._format is not None and self._format.found:
            found["fields"] += self._format.found
        return found if self._masking is None else found + self._masking.findings

    @property
    def waiting(self) -> int:
        """Bytes of documents that are held until they are whole."""
        return 0 if self._format is None else self._format.waiting

    @property
    def waits(self) -> bool:
        """Whether the first bytes may yet show that the answer has to be withheld."""
        whole = self._format is not None and self._format.whole
        return whole or (self._body.encoded and not self._told_at_once)

    def feed(self, data: bytes) -> bytes:
        """What can go out now. Raises `Undecodable` or `Unredactable`."""
        if self._format is None and self._masking is None:
            return self._body.feed(data)
        return b"".join(
            [self._masked(part) for piece in self._body.pieces(data) for part in self._taken(piece)]
        )

    def let_go(self, most: int) -> bytes:
        """What is held back of the body so far: see `BodyRedactor.let_go`."""
        return self._body.let_go(most) if self._format is None and self._masking is None else b""

    def finish(self) -> bytes:
        """The rest, when the body has ended. Raises `Undecodable` or `Unredactable`."""
        rest = self._body.finish()
        parts = [self._masked(part) for part in self._taken(rest)] if rest else []
        if self._format is not None:
            parts.append(self._masked(self._clean(self._format.finish())))
        if self._masking is not None:
            parts.append(self._masking.finish())
        return b"".join(parts)

    def _taken(self, piece: bytes) -> Iterator[bytes]:
        """Without the fields; as it came, where none are named."""
        if self._format is None:
            yield piece
        else:
            for part in self._format.feed(piece):
                yield self._clean(part)

    def _clean(self, document: bytes) -> bytes:
        """Writing a document anew can turn a spelling of a secret that was not known into one that is."""
        clean, found = self._secrets.redact(document)
        self._written_anew.update(found)
        return clean

    def _masked(self, part: bytes) -> bytes:
        return part if self._masking is None else self._masking.feed(part)
