"""What a checked CEL expression reads: its tree, taken from the library's serialised form.

The library compiles and evaluates but shows no tree, so it is read from `CheckedExpr`, a protocol
buffer whose layout is public and frozen: github.com/google/cel-spec, proto/cel/expr/checked.proto and
syntax.proto. The wire format is that of protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

type Wire = dict[int, list[bytes | int]]
"""Fields of one message by number; a submessage is still bytes."""

_CHECKED_EXPR: Final = 4
_CONSTANT, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 3, 4, 5, 6, 7, 8, 9
_BOOL, _INT, _DOUBLE, _STRING = 2, 3, 5, 6
LOOKS_UP: Final = frozenset({"_[_]", "_[?_]"})
"""The functions that `a["b"]` stands for."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: text, number or boolean; None for those of other types."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Ident:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or `has(operand.field)`."""

    operand: Node
    field: str
    test: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator with its arguments, the target of a method first."""

    function: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A list or a map with all that stands in it."""

    parts: tuple[Node, ...]
    list: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """`all`, `exists`, `map`, `filter` and their like."""

    over: Node
    """What it goes through."""
    begin: Node
    """What it makes its result of; a list where it builds one."""
    body: tuple[Node, ...]
    """What is evaluated in every turn, and of the result."""
    own: frozenset[str]
    """Names of variables that it brings with it."""


type Node = Constant | Ident | Select | Call | Group | Loop


def read(checked: bytes) -> Node:
    """The tree of a serialised expression. Raises `ValueError` if it is not laid out as expected."""
    packed = _wire(checked)  # google.protobuf.Any: 1 is the type's URL, 2 the message
    return _node(_bytes(_wire(_bytes(packed, 2)), _CHECKED_EXPR))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    below: tuple[Node, ...] = ()
    match node:
        case Select(operand):
            below = (operand,)
        case Call(_, args):
            below = args
        case Group(parts):
            below = parts
        case Loop(over, begin, body):
            below = (over, begin, *body)
    for part in below:
        yield from walk(part)


def _node(data: bytes) -> Node:
    wire = _wire(data)
    for number, make in _MAKERS.items():
        if number in wire:
            return make(_wire(_bytes(wire, number)))
    raise ValueError("an expression of an unknown kind")


def _constant(wire: Wire) -> Node:
    if _STRING in wire:
        return Constant(_text(wire, _STRING))
    if _BOOL in wire:
        return Constant(wire[_BOOL][0] == 1)
    if _INT in wire and isinstance(number := wire[_INT][0], int):
        return Constant(number - (1 << 64) if number >= 1 << 63 else number)
    return Constant(struct.unpack("<d", _bytes(wire, _DOUBLE))[0] if _DOUBLE in wire else None)


def _ident(wire: Wire) -> Node:
    return Ident(_text(wire, 1))


def _select(wire: Wire) -> Node:
    return Select(_node(_bytes(wire, 1)), _text(wire, 2), 3 in wire)


def _call(wire: Wire) -> Node:
    return Call(_text(wire, 2), _nodes(wire, 1) + _nodes(wire, 3))


def _list(wire: Wire) -> Node:
    return Group(_nodes(wire, 1), list=True)


def _struct(wire: Wire) -> Node:
    entries = [_wire(entry) for entry in wire.get(2, []) if isinstance(entry, bytes)]
    return Group(tuple(node for entry in entries for node in _nodes(entry, 3) + _nodes(entry, 4)))


def _comprehension(wire: Wire) -> Node:
    own = frozenset(_text(wire, number) for number in (1, 3, 8) if number in wire)
    body = tuple(node for number in (5, 6, 7) for node in _nodes(wire, number))
    return Loop(_node(_bytes(wire, 2)), _node(_bytes(wire, 4)), body, own)


_MAKERS: Final = {
    _CONSTANT: _constant,
    _IDENT: _ident,
    _SELECT: _select,
    _CALL: _call,
    _LIST: _list,
    _STRUCT: _struct,
    _COMPREHENSION: _comprehension,
}


def _nodes(wire: Wire, number: int) -> tuple[Node, ...]:
    return tuple(_node(item) for item in wire.get(number, []) if isinstance(item, bytes))


def _bytes(wire: Wire, number: int) -> bytes:
    value = wire[number][0] if number in wire else b""
    if not isinstance(value, bytes):
        raise ValueError("a field of an unexpected type")
    return value


def _text(wire: Wire, number: int) -> str:
    return _bytes(wire, number).decode("utf-8")


def _wire(data: bytes) -> Wire:
    found: Wire = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: bytes | int
        match key & 7:
            case 0:
                value, at = _varint(data, at)
            case 1 | 5 as kind:
                width = 8 if kind == 1 else 4
                value, at = data[at : at + width], at + width
            case 2:
                length, at = _varint(data, at)
                value, at = data[at : at + length], at + length
            case _:
                raise ValueError("an unknown wire type")
        found.setdefault(key >> 3, []).append(value)
    if at != len(data):
        raise ValueError("a message that is cut short")
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise ValueError("a number that is cut short")
