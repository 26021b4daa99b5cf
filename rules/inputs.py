"""Inputs of a tool: their types and bounds, checked on what a request holds or a call gives.

Text that stands for a number is read by JSON's grammar exactly; null is a value of no type. Messages name
the input and the bound, never the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import re2
from wharfinger.rules.requests.bracketed import Repeated
from wharfinger.rules.requests.strictjson import INT64, canonical_json, number
from wharfinger.rules.types import JSON

type Kind = Literal["string", "integer", "number", "boolean", "array", "object"]

_WORDS = {"true": True, "false": False}
_ARTICLE = {"integer": "an integer", "array": "an array", "object": "an object", "string": "text"}
_RE2 = re2.Options()
_RE2.log_errors = False


class BadInput(ValueError):
    """A value that its input does not take."""


def pattern(text: str) -> Any:
    """Compile a pattern that a whole text must match. Raises `ValueError` if RE2 does not take it."""
    try:
        return re2.compile(text, options=_RE2)
    except re2.error as error:
        raise ValueError(str(error)) from None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in INT64


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_TESTS: Mapping[Kind, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": _is_number,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


@dataclass(frozen=True, slots=True)
class Input:
    """One input, ready to check values."""

    name: str
    kind: Kind = "string"
    required: bool = True
    enum: frozenset[bytes] | None = None
    """The only values, each in canonical JSON, so that `1` and `true` differ."""
    pattern: Any = None
    """Compiled; the whole text must match."""
    minimum: float | None = None
    """Of a number its value, of text and arrays their length."""
    maximum: float | None = None
    sensitive: bool = False
    description: str = ""
    others: tuple[Kind, ...] = ()
    """Types that the value may have instead; then there are no bounds."""
    kinds: tuple[Kind, ...] = field(init=False, repr=False)
    """All types that the value may have."""
    _is: Callable[[object], bool] = field(init=False, repr=False, compare=False)
    """Whether a value is of one of the types."""
    _free: bool = field(init=False, repr=False)
    """Whether any value of the type will do."""
    _text: bool = field(init=False, repr=False)
    """Whether any text will do."""

    def __post_init__(self) -> None:
        """Work out once what every value is compared with."""
        kinds = (self.kind, *self.others)
        tests = [_TESTS[kind] for kind in kinds]
        bounds = (self.enum, self.pattern, self.minimum, self.maximum)
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(
            self, "_is", tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)
        )
        free = all(bound is None for bound in bounds)
        object.__setattr__(self, "_free", free)
        object.__setattr__(self, "_text", free and "string" in kinds)

    @property
    def what(self) -> str:
        """The types in words: `string or array`."""
        return " or ".join(self.kinds)

    def read(self, value: object, *, textual: bool) -> JSON:
        """The typed value; `textual` if it stands in a path, query, header or form. Raises `BadInput`."""
        if self._text and type(value) is str:
            return value
        typed = self._from_text(value) if textual else value
        if not self._is(typed):
            wanted = " or ".join(_ARTICLE.get(kind, f"a {kind}") for kind in self.kinds)
            raise BadInput(f'the input "{self.name}" is not {wanted}')
        if not self._free:
            self._check(typed)
        return typed  # type: ignore[return-value]

    def _from_text(self, value: object) -> object:
        if isinstance(value, Repeated):
            if "array" not in self.kinds:
                raise BadInput(f'the input "{self.name}" stands more than once')
            return list(value)
        if not isinstance(value, str) or "string" in self.kinds:
            return value
        readings = (_from_text(value, kind) for kind in self.kinds)
        return next((read for read in readings if read is not None), None)

    def _check(self, value: Any) -> None:
        if self.enum is not None and canonical_json(value) not in self.enum:
            raise BadInput(f'the input "{self.name}" is not one of its known values')
        if self.pattern is not None and self.pattern.fullmatch(value) is None:
            raise BadInput(f'the input "{self.name}" is not of the form it must have')
        if self.minimum is None and self.maximum is None:
            return
        size = len(value) if self.kind in {"string", "array"} else value
        what = f'the {"length of the " if self.kind in {"string", "array"} else ""}input "{self.name}"'
        if self.minimum is not None and size < self.minimum:
            raise BadInput(f"{what} is less than {self.minimum:g}")
        if self.maximum is not None and size > self.maximum:
            raise BadInput(f"{what} is more than {self.maximum:g}")


def _from_text(text: str, kind: Kind) -> object:
    """What text stands for as this type; None where it cannot."""
    if kind in {"integer", "number"}:
        return number(text)
    if kind == "boolean":
        return _WORDS.get(text)
    return [text] if kind == "array" else text


def enumeration(kind: Kind, values: tuple[JSON, ...]) -> frozenset[bytes]:
    """What `Input.enum` holds; for numbers both spellings of a whole one (1 and 1.0) are the same value."""
    spelled = {canonical_json(value) for value in values}
    if kind == "number":
        for value in values:
            if isinstance(value, int | float) and float(value).is_integer():
                spelled |= {canonical_json(int(value)), canonical_json(float(value))}
    return frozenset(spelled)


def check(inputs: Mapping[str, Input], values: Mapping[str, object]) -> tuple[dict[str, JSON], list[str]]:
    """The values as a call gives them, checked: those that are good, and every problem."""
    good: dict[str, JSON] = {}
    problems = [f'there is no input "{name}"' for name in values if name not in inputs]
    for name, spec in inputs.items():
        if name in values:
            try:
                good[name] = spec.read(values[name], textual=False)
            except BadInput as bad:
                problems.append(str(bad))
        elif spec.required:
            problems.append(f'the input "{name}" is missing')
    return good, problems


def bind(
    inputs: Mapping[str, Input], bound: list[tuple[str, JSON, bool]]
) -> tuple[dict[str, JSON], list[str]]:
    """The values as a request holds them, typed and checked: those that are good, and every problem.

    Where one input stands in several places of the request, all must hold the same value.
    """
    good: dict[str, JSON] = {}
    problems: list[str] = []
    seen: set[str] = set()
    for name, value, textual in bound:
        try:
            typed = inputs[name].read(value, textual=textual)
        except BadInput as bad:
            problems.append(str(bad))
        else:
            if name not in good:
                good[name] = typed
            elif canonical_json(good[name]) != canonical_json(typed):
                problems.append(f'the input "{name}" has two values')
        seen.add(name)
    for name, spec in inputs.items():
        if name not in seen and spec.required:
            problems.append(f'the input "{name}" is missing')
    return good, problems
