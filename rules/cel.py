"""Conditions written in CEL (github.com/google/cel-spec), checked when loaded.

A condition holds only if it evaluates to the boolean true. The library gives errors back as values, and
every result is true by `bool()`, so results are compared by identity with True and False; all else is an
error. An error's own text may repeat values of the request and is never shown.

Static checks: every name that is read exists, inputs have the type that their tools declare, the whole is a
boolean, constant patterns and hours can be read. `integer` inputs are CEL ints; `number` inputs are
checked elsewhere and compare with literals of any kind of number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import re2
from cel_expr_python import cel
from wharfinger.rules import cel_tree
from wharfinger.rules.cel_native import Native, native
from wharfinger.rules.cel_tree import LOOKS_UP, Call, Constant, Group, Ident, Node, Select
from wharfinger.rules.hours import hours
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.rules.conditions import Scope

MAX_ELEMENTS: Final = 1_000
"""Elements that the inputs of a condition with loops (`all`, `exists`, `map`, …) may have together: the
library's loops build their results by copying, so that their cost grows with the square."""

KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "call": frozenset({"tool", "effect", "reason"}),
    "agent": frozenset({"name", "owner", "environment"}),
    "request": frozenset({"method", "scheme", "host", "port", "path"}),
    "facts": frozenset({"confinement"}),
}
"""What may be read beside `input` and `now`."""
LATER: Final = frozenset({"cidr", "domain", "email", "findings"})

_KINDS: Final = {
    "string": cel.Type.STRING,
    "integer": cel.Type.INT,
    "number": cel.Type.DYN,
    "boolean": cel.Type.BOOL,
    "array": cel.Type.List(cel.Type.DYN),
    "object": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}
_scope: ContextVar[Scope] = ContextVar("scope")
"""What the functions of an expression read while it is evaluated."""


class Unreadable(ValueError):
    """An expression that cannot be used; `hint` says the remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads."""

    inputs: frozenset[str] = frozenset()
    guarded: frozenset[str] = frozenset()
    """Inputs whose presence it asks for first: `given("x")`, `has(input.x)`, `"x" in input`."""
    others: frozenset[tuple[str, str]] = frozenset()
    """`("agent", "environment")` and the like."""
    whole: bool = False
    """Whether inputs are also read by names that are not written out."""
    clock: bool = False
    loops: bool = False


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    reads: Reads
    program: Any
    calls: bool
    """Whether it uses functions of ours."""
    native: Native | None
    """The same in Python, for expressions simple enough."""

    def evaluated(self, scope: Scope) -> bool | None:
        """True or False if the library evaluates it to that, None for anything else, errors included."""
        if self.reads.loops and _elements(scope.inputs) > MAX_ELEMENTS:
            return None
        token = _scope.set(scope) if self.calls else None
        try:
            result = self.program.eval(scope.activation).value()
        except RuntimeError:  # what the library raises for values it cannot take, and beyond its budget
            return None
        finally:
            if token is not None:
                _scope.reset(token)
        return result if result is True or result is False else None


def compile_expression(source: str, kinds: Mapping[str, str | None]) -> Expression:
    """Compile `source`; `kinds` has the type of every input that may be read, None where tools differ.

    Raises `Unreadable`.
    """
    try:
        program = _environment().compile(source)
        tree = cel_tree.read(program.serialize())
        nodes = tuple(cel_tree.walk(tree))
        result = program.return_type()
        if not any(isinstance(node, Select) and node.test for node in nodes):
            # has(input.x) has no meaning where input.x is a variable of its own
            typed = tuple(sorted((name, kind) for name, kind in kinds.items() if kind is not None))
            result = _typed_environment(typed).compile(source).return_type()
    except (RuntimeError, ValueError) as error:
        later = sorted(name for name in LATER if f"{name}(" in source.replace(" ", ""))
        if later:
            raise Unreadable(f'"{later[0]}" is not supported yet', "leave it out") from None
        raise Unreadable(*_explained(str(error))) from None
    if result not in (cel.Type.BOOL, cel.Type.DYN):
        raise Unreadable(f'"{source}" is not true or false', "compare it with something")
    functions = {node.function for node in nodes if isinstance(node, Call)}
    _check_constants(nodes)
    return Expression(source, _reads(nodes), program, bool(functions & {"given", "within"}), native(tree))


def activation(inputs: Mapping[str, JSON], scope: Scope) -> Any:
    """What expressions are evaluated on; made once for each scope."""
    return _environment().Activation(
        {
            "input": inputs if isinstance(inputs, dict) else dict(inputs),
            "call": scope.call,
            "agent": scope.agent,
            "request": scope.request,
            "facts": scope.facts,
            "now": scope.now,
        }
    )


def _given(name: str) -> bool:
    return name in _scope.get().inputs


