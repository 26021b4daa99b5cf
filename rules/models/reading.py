"""From a document to a model, every error of the validation reported at its line in our own words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from wharfinger.rules.documents import MappingNode, Source, locate, read
from wharfinger.rules.models.base import Reading, Written
from wharfinger.rules.models.values import spelled_duration, spelled_size
from wharfinger.rules.problems import Problems, did_you_mean

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


def read_model[T: Written](
    kind: type[T], source: Source, problems: Problems, *, quote: bool = True
) -> T | None:
    """The file as a `kind`, or None after every problem in it was added to `problems`.

    `quote` false keeps the file's values out of the messages: where secrets might have been written.
    """
    before = len(problems.errors)
    node = read(source, problems)
    model = None if node is None else validated(kind, node, problems, quote=quote)
    return model if len(problems.errors) == before else None


def validated[T: Written](
    kind: type[T], node: MappingNode, problems: Problems, *, quote: bool = True
) -> T | None:
    """The mapping as a `kind`, or None after every problem in it was added to `problems`."""
    before = len(problems.errors)
    model: T | None = None
    try:
        model = kind.model_validate(node, context=Reading(problems))
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            if error["type"] == "too_short" and error["input"]:
                continue  # pydantic counts the items that were valid: the others have their own errors
            _report(error, node, problems, quote=quote)
    return model if len(problems.errors) == before else None


def _report(error: Any, node: MappingNode, problems: Problems, *, quote: bool) -> None:
    path = error["loc"]
    key = bool(path) and path[-1] == "[key]"
    message, hint = _in_our_words(error, quote=quote)
    at = locate(node, path[:-1] if key else path, key=key) or node.position
    if at not in {problem.position for problem in problems.errors}:  # what YAML refused needs no second word
        problems.error(at, message, hint)


def _in_our_words(error: Any, *, quote: bool) -> tuple[str, str]:
    kind, context, given = error["type"], error.get("ctx", {}), error.get("input")
    if kind == "wharfinger":
        return str(context["message"]), str(context["hint"])
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


def _measure(bound: object, given: object) -> str:
    """A bound as the user would write it."""
    if isinstance(bound, timedelta):
        return spelled_duration(bound)
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
