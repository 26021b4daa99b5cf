"""Mask the members of a JSON body that a tool names with `redact: ["$.user.email"]`.

Rules: what the masked answer contains is what was parsed, written anew: no duplicate key, comment or
second document of the original survives. A body that does not parse strictly, or is larger than the
limit, is `Unredactable`, and the caller withholds it: an agent must not choose the format in which it gets
a field unmasked.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Never, Self

from wharfinger.rules.redact.steps import NotAPath, Step, compile_steps, find

__all__ = ["MASK", "FieldPath", "NotAPath", "Unredactable", "redact_fields"]

MASK: Final = "[redacted]"
"""What stands in a masked member's place, whatever it was."""


class Unredactable(Exception):
    """Fields cannot be masked in this body; its text tells why and quotes none of it."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A JSONPath that was compiled once; equal and pickled by its text."""

    text: str

    @classmethod
    def compile(cls, text: str) -> Self:
        """The path `text`; raises `NotAPath` where it is none, or costs too much."""
        _compiled(text)
        return cls(text)

    def __str__(self) -> str:
        return self.text


def redact_fields(body: bytes, paths: Sequence[FieldPath], parse_limit: int) -> tuple[bytes, int]:
    """`body`, a JSON document in UTF-8, with every member masked that `paths` lead to, and how many.

    A body without such a member is returned as it is parsed, too. `parse_limit` is in bytes. Raises
    `Unredactable`.
    """
    if not paths or not body:
        return body, 0
    if len(body) > parse_limit:
        raise Unredactable(f"the body is larger than limits.parse ({parse_limit} bytes)")
    document = [_read(body)]
    members = {member.identity: member for path in paths for member in find(_compiled(path.text), document)}
    for member in members.values():
        member.container[member.key] = MASK  # type: ignore[index]
    return _write(document[0]), len(members)


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> tuple[Step, ...]:
    return compile_steps(text)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise Unredactable("the body is not JSON in UTF-8, or too deep") from error


def _write(document: Any) -> bytes:
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (ValueError, RecursionError) as error:
        raise Unredactable("the body has a number beyond what can be written, or is too deep") from error


def _not_json(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")
