"""Take members out of an answer that a tool or a policy names: `redact: ["$.email", {last4: "$.iban"}]`.

Rules: what the answer then contains is what was parsed, written anew: no duplicate key, comment or second
document of the original survives. A document that does not parse strictly, or is larger than the limit, is
`Unredactable`, and the caller withholds it: an agent must not choose the format in which it gets a field
unmasked. Where two entries lead to one member, the one that leaves less of it holds.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Never, Self

from wharfinger.rules.redact.steps import (
    NO_ALIASES,
    Aliases,
    Member,
    NotAPath,
    Step,
    TooManyPlaces,
    compile_steps,
    find,
)

__all__ = ["MASK", "FieldPath", "Fields", "How", "NotAPath", "Unredactable", "redact_fields"]

MASK: Final = "[redacted]"
"""What stands in a masked member's place, whatever it was."""

LAST: Final = 4
"""Characters that `last4` leaves, of a text at least three times as long."""


class Unredactable(Exception):
    """Fields cannot be masked in this body; its text tells why and quotes none of it."""


class How(enum.StrEnum):
    """What becomes of a member; from what leaves least of it to what leaves most."""

    DROP = "drop"
    """The member is gone, its key and all."""
    MASK = "mask"
    """`MASK` stands in its place."""
    HASH = "hash"
    """A pseudonym: equal for equal values, for one agent, and of no use to find the value by trying."""
    LAST4 = "last4"
    """The mask and its last four characters, as on a receipt."""


_STRICTEST: Final = {how: place for place, how in enumerate(How)}


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A JSONPath that was compiled once, and what becomes of what it leads to; equal by its text."""

    text: str
    how: How = How.MASK

    @classmethod
    def compile(cls, text: str) -> Self:
        """From `$.path`, or a word of `How` and the path; raises `NotAPath` where that is none."""
        word, gap, path = text.partition(" ")
        how = next((how for how in How if gap and how == word), None)
        if how is None:
            how, path = How.MASK, text
        _compiled(path)
        return cls(path, how)

    def __str__(self) -> str:
        return self.text if self.how is How.MASK else f"{self.how} {self.text}"


@dataclass(frozen=True, slots=True)
class Fields:
    """What is taken out of the documents of one answer."""

    paths: Sequence[FieldPath]
    limit: int
    """Bytes of one document."""
    pseudonyms: bytes = field(default=b"", repr=False)
    """The key of `hash`, which is the agent's own."""
    aliases: Aliases = NO_ALIASES

    def redact(self, body: bytes) -> tuple[bytes, int]:
        """A JSON document in UTF-8 without them, written anew, and how many there were.

        Raises `Unredactable`.
        """
        if len(body) > self.limit:
            raise Unredactable(f"the body is larger than limits.parse ({self.limit} bytes)")
        document = [_read(body)]
        found = self._found(document)
        dropped = [member for member, how in found if how is How.DROP]
        for member, how in found:
            if how is not How.DROP:
                member.container[member.key] = self._left(member.value, how)  # type: ignore[index]
        _drop(dropped)
        return _write(document[0]), len(found)

    def _found(self, document: list[Any]) -> list[tuple[Member, How]]:
        found: dict[tuple[int, str | int], tuple[Member, How]] = {}
        for path in sorted(self.paths, key=lambda path: _STRICTEST[path.how]):
            try:
                members = find(_compiled(path.text), document, self.aliases)
            except TooManyPlaces as error:
                raise Unredactable(str(error)) from None
            for member in members:
                how = How.MASK if path.how is How.DROP and member.container is document else path.how
                found.setdefault(member.identity, (member, how))
        return list(found.values())

    def _left(self, value: Any, how: How) -> str:
        if how is How.HASH and self.pseudonyms:
            plain = json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
            return f"[hash:{hmac.new(self.pseudonyms, plain, hashlib.sha256).hexdigest()[:16]}]"
        if how is How.LAST4 and isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value)
            if len(text) >= 3 * LAST:
                return f"{MASK}{text[-LAST:]}"
        return MASK


def redact_fields(body: bytes, paths: Sequence[FieldPath], parse_limit: int) -> tuple[bytes, int]:
    """`body`, a JSON document in UTF-8, without the members that `paths` lead to, and how many these were.

    A body without such a member is returned as it is parsed, too. `parse_limit` is in bytes. Raises
    `Unredactable`.
    """
    if not paths or not body:
        return body, 0
    return Fields(paths, parse_limit).redact(body)


def _drop(members: Iterable[Member]) -> None:
    """Take members out; those of a list from its end on, so that the places of others hold."""

    def place(member: Member) -> int:
        return member.key if isinstance(member.key, int) else -1

    for member in sorted(members, key=place, reverse=True):
        del member.container[member.key]  # type: ignore[arg-type]


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> tuple[Step, ...]:
    return compile_steps(text)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise Unredactable("the body is not JSON in UTF-8, or too deep") from None


def _write(document: Any) -> bytes:
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (ValueError, RecursionError):
        raise Unredactable("the body has a number beyond what can be written, or is too deep") from None


def _not_json(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")
