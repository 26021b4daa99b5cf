"""Conditions written in CEL (github.com/google/cel-spec), checked when loaded.

A condition holds only if it evaluates to the boolean true. The library gives errors back as values, and
every result is true by `bool()`, so results are compared by identity with True and False; all else is an
error. An error's own text may repeat values of the request and is never shown.

What an evaluation may cost is bounded beforehand (`cel_cost`), and by the library, which stops after so many
turns of loops.

Static checks: every name that is read exists, inputs have the type that their tools declare, the whole is a
boolean, constant patterns and hours can be read. `integer` inputs are CEL ints; `number` inputs are
checked elsewhere and compare with literals of any kind of number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import re2
from cel_expr_python import cel
from wharfinger.rules.conditions import addresses, cel_tree
from wharfinger.rules.conditions.cel_cost import MAX_ORDER, Cost, cost
from wharfinger.rules.conditions.cel_native import Native, native
from wharfinger.rules.conditions.cel_tree import LOOKS_UP, Call, Constant, Ident, Node, Select
from wharfinger.rules.conditions.hours import hours
from wharfinger.rules.detecting.table import GROUPS, NAMES
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.types import JSON
from wharfinger.rules.weight import cut_off, weigh

if TYPE_CHECKING:
    from wharfinger.rules.conditions.when import Scope

KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "call": frozenset({"tool", "effect", "reason", "blast"}),
    "agent": frozenset({"name", "owner", "environment"}),
    "request": frozenset({"method", "scheme", "host", "port", "path"}),
    "facts": frozenset({"confinement"}),
}
"""What may be read beside `input` and `now`."""
MAX_PROGRAM: Final = 2_000
"""Instructions of one pattern, once compiled."""

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
    blast: bool = False


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    reads: Reads
    program: Any
    functions: frozenset[str]
    """Those of ours that it uses."""
    native: Native | None
    """The same in Python, for expressions simple enough."""
    cost: Cost

    def evaluated(self, scope: Scope) -> bool | None:
        """True or False if the library evaluates it to that, None for anything else, errors included."""
        given = self._given(scope)
        if given is None:
            return None
        if "findings" in self.functions:
            scope.begin()
        token = _scope.set(scope) if self.functions else None
        try:
            result = self.program.eval(given).value()
        except RuntimeError:  # what the library raises for values it cannot take, and beyond its budget
            return None
        finally:
            if token is not None:
                _scope.reset(token)
        return result if result is True or result is False else None

    def too_large(self, scope: Scope) -> bool:
        """Whether the inputs are larger than the expression may be evaluated on."""
        return self.cost.exceeded(scope.weight) and self.cost.exceeded(weigh(self._read(scope)))

    def _given(self, scope: Scope) -> Any:
        """What to evaluate on: all inputs, only those that are read where all are too large, or nothing."""
        if not self.cost.exceeded(scope.weight) and not scope.cut_off:
            return scope.activation
        read = self._read(scope)
        if self.cost.exceeded(weigh(read)) or self.cut_off(scope):
            return None
        return activation(read, scope)

    def cut_off(self, scope: Scope) -> bool:
        """Whether the library would not see all of what is read, which is not too large."""
        return cut_off(self._read(scope), scope.call)

    def _read(self, scope: Scope) -> Mapping[str, JSON]:
        """The inputs that are read; of those only asked for, that they are there."""
        if self.reads.whole:
            return scope.inputs
        return {name: value for name, value in scope.inputs.items() if name in self.reads.inputs}


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
        raise Unreadable(*_explained(str(error))) from None
    if result not in (cel.Type.BOOL, cel.Type.DYN):
        raise Unreadable(f'"{source}" is not true or false', "compare it with something")
    _check_constants(nodes)
    functions = {node.function for node in nodes if isinstance(node, Call)}
    price = cost(tree)
    if price.order > MAX_ORDER:
        raise Unreadable(
            f"loops stand more than {MAX_ORDER} deep in each other",
            "the inputs of one call are one list deep",
        )
    ours = frozenset(functions & _FUNCTIONS.keys())
    return Expression(source, _reads(nodes), program, ours, native(tree), price)


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


def _cidr(text: str, network: str) -> bool:
    return addresses.inside(text, (addresses.network(network),))


def _findings(value: JSON) -> list[str]:
    return sorted(_scope.get().findings(value))


_TEXT, _FLAG = cel.Type.STRING, cel.Type.BOOL
_VALUES: Final = (
    cel.Type.STRING,
    cel.Type.List(cel.Type.DYN),
    cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    cel.Type.INT,
    cel.Type.DOUBLE,
    cel.Type.BOOL,
    cel.Type.NULL,
)
"""What an input can be; the library has no function that takes a value of any type."""
_FUNCTIONS: Final[Mapping[str, tuple[Callable[..., Any], Any, tuple[tuple[Any, ...], ...]]]] = {
    "given": (_given, _FLAG, ((_TEXT,),)),
    "within": (_within, _FLAG, ((_TEXT, _TEXT),)),
    "cidr": (_cidr, _FLAG, ((_TEXT, _TEXT),)),
    "domain": (addresses.domain, _TEXT, ((_TEXT,),)),
    "email": (addresses.email, _FLAG, ((_TEXT,),)),
    "findings": (_findings, cel.Type.List(_TEXT), tuple((kind,) for kind in _VALUES)),
}
"""Functions of ours: what they do, the type they give, the types they take."""


def _functions() -> list[Any]:
    return [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(f"{name}_{number}", gives, list(takes), is_member=False, impl=function)
                for number, takes in enumerate(overloads)
            ],
        )
        for name, (function, gives, overloads) in _FUNCTIONS.items()
    ]


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
    others["request.port"] = others["call.blast"] = cel.Type.INT
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
            case Call("matches", _):
                raise Unreadable("matches(…) takes a pattern that is written out", "compare it otherwise")
            case Call("within", (Constant(str(text)), Constant(str(zone)))):
                _check(hours, text, zone)
            case Call("within", _):
                raise Unreadable("within(…) takes hours and a time zone, both written out")
            case Call("given", (Constant(str()),)):
                pass
            case Call("given", _):
                raise Unreadable("given(…) takes the name of an input, in quotes")
            case Call("cidr", (_, Constant(str(network)))):
                _check(addresses.network, network)
            case Call("cidr", _):
                raise Unreadable('cidr(…) takes an address, and a network that is written out: "10.0.0.0/8"')
            case Call("@in", (Constant(str(name)), Call("findings", _))):
                _check_detector(name)


def _check(read: Callable[..., object], *written: str) -> None:
    try:
        read(*written)
    except ValueError as error:
        raise Unreadable(str(error)) from None


def _check_detector(name: str) -> None:
    if name not in NAMES and name not in GROUPS:
        known = sorted({*GROUPS, *NAMES})
        raise Unreadable(
            f'there is no detector "{name}"', did_you_mean(name, known) or f"there are: {', '.join(known)}"
        )


def _check_pattern(pattern: str) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        size = re2.compile(pattern, options).programsize
    except re2.error:
        raise Unreadable(f'"{pattern}" is not a pattern', "see github.com/google/re2/wiki/Syntax") from None
    if size > MAX_PROGRAM:
        raise Unreadable(f'"{pattern}" is too large a pattern', "ask for fewer repetitions")


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
        blast=("call", "blast") in others
        or any(isinstance(node, Ident) and node.name == "call" for node in nodes),
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
