"""What all models share: strictness, positions, and errors in our own words.

Validation needs a `Reading` as its context. Unknown keys and keys of a later version are reported to
it at once and left out, so that the other problems of the same mapping are found too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    Strict,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from wharfinger.rules.documents.nodes import MappingNode, locate
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean

Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]


_LATER = "leave it out; this version would not enforce it"


@dataclass(frozen=True, slots=True)
class Reading:
    """The context of validation: where problems go."""

    problems: Problems


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """An error of ours, for validators to raise: what is wrong, and how to mend it."""
    return PydanticCustomError("wharfinger", "{message}", {"message": message, "hint": hint})


class Written(BaseModel):
    """A mapping of a configuration file; frozen, without unknown keys, and aware of where it stands."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    later: ClassVar[frozenset[str]] = frozenset()
    """Keys the design has and this version does not enforce: a load error, never silently accepted."""
    remedies: ClassVar[dict[str, str]] = {}
    """For unknown keys that people write by mistake: what to write instead."""
    short: ClassVar[dict[str, Any] | None] = None
    """JSON Schema of the short form, where one may stand in the mapping's stead."""

    __slots__ = ("_node",)
    """Where it was written; a private attribute of pydantic's would cost more than all of its fields."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        data = cls.normal(data)
        node = data if isinstance(data, MappingNode) else None
        if node is not None and isinstance(info.context, Reading):
            data = cls._reported(node, info.context.problems)
        written = handler(data)
        object.__setattr__(written, "_node", node)
        return written

    def __copy__(self) -> Self:
        """A copy that knows where the original was written."""
        copied = super().__copy__()
        object.__setattr__(copied, "_node", self._written)
        return copied

    @property
    def _written(self) -> MappingNode | None:
        node: MappingNode | None = object.__getattribute__(self, "_node")
        return node

    @classmethod
    def normal(cls, data: Any) -> Any:
        """Turn short forms into the mapping they stand for, and fill in defaults that depend on others."""
        return data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Leave out what is not written as a key, and admit the short form."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name in set(properties) - cls.keys():
            del properties[name]
        return schema if cls.short is None else {"anyOf": [cls.short, schema]}

    @classmethod
    def _reported(cls, node: MappingNode, problems: Problems) -> MappingNode:
        known = cls.keys()
        strange = [key for key in node if key not in known]
        for key in strange:
            at = locate(node, (key,), key=True) or node.position
            if key in cls.later:
                problems.error(at, f'"{key}" is not supported yet', _LATER)
            else:
                hint = (
                    cls.remedies.get(key)
                    or did_you_mean(key, known)
                    or f"known keys: {', '.join(sorted(known))}"
                )
                problems.error(at, f'unknown key "{key}"', hint)
        return node.only(known.__contains__) if strange else node

    @classmethod
    @cache
    def keys(cls) -> frozenset[str]:
        """The keys that may be written."""
        return frozenset(field.alias or name for name, field in cls.model_fields.items())

    @property
    def position(self) -> Position:
        """Where the mapping was written."""
        written = self._written
        return written.position if written is not None else Position("")

    def at(self, *path: int | str, key: bool = False) -> Position:
        """Where the value (or the key) at `path` was written; the nearest place around it if it was not."""
        return locate(self._written, path, key=key) or self.position


def listed(value: Any) -> Any:
    """For keys that take one text or a list of them: always the list."""
    if not isinstance(value, str | list | tuple):
        raise wrong("expected a text or a list of texts")
    return [value] if isinstance(value, str) else value


def plain(value: Any) -> Any:
    """The value without its positions: ordinary dicts and lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
