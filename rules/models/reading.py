"""From a document to a model, every error of the validation reported at its line in our own words."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from wharfinger.rules.documents.nodes import MappingNode, SequenceNode, locate, value_at
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean
from wharfinger.rules.documents.reading import Source, read
from wharfinger.rules.models.base import Reading, Written
from wharfinger.rules.models.values import spelled_size

_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
_QUOTABLE = 80
"""How much of a user's text a message repeats."""

type Path = tuple[int | str, ...]
"""Keys and indices that lead to a value."""


@dataclass(frozen=True, slots=True)
class Part[T: Written]:
    """A file as far as it could be read."""

    node: MappingNode | None
    """The document; None if there is none."""
    model: T | None
    """What is left of it without its broken entries, to look for more problems in."""


def read_model[T: Written](kind: type[T], source: Source, problems: Problems) -> T | None:
    """The file as a `kind`, or None after every problem in it was added to `problems`."""
    before = len(problems.errors)
    model = read_part(kind, source, problems).model
    return model if len(problems.errors) == before else None


def read_part[T: Written](kind: type[T], source: Source, problems: Problems) -> Part[T]:
    """As much of the file as makes sense, every problem in it added to `problems`."""
    node = read(source, problems)
    quote = not source.secret
    return Part(node, None if node is None else validated(kind, node, problems, quote=quote))


def validated[T: Written](
    kind: type[T], node: MappingNode, problems: Problems, *, quote: bool = True
) -> T | None:
    """The mapping as a `kind`, its broken entries reported and left out; None if nothing is left.

    Without `quote` messages do not repeat values.
    """
    refused = {problem.position for problem in problems.errors}
    try:
        return kind.model_validate(node, context=Reading(problems))
    except ValidationError as invalid:
        broken = _reported(invalid, node, problems, refused, quote=quote)
    try:
        return kind.model_validate(_without(node, broken), context=Reading(Problems()))
    except ValidationError:
        return None


def _without(node: MappingNode, broken: Iterable[Path]) -> MappingNode:
    """The mapping without its broken entries: of lists and mappings in it the items, else the whole value."""
    inner: dict[str, set[int | str]] = {}
    for path in broken:
        inner.setdefault(str(path[0]), set()).update(path[1:2])
    rest = node.only(lambda key: inner.get(key, True) != set())
    for key in inner.keys() & rest.keys():
        dict.__setitem__(rest, key, _kept(rest[key], inner[key]))
    return rest


def _kept(held: object, gone: set[int | str]) -> object:
    if isinstance(held, MappingNode | SequenceNode):
        return held.only(lambda entry: entry not in gone)
    return held


def _reported(
    invalid: ValidationError, node: MappingNode, problems: Problems, refused: Set[Position], *, quote: bool
) -> list[Path]:
    """Report the errors but those where YAML was refused already; where all of them are."""
    strange = {problem.position for problem in problems.errors} - refused
    broken: list[Path] = []
    for error in invalid.errors(include_url=False):
        path = error["loc"]
        key = bool(path) and path[-1] == "[key]"
        path = path[:-1] if key else path
        if path:
            broken.append(path)
        if error["type"] == "too_short" and error["input"]:
            continue  # pydantic counts the items that were valid: the others have their own errors
        at = locate(node, path, key=key) or node.position
        if at in refused or (error["type"] == "missing" and _misspelt(node, path, strange)):
            continue  # that has been said
        problems.error(at, *_in_our_words(error, node, quote=quote))
    return broken


def _misspelt(node: MappingNode, path: Path, strange: Set[Position]) -> bool:
    """Whether a missing key is near an unknown one of its mapping, which was reported."""
    around = value_at(node, path[:-1])
    unknown = [
        key for key in around if locate(around, (key,), key=True) in strange
    ] if isinstance(around, MappingNode) else []  # fmt: skip
    return bool(did_you_mean(str(path[-1]), unknown))


def _in_our_words(error: Any, node: MappingNode, *, quote: bool) -> tuple[str, str]:
    kind, context, path = error["type"], error.get("ctx", {}), error["loc"]
    given = value_at(node, path, error.get("input"))
    if kind == "wharfinger":
        return _unquoted(context["message"], given, quote=quote or path[-1:] == ("[key]",)), context["hint"]
    if kind == "missing":
        return f'missing key "{error["loc"][-1]}"', ""
    if kind in {"literal_error", "enum"}:
        return _choice(context["expected"], given, quote=quote)
    if kind in _EXPECTED:
        return _wrong_type(_EXPECTED[kind], given, quote=quote)
    if kind == "too_short":
        return "the list is empty", f"write at least {context['min_length']}"
    if kind == "string_too_short":
        return "the text is empty", ""
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        return f"expected {word} {_measure(context[bound], given)}{_not(given, quote=quote)}", ""
    return str(error["msg"])[:1].lower() + str(error["msg"])[1:], ""


def _unquoted(message: str, given: object, *, quote: bool) -> str:
    return message.replace(f'"{given}"', "this") if isinstance(given, str) and not quote else message


def _measure(bound: object, given: object) -> str:
    """A bound as the user would write it."""
    if isinstance(bound, int) and not isinstance(given, int):
        return spelled_size(bound)
    return str(bound)


def _choice(expected: str, given: object, *, quote: bool) -> tuple[str, str]:
    choices = expected.replace("'", '"')
    hint = (
        did_you_mean(given, choices.replace('"', "").replace(" or ", ", ").split(", "))
        if isinstance(given, str)
        else ""
    )
    return f"expected {choices}{_not(given, quote=quote)}", hint


def _wrong_type(expected: str, given: object, *, quote: bool) -> tuple[str, str]:
    hint = ""
    if expected == "text" and isinstance(given, int | float | bool):
        hint = f'quote it if it is text: "{str(given).lower() if isinstance(given, bool) else given}"'
    if expected == "a list" and isinstance(given, str):
        hint = "write it in brackets: […]"
    return f"expected {expected}{_not(given, quote=quote)}", hint if quote else ""


def _not(given: object, *, quote: bool) -> str:
    if given is None:
        return ", found nothing"
    if isinstance(given, dict):
        return ", not a mapping"
    if isinstance(given, list | tuple):
        return ", not a list"
    if not quote:
        return ""
    text = str(given).lower() if isinstance(given, bool) else str(given)
    return f', not "{text[:_QUOTABLE]}"'
