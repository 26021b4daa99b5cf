"""Tree templates: what a query or body must look like, with `${x}` at its leaves.

A leaf that is `${x}` alone keeps the value's type; between constants a value is text. Constants must be
equal. An input that is absent drops its key, and null is not absent. What a request has beyond the keys of
a mapping is kept apart as extra.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from wharfinger.rules.requests.bracketed import Repeated, name_keys
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.strictjson import number
from wharfinger.rules.tools.template import TemplateError, Text, Variable, value_text
from wharfinger.rules.types import JSON


@dataclass(frozen=True, slots=True)
class Constant:
    """A leaf that must be equal."""

    value: JSON


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping: each key a template, whatever else the request has there is extra."""

    fields: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of just these."""

    items: tuple[Node, ...]


type Node = Constant | Text | Fields | Items


def tree(source: object) -> Node:
    """Read a tree template from plain YAML values. Raises `TemplateError`."""
    if isinstance(source, str):
        read = value_text(source)
        constant = read.constant
        return read if constant is None else Constant(constant)
    if isinstance(source, Mapping):
        return Fields({_key(key): tree(value) for key, value in source.items()})
    if isinstance(source, list | tuple):
        return Items(tuple(tree(value) for value in source))
    if source is None or isinstance(source, bool | int | float):
        return Constant(source)
    raise TemplateError(f'"{source}" cannot stand in a template', "quote it")


def nested(source: object) -> object:
    """The mapping with brackets in its keys (`a[b]`, `a[]`) nested, as forms and queries are read."""
    if not isinstance(source, Mapping):
        return source
    root: dict[str, object] = {}
    for name, value in source.items():
        try:
            keys = [key for key in name_keys(_key(name), "template") if key]
        except Refused as refused:
            raise TemplateError(f'the key "{name}" is not clear: {refused}') from None
        node = root
        for key in keys[:-1]:
            below = node.setdefault(key, {})
            if not isinstance(below, dict):
                raise TemplateError(f'the key "{name}" stands in two shapes')
            node = below
        if keys[-1] in node:
            raise TemplateError(f'the key "{name}" stands twice')
        node[keys[-1]] = nested(value)
    return root


def _key(key: object) -> str:
    if not isinstance(key, str) or "${" in key:
        raise TemplateError(f'the key "{key}" is not plain text', "variables stand in values only")
    return key


def variables(node: Node) -> Iterator[Variable]:
    """All variables of a tree, in order."""
    if isinstance(node, Text):
        yield from node.variables
    elif isinstance(node, Fields):
        for below in node.fields.values():
            yield from variables(below)
    elif isinstance(node, Items):
        for below in node.items:
            yield from variables(below)


def constants(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    """All constants of a tree as (path, text): what chooses the tool, and tells two tools apart."""
    if isinstance(node, Constant):
        yield path, f"{type(node.value).__name__}:{node.value}"
    elif isinstance(node, Text) and node.constants:
        yield path, node.shape
    elif isinstance(node, Fields):
        for key, below in node.fields.items():
            yield from constants(below, f"{path}.{key}" if path else key)
    elif isinstance(node, Items):
        for index, below in enumerate(node.items):
            yield from constants(below, f"{path}[{index}]")


ABSENT = object()
"""Stands for a value that is not there; JSON's null is one that is."""


@dataclass(slots=True)
class Found:
    """What reading a tree has found. A value may be bound more than once; whoever types them compares."""

    bound: list[tuple[str, JSON, bool]] = field(default_factory=list)
    """Input, value, and whether the value is text that stands for another type."""
    extras: dict[str, JSON] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """Why the call is denied although its constants fit."""


def read(node: Node, value: object, found: Found, *, textual: bool, path: str = "") -> bool:
    """Match a value (or `ABSENT`) with a tree; False where a constant is not equal, and nothing else matters.

    `textual` says that leaves are text: of a query, header or form.
    """
    if isinstance(node, Constant):
        return value is not ABSENT and same(node.value, value, textual=textual)
    if isinstance(node, Text):
        return _read_text(node, value, found, textual)
    if isinstance(node, Fields):
        return _read_fields(node, value, found, textual, path)
    return _read_items(node, value, found, textual, path)


