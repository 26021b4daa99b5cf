"""The inputs of a tool: their types, and what bounds their values (DESIGN 5.2)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.models.base import Flag, Text, Written, listed, wrong
from wharfinger.rules.models.values import Pattern

Type = Literal["string", "integer", "number", "boolean", "array", "object"]


def _types(value: Any) -> Any:
    """One type or a list of them, each known and none twice: always the list."""
    given = listed(value)
    if not isinstance(given, list | tuple) or not given:
        raise wrong(f"expected {_CHOICES}, or a list of them")
    for name in given:
        if name not in get_args(Type):
            hint = did_you_mean(name, get_args(Type)) if isinstance(name, str) else ""
            raise wrong(f'expected {_CHOICES}, not "{name}"', hint)
    if len(set(given)) < len(given):
        raise wrong("a type stands twice", "write each once")
    return given


_CHOICES = ", ".join(f'"{name}"' for name in get_args(Type)[:-1]) + f' or "{get_args(Type)[-1]}"'
Types = Annotated[
    tuple[Type, ...],
    BeforeValidator(_types),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(get_args(Type))},
                {"type": "array", "items": {"enum": list(get_args(Type))}, "minItems": 1},
            ]
        }
    ),
]


class InputSpec(Written):
    """One input of a tool. A bare type name is the short form of `{type: …}`."""

    types: Types = Field(
        default=("string",),
        alias="type",
        description="What values the input takes: a type, or any of a list.",
    )
    required: Flag = Field(default=True, description="Whether a call without it is denied.")
    enum: tuple[Any, ...] | None = Field(
        default=None, min_length=1, description="The only values it may take."
    )
    pattern: Pattern | None = Field(default=None, description="RE2 pattern that the whole text must match.")
    min: int | float | None = Field(default=None, description="Least number, or least length.")
    max: int | float | None = Field(default=None, description="Greatest number, or greatest length.")
    sensitive: Flag = Field(default=False, description="Kept in the audit log as a keyed digest only.")
    description: Text = Field(default="", description="What the input means.")

    remedies: ClassVar[dict[str, str]] = {"optional": "write `required: false`", "minimum": "write `min`"}

    short: ClassVar[dict[str, Any] | None] = {"enum": list(get_args(Type))}

    @classmethod
    def normal(cls, data: Any) -> Any:
        """A bare type name stands for `{type: …}`."""
        return {"type": data} if isinstance(data, str) else data

    @field_validator("min", "max", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise wrong("expected a number")
        return value

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if len(self.types) > 1 and {"enum", "pattern", "min", "max"} & self.model_fields_set:
            raise wrong("an input of several types cannot have enum, pattern, min or max", "drop them")
        kind = self.types[0]
        if self.pattern is not None and kind != "string":
            raise wrong(f'"pattern" is for text, and the type is "{kind}"', "drop the pattern")
        if (self.min is not None or self.max is not None) and kind in {"boolean", "object"}:
            raise wrong(f'"min" and "max" are for numbers, text and arrays, and the type is "{kind}"')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise wrong(f'"min" {self.min} is greater than "max" {self.max}', "swap them")
        strange = [value for value in self.enum or () if not is_a(value, kind)]
        if strange:
            raise wrong(f"the enum has values that are not of type {kind}: {strange!r}")
        return self


def is_a(value: object, kind: Type) -> bool:
    """Whether a plain value is of a tool's input type; a boolean is no number, an integer is one."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, kinds[kind])
