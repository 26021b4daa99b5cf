"""`deny_patterns`: what no request of an agent may contain, whatever tool it is.

Searched, each as received and also decoded: path and query (percent-decoded), the values of header fields
but for the credential's own place, and the body as text, with every text in it. Names of header fields are
not searched. A body that cannot be read as what it says it is cannot be searched, and is refused: one that
was not read, that is compressed, of another charset than UTF-8, or that does not parse.

The patterns are RE2, so the time is linear in the text; at worst every instruction of a compiled pattern is
followed at every byte. So a pattern has so many at most, and `nanoseconds` says what a search may take.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import re2
from wharfinger.rules.requests import bodies, strictjson
from wharfinger.rules.requests.bodies import Body, Media
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Request, RuleRef
from wharfinger.rules.weight import PROGRAM

MAX_PROGRAM: Final = 1_000
"""Instructions of one pattern, once compiled."""
_READINGS: Final = 3
"""How often a text may be searched: as it came, and as it is read."""
_READ: Final = frozenset({Media.JSON, Media.FORM, Media.MULTIPART})


@dataclass(frozen=True, slots=True, init=False, eq=False)
class Patterns:
    """The patterns of one policy, compiled."""

    ref: RuleRef
    program: int
    """Instructions of all of them together."""
    _compiled: tuple[Any, ...]

    def __init__(self, written: Sequence[str], ref: RuleRef) -> None:
        """Compile patterns that RE2 is known to take."""
        compiled = tuple(_compiled(text) for text in written)
        object.__setattr__(self, "ref", ref)
        object.__setattr__(self, "program", sum(each.programsize for each in compiled))
        object.__setattr__(self, "_compiled", compiled)

    def nanoseconds(self, size: int) -> float:
        """What a search in a request of so many bytes may take, at worst."""
        return PROGRAM * self.program * size * _READINGS

    def found(self, texts: Iterable[str]) -> bool:
        """Whether any pattern is found in any of the texts."""
        return any(pattern.search(text) is not None for text in texts for pattern in self._compiled)


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2.compile(pattern, options)


def is_too_large(pattern: str) -> bool:
    """Whether one pattern, known to be one, takes too long to be searched for in everything."""
    return bool(_compiled(pattern).programsize > MAX_PROGRAM)


def searched(target: str, values: Iterable[str], body: bytes, strings: Iterable[str]) -> list[str]:
    """What patterns are looked for in: as it was received, and as the API will read it.

    `strings` are the texts in the parsed body: there escapes are gone.
    """
    texts = [_text(target), _decoded(target), *map(_text, values), body.decode("utf-8", "replace")]
    texts.extend(strings)
    return texts


def in_body(request: Request, read: Body, limit: int) -> list[str] | None:
    """All texts in a body, without their escapes; None if it cannot be read.

    `read` is the body as the request's tool read it, if one did. Text, and what nothing here reads, is
    searched as it came, and as a form and JSON would have it: who receives it may guess.
    """
    if not request.body:
        return []
    if any(value.strip().lower() not in {"", "identity"} for value in request.values("content-encoding")):
        return None
    if read.problem or read.media not in _READ:
        read = Body(Media.OTHER) if request.message is not None else bodies.read(request, limit)
    if read.media in _READ:
        return None if read.problem else bodies.strings(read.value)
    return None if request.message is None and _is_strange(request) else _guessed(request.body)


def _is_strange(request: Request) -> bool:
    """Whether the body's kind or charset cannot be told: then it may be anything."""
    types = request.values("content-type")
    try:
        return len(types) > 1 or any(bodies.kind(written) in _READ for written in types)
    except Refused:
        return True


def _guessed(body: bytes) -> list[str]:
    texts = [unquote_to_bytes(body.replace(b"+", b" ")).decode("utf-8", "replace")]
    try:
        return texts + bodies.strings(strictjson.parse_json(body))
    except Refused:
        return texts


def _text(wire: str) -> str:
    return wire.encode("latin-1", "replace").decode("utf-8", "replace")


def _decoded(target: str) -> str:
    return unquote_to_bytes(target.replace("+", " ")).decode("utf-8", "replace")
