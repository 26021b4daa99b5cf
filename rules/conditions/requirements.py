"""What a condition requires of each value, one by one: for those who explain and compare conditions.

A mapping says it itself. Of a CEL expression only a row of `&&` is taken apart, and of that what compares a
name with a literal; the rest leaves `whole` false. Nothing is ever decided by what stands here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wharfinger.rules.conditions import cel_tree
from wharfinger.rules.conditions.cel_tree import LOOKS_UP, Call, Constant, Group, Ident, Node, Select
from wharfinger.rules.conditions.constraint import Constraint, WrongType
from wharfinger.rules.conditions.constraints import compile_constraint
from wharfinger.rules.conditions.when import Condition, Listed, Written

GIVEN: Final = "given"
ABOVE: Final = "above"
BELOW: Final = "below"

_COMPARED: Final = {
    "_==_": "equals", "_!=_": "not_in", "_<_": BELOW, "_<=_": "max", "_>_": ABOVE, "_>=_": "min",
}  # fmt: skip
_MIRRORED: Final = {BELOW: ABOVE, "max": "min", ABOVE: BELOW, "min": "max"}
_NEGATED: Final = {BELOW: "min", "min": BELOW, ABOVE: "max", "max": ABOVE, "in": "not_in", "not_in": "in"}
_TEXTS: Final = {
    "startsWith": "startswith", "endsWith": "endswith", "contains": "contains", "matches": "matches",
}  # fmt: skip
_ORDERS: Final = frozenset({BELOW, "max", ABOVE, "min"})
_ROOTS: Final = frozenset({"input", "call", "agent", "request", "facts"})


@dataclass(frozen=True, slots=True, eq=False)
class Requirement:
    """One thing that one value must be."""

    root: str
    """`input`, `call`, `agent`, `request` or `facts`."""
    name: str
    operator: str
    """One of a mapping's operators, or `above`, `below`, `given`."""
    argument: Any

    @property
    def subject(self) -> tuple[str, str]:
        """What it is about."""
        return self.root, self.name

    @property
    def what(self) -> str:
        """What it is about, as a person writes it: an input by its name alone."""
        return self.name if self.root == "input" else f"{self.root}.{self.name}"

    @property
    def words(self) -> str:
        """What the value must be: `at most 5000`."""
        if self.operator == GIVEN:
            return "given" if self.argument else "left out"
        if self.operator in {ABOVE, BELOW}:
            return f"{'more' if self.operator == ABOVE else 'less'} than {self.argument}"
        if self.operator == "not_in" and len(self.argument) == 1:
            return f"other than {json.dumps(self.argument[0], ensure_ascii=False)}"
        if self.operator == "in" and len(self.argument) == 1:
            return compile_constraint({"equals": self.argument[0]}).text
        return self._constraint().text

    def holds(self, value: object) -> bool:
        """Whether a value that is there is as required; one of a wrong type is not."""
        if self.operator == GIVEN:
            return bool(self.argument)
        if self.operator in {ABOVE, BELOW}:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return bool(value > self.argument if self.operator == ABOVE else value < self.argument)
        try:
            return self._constraint().holds(value)
        except WrongType:
            return False

    def met(self, values: Mapping[str, Any]) -> bool:
        """Whether it is met by what there is, by name; what is not there meets nothing but that."""
        if self.name not in values:
            return self.operator == GIVEN and not self.argument
        return self.holds(values[self.name])

    def _constraint(self) -> Constraint:
        return compile_constraint({self.operator: self.argument})


@dataclass(frozen=True, slots=True, eq=False)
class Requirements:
    """All that a condition requires, or as much of it as can be told."""

    each: tuple[Requirement, ...] = ()
    whole: bool = True
    """Whether that is all of it: the condition holds if and only if each is met."""
    source: str = ""
    """The CEL expression, if it is one."""


NONE: Final = Requirements()