def _within(text: str, zone: str) -> bool:
    return hours(text, zone).hold(_scope.get().now)


def _functions() -> list[Any]:
    text, flag = cel.Type.STRING, cel.Type.BOOL
    given = cel.Overload("given_string", flag, [text], is_member=False, impl=_given)
    within = cel.Overload("within_string_string", flag, [text, text], is_member=False, impl=_within)
    return [cel.FunctionDecl("given", [given]), cel.FunctionDecl("within", [within])]


def _variables() -> dict[str, Any]:
    any_map = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return {"input": any_map, "now": cel.Type.TIMESTAMP} | dict.fromkeys(KNOWN, any_map)


@lru_cache(maxsize=1)
def _environment() -> Any:
    """What every expression is evaluated in: inputs have the type of their value."""
    return cel.NewEnv(variables=_variables(), functions=_functions())


@lru_cache(maxsize=4096)
def _typed_environment(kinds: tuple[tuple[str, str], ...]) -> Any:
    """For checking only: `input.x` is a variable of its own, of the type that the tools declare."""
    typed = {f"input.{name}": _KINDS[kind] for name, kind in kinds}
    others = {f"{root}.{name}": cel.Type.STRING for root, names in KNOWN.items() for name in names}
    others["request.port"] = cel.Type.INT
    return cel.NewEnv(variables=_variables() | typed | others, functions=_functions())


def _explained(text: str) -> tuple[str, str]:
    """The library's message without its frame, and where in the expression it points."""
    first = text.removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: ").split("\n", 1)[0]
    place, _, message = first.removeprefix("<input>:").partition(": ")
    line, _, column = place.partition(":")
    if not (line.isdigit() and column.isdigit()):
        return f"the condition cannot be read: {first}", ""
    where = (
        f"at character {int(column) + 1}"
        if line == "1"
        else f"at its line {line}, character {int(column) + 1}"
    )
    return f"the condition cannot be read: {message} ({where})", _remedy(message)


def _remedy(message: str) -> str:
    if "undeclared reference" in message:
        return f"names begin with input, {', '.join(sorted(KNOWN))}; `now` is the time"
    return "it is a CEL expression, like: input.amount > 50 && input.amount <= 500"


def _check_constants(nodes: tuple[Node, ...]) -> None:
    for node in nodes:
        match node:
            case Call("matches", (_, Constant(str(pattern)))):
                _check_pattern(pattern)
            case Call("within", (Constant(str(text)), Constant(str(zone)))):
                try:
                    hours(text, zone)
                except ValueError as error:
                    raise Unreadable(str(error)) from None
            case Call("within", _):
                raise Unreadable("within(…) takes hours and a time zone, both written out")
            case Call("given", (Constant(str()),)):
                pass
            case Call("given", _):
                raise Unreadable("given(…) takes the name of an input, in quotes")


def _check_pattern(pattern: str) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        raise Unreadable(f'"{pattern}" is not a pattern', "see github.com/google/re2/wiki/Syntax") from None


def _reads(nodes: tuple[Node, ...]) -> Reads:
    named = list(_named(nodes))
    mentions = sum(isinstance(node, Ident) and node.name == "input" for node in nodes)
    from_input = [(name, test) for root, name, test in named if root == "input"]
    by_name = sum(root == "input" for root, name, _ in named if name) - sum(
        isinstance(node, Call) and node.function == "given" for node in nodes
    )
    others = frozenset((root, name) for root, name, _ in named if root in KNOWN)
    clock = any(
        (isinstance(node, Ident) and node.name == "now")
        or (isinstance(node, Call) and node.function == "within")
        for node in nodes
    )
    return Reads(
        inputs=frozenset(name for name, _ in from_input),
        guarded=frozenset(name for name, test in from_input if test),
        others=others,
        whole=mentions > by_name,
        clock=clock,
        loops=any(isinstance(node, Group) and node.loop for node in nodes),
    )


def _named(nodes: tuple[Node, ...]) -> Iterator[tuple[str, str, bool]]:
    """Each name that is read, the variable it is read from, and whether only its presence is."""
    for node in nodes:
        match node:
            case Select(Ident(root), name, test):
                yield root, name, test
            case Call(function, (Ident(root), Constant(str(name)))) if function in LOOKS_UP:
                yield root, name, False
            case Call("@in", (Constant(str(name)), Ident(root))):
                yield root, name, True
            case Call("given", (Constant(str(name)),)):
                yield "input", name, True


def _elements(value: object) -> int:
    """How many elements there are in `value`, counted no further than needed."""
    count, waiting = 0, [value]
    while waiting and count <= MAX_ELEMENTS:
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend(item.values())
            count += len(item)
        elif isinstance(item, list | tuple):
            waiting.extend(item)
            count += len(item)
    return count