def _read_text(node: Text, value: object, found: Found, textual: bool) -> bool:
    if value is ABSENT:
        return True
    single = node.single
    if single is not None:
        found.bound.append((single.name, value, textual))  # type: ignore[arg-type]
        return True
    if not isinstance(value, str):
        return False
    try:
        parts = node.read(value)
    except Refused as refused:
        found.problems.append(refused.refusal.reason)
        return True
    if parts is None:
        return False
    found.bound.extend((name, part, True) for name, part in parts.items())
    return True


def _read_fields(node: Fields, value: object, found: Found, textual: bool, path: str) -> bool:
    absent = value is ABSENT
    if not absent and not isinstance(value, dict):
        return _wrong_shape(node, found, path, "an object")
    held: dict[str, object] = {} if absent else value  # type: ignore[assignment]
    for key, below in node.fields.items():
        given = held.get(key, ABSENT)
        if isinstance(below, Text) and below.single is not None:
            if given is not ABSENT:
                found.bound.append((below.single.name, given, textual))  # type: ignore[arg-type]
        elif not read(below, given, found, textual=textual, path=_join(path, key)):
            return False
    if not held.keys() <= node.fields.keys():
        beyond = {_join(path, key): item for key, item in held.items() if key not in node.fields}
        found.extras.update(beyond)  # type: ignore[arg-type]
    return True


def _read_items(node: Items, value: object, found: Found, textual: bool, path: str) -> bool:
    if value is ABSENT:
        return all(read(below, ABSENT, found, textual=textual) for below in node.items)
    if not isinstance(value, list | Repeated) or len(value) != len(node.items):
        return _wrong_shape(node, found, path, f"a list of {len(node.items)}")
    return all(
        read(below, item, found, textual=textual, path=f"{path}[{index}]")
        for index, (below, item) in enumerate(zip(node.items, value, strict=True))
    )


def _wrong_shape(node: Node, found: Found, path: str, expected: str) -> bool:
    """A value of another shape cannot hold the constants; without constants, the call is a bad one."""
    if any(True for _ in constants(node)):
        return False
    found.problems.append(f'"{path}" is not {expected}' if path else f"the body is not {expected}")
    return True


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def same(constant: JSON, value: object, *, textual: bool) -> bool:
    """Whether a value equals a constant: numbers by value, booleans only booleans; text by what it spells."""
    if textual and not isinstance(constant, str):
        if not isinstance(value, str):
            return False
        if isinstance(constant, bool):
            return value == spell(constant)
        if isinstance(constant, int | float):
            return number(value) == constant
        return False
    if isinstance(constant, bool) or isinstance(value, bool):
        return constant is value
    if isinstance(constant, int | float):
        return isinstance(value, int | float) and constant == value
    return type(constant) is type(value) and constant == value


def spell(value: object) -> str:
    """The text that stands for a scalar in a path, query, header or form. Raises `Refused` for others."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise Refused(
        "a list, an object or null cannot be written as text", "Give text, a number, true or false."
    )


def write(node: Node, values: Mapping[str, JSON]) -> object:
    """Fill in a tree; `ABSENT` where an input of it is absent, and a mapping that loses all it had is too."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Text):
        return _write_text(node, values)
    if isinstance(node, Fields):
        filled = {key: write(below, values) for key, below in node.fields.items()}
        kept = {key: value for key, value in filled.items() if value is not ABSENT}
        return ABSENT if filled and not kept else kept
    items = [write(below, values) for below in node.items]
    if any(item is ABSENT for item in items):
        return ABSENT
    return items


def _write_text(node: Text, values: Mapping[str, JSON]) -> object:
    if any(variable.name not in values for variable in node.variables):
        return ABSENT
    single = node.single
    if single is not None:
        return values[single.name]
    return node.write({variable.name: spell(values[variable.name]) for variable in node.variables})