def requirements(condition: Condition | None) -> Requirements:
    """What a rule's condition requires; nothing where the rule always holds."""
    if isinstance(condition, Listed):
        return Requirements(tuple(_of_mapping(condition)))
    if isinstance(condition, Written):
        return _of_expression(condition)
    return NONE


def _of_mapping(condition: Listed) -> Iterator[Requirement]:
    for name, written in condition.written:
        if not isinstance(written, Mapping):
            yield Requirement("input", name, "equals", written)
            continue
        for operator, argument in written.items():
            if operator == "empty":
                continue
            if operator == "all" and "empty" in written:
                yield _Lenient("input", name, operator, argument)
            else:
                yield Requirement("input", name, operator, argument)
    if condition.reason:
        yield Requirement("call", "reason", GIVEN, True)


class _Lenient(Requirement):
    """`all`, which an empty list meets, too."""

    __slots__ = ()

    def _constraint(self) -> Constraint:
        return compile_constraint({self.operator: self.argument, "empty": "ok"})


def _of_expression(condition: Written) -> Requirements:
    source = " ".join(condition.expression.source.split())
    return _of_tree(cel_tree.read(condition.expression.program.serialize()), source)


def _of_tree(tree: Node, source: str) -> Requirements:
    found = [_of_part(part) for part in _row(tree)]
    known = [each for each in found if each is not None]
    return Requirements(tuple(known), len(known) == len(found), source)


def _row(node: Node) -> Iterator[Node]:
    """The parts of a row of `&&`."""
    if isinstance(node, Call) and node.function == "_&&_":
        for part in node.args:
            yield from _row(part)
    else:
        yield node


def _of_part(node: Node) -> Requirement | None:
    match node:
        case Call("!_", (part,)):
            return negated(_of_part(part))
        case Call("given", (Constant(str(name)),)):
            return Requirement("input", name, GIVEN, True)
        case Call("@in", (Constant(str(name)), Ident(root))) if root in _ROOTS:
            return Requirement(root, name, GIVEN, True)
        case Select(Ident(root), name, True) if root in _ROOTS:
            return Requirement(root, name, GIVEN, True)
        case Call("@in", (subject, Group(parts, True))):
            values = [part.value for part in parts if isinstance(part, Constant) and part.value is not None]
            return _about(subject, "in", values) if values and len(values) == len(parts) else None
        case Call(function, (subject, Constant(str(text)))) if function in _TEXTS and text:
            return _about(subject, _TEXTS[function], text)
        case Call(function, (subject, Constant(value))) if function in _COMPARED and value is not None:
            return _compared(subject, _COMPARED[function], value)
        case Call(function, (Constant(value), subject)) if function in _COMPARED and value is not None:
            operator = _COMPARED[function]
            return _compared(subject, _MIRRORED.get(operator, operator), value)
        case Select() | Call():
            return _about(node, "equals", True)
    return None


def negated(found: Requirement | None) -> Requirement | None:
    """What is required where that must not be; None where it cannot be told."""
    if found is None:
        return None
    if found.operator == GIVEN or (found.operator == "equals" and isinstance(found.argument, bool)):
        return Requirement(found.root, found.name, found.operator, not found.argument)
    if found.operator == "equals":
        return Requirement(found.root, found.name, "not_in", [found.argument])
    operator = _NEGATED.get(found.operator)
    return Requirement(found.root, found.name, operator, found.argument) if operator else None


def _compared(subject: Node, operator: str, value: Any) -> Requirement | None:
    if operator in _ORDERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        return None
    return _about(subject, operator, [value] if operator == "not_in" else value)


def _about(subject: Node, operator: str, argument: Any) -> Requirement | None:
    match subject:
        case Select(Ident(root), name, False) if root in _ROOTS:
            return Requirement(root, name, operator, argument)
        case Call(function, (Ident(root), Constant(str(name)))) if function in LOOKS_UP and root in _ROOTS:
            return Requirement(root, name, operator, argument)
    return None
