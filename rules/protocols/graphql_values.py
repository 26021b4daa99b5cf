"""Values in GraphQL documents: literals as JSON has them, and variables that stand for what a request gives.

Imports graphql-core, as `rules.protocols.graphql_document` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graphql.language.ast import (
    ArgumentNode,
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.strictjson import number
from wharfinger.rules.types import JSON, Code

_HELP: Final = "Send one plain GraphQL document."


def refused(reason: str, help_text: str = _HELP) -> Refused:
    """What to raise for a document that is not let through."""
    return Refused(reason, help_text, Code.DENIED)


@dataclass(frozen=True, slots=True)
class Variable:
    """Stands in a value for what the request gives the variable."""

    name: str


type Value = bool | int | float | str | Variable | list[Value] | dict[str, Value] | None


def arguments(nodes: tuple[ArgumentNode, ...] | None) -> dict[str, Value]:
    """The arguments of a field, by name."""
    given = {node.name.value: value_of(node.value) for node in nodes or ()}
    if len(given) < len(nodes or ()):
        raise refused("the document gives an argument twice")
    return given


def value_of(node: ValueNode) -> Value:
    """A literal as JSON has it: an enum value is its name. The depth has been checked."""
    if isinstance(node, VariableNode):
        return Variable(node.name.value)
    if isinstance(node, StringValueNode | EnumValueNode | BooleanValueNode):
        return node.value
    if isinstance(node, IntValueNode | FloatValueNode):
        read_as = number(node.value)
        if read_as is None:
            raise refused("the document has a number out of range")
        return read_as
    if isinstance(node, ListValueNode):
        return [value_of(each) for each in node.values]
    if isinstance(node, ObjectValueNode):
        held = {field.name.value: value_of(field.value) for field in node.fields}
        if len(held) < len(node.fields):
            raise refused("the document has an object with a key twice")
        return held
    return None


def variables(value: Value) -> Iterator[str]:
    """The variables that stand in a value, each as often as it does."""
    if isinstance(value, Variable):
        yield value.name
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from variables(each)


ABSENT: Final = object()
"""Stands for a variable that the request gives no value."""


def resolved(value: Value, variables: Mapping[str, JSON]) -> object:
    """A value with its variables put in; `ABSENT` for one that has none (GraphQL 6.4.1 and 3.10)."""
    if isinstance(value, Variable):
        return variables.get(value.name, ABSENT)
    if isinstance(value, list):
        items = [resolved(each, variables) for each in value]
        return [None if item is ABSENT else item for item in items]
    if isinstance(value, dict):
        held = {key: resolved(each, variables) for key, each in value.items()}
        return {key: each for key, each in held.items() if each is not ABSENT}
    return value
