"""What is taken out of answers, as tools and policies write it under `redact`.

An entry is a JSONPath, which is masked; or one word and what it is about: {hash: "$.email"}, {find: card}.
It is kept as a text, the word before the rest, so that equal entries are equal and digests have one form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from wharfinger.rules.detecting.detectors import expanded
from wharfinger.rules.detecting.table import GROUPS, NAMES
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.models.base import Written, wrong
from wharfinger.rules.models.selections import Tools
from wharfinger.rules.redact.fields import FieldPath, How, NotAPath

FIND: Final = "find"
_WORDS: Final = (*map(str, How), FIND)
_DETECTORS: Final = sorted(NAMES | GROUPS.keys())
_HINT: Final = 'write a JSONPath like $.user.email, or one of {last4: "$.iban"}, {find: card}'


_SHOWN: Final = 100
"""Characters of a path that a message shows."""


def _entry(value: Any) -> str:
    if isinstance(value, str) and value.partition(" ")[0] not in _WORDS:
        return _path(value)
    if not isinstance(value, Mapping) or len(value) != 1:
        raise wrong("expected a JSONPath, or one word and what it is about", _HINT)
    ((word, about),) = value.items()
    if word not in _WORDS:
        raise wrong(f'"{word}" is no way to redact', f"write {', '.join(_WORDS[:-1])} or {FIND}")
    if not isinstance(about, str):
        raise wrong(f'"{word}" is about one thing', _HINT)
    if word == FIND:
        return f"{FIND} {_detector(about)}"
    return _path(about if word == How.MASK else f"{word} {about}")


def _path(text: str) -> str:
    try:
        return str(FieldPath.compile(text))
    except NotAPath as error:
        raise wrong(f'"{text[:_SHOWN]}" is no path: {error}', _HINT) from None


def _detector(name: Any) -> str:
    if not isinstance(name, str) or name not in _DETECTORS:
        hint = did_you_mean(str(name), _DETECTORS) or "docs/policies.md has the table of detectors"
        raise wrong(f'there is no detector "{name}"', hint)
    return name


_PATH: Final = {"type": "string", "pattern": r"^\$"}
Redaction = Annotated[
    str,
    BeforeValidator(_entry),
    WithJsonSchema(
        {
            "anyOf": [
                _PATH,
                {
                    "type": "object",
                    "properties": {**{str(how): _PATH for how in How}, FIND: {"enum": _DETECTORS}},
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Detected = Annotated[str, BeforeValidator(_detector), WithJsonSchema({"enum": _DETECTORS})]


class Redacting(Written):
    """What a policy takes out of the answers to some tools, for its agents."""

    remedies: ClassVar[dict[str, str]] = {
        "tools": "write `tool`, with a name or a glob",
        "redact": "write `fields`",
    }

    tool: Tools = Field(description="A tool's name, a glob over names, `unmatched`, or a selection.")
    fields: tuple[Redaction, ...] = Field(
        min_length=1,
        description="JSONPaths that are masked, {hash: …}, {last4: …} or {drop: …} of one, {find: DETECTOR}.",
    )


def paths_in(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Those entries that are about fields."""
    return tuple(entry for entry in entries if not entry.startswith(f"{FIND} "))


def detectors_in(entries: tuple[str, ...]) -> frozenset[str]:
    """The detectors that the others name."""
    return expanded(entry.removeprefix(f"{FIND} ") for entry in entries if entry.startswith(f"{FIND} "))
