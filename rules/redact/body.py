"""A response body on its way to the agent: its codings undone, its secrets taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from wharfinger.rules.redact.decode import Decoder
from wharfinger.rules.redact.secrets import SecretSet


class BodyRedactor:
    """Bytes as they come from upstream in, bytes without secrets and without content coding out.

    The answer must then lose its `Content-Encoding`, and its `Content-Length` unless it is known anew.
    After an `Undecodable` the rest of the body must be withheld: what was given out before is clean.
    """

    __slots__ = ("_decoder", "_stream")

    def __init__(self, secrets: SecretSet, content_encoding: str = "") -> None:
        """Raises `Undecodable` where `content_encoding` names what cannot be undone."""
        self._decoder = Decoder(content_encoding)
        self._stream = secrets.stream()

    @property
    def findings(self) -> Counter[str]:
        """Name of a secret → how often it was found so far."""
        return self._stream.findings

    @property
    def encoded(self) -> bool:
        """Whether there is a coding to undo."""
        return not self._decoder.identity

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What can go out now, piece by piece; must be exhausted. Never yields an empty piece."""
        for piece in self._decoder.feed(data):
            clean = self._stream.feed(piece)
            if clean:
                yield clean

    def feed(self, data: bytes) -> bytes:
        """What can go out now, whole. Raises `Undecodable`."""
        if self._decoder.identity:
            return self._stream.feed(data)
        return b"".join(self.pieces(data))

    def let_go(self, most: int) -> bytes:
        """What is held back of the body, if it is no more than `most` bytes: nothing is then waited for.

        Whoever asks for it has to look for what begins in it.
        """
        return self._stream.finish() if self._decoder.identity and self._stream.held <= most else b""

    def finish(self) -> bytes:
        """The rest, when the body has ended. Raises `Undecodable` where a coding was cut short."""
        self._decoder.finish()
        return self._stream.finish()
