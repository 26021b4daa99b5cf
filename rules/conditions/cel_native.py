"""Simple CEL expressions in Python: comparisons of what is read with literals, and `&&`, `||`, `!`.

The library takes some 5 µs for an expression, and as much again from what runs next, whose code it pushes
out of the processor's caches. Nine in ten conditions are this simple. Semantics are CEL's, shown equal to the
library's by a differential test: an error is absorbed by `false &&` and `true ||`, values of different
types are unequal but cannot be ordered. What is not certain to be equal is `UNSURE`, and goes to the library.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.conditions import addresses
from wharfinger.rules.conditions.cel_tree import Call, Constant, Group, Ident, Node, Select
from wharfinger.rules.conditions.texts import searching

if TYPE_CHECKING:
    from wharfinger.rules.conditions.when import Scope


class Special(Enum):
    """What an expression gives that is no value."""

    ERROR = "error"
    """An evaluation error, as CEL has them."""
    UNSURE = "unsure"
    """To be asked of the library."""


ERROR: Final = Special.ERROR
UNSURE: Final = Special.UNSURE
ROOTS: Final = frozenset({"input", "call", "agent", "request", "facts"})
EXACT: Final = 2**53
"""Beyond this, integers and doubles compare by rules of their own."""

LONG: Final = 256 * 1024
"""Characters of a text that any comparison has time for; longer ones go where costs are counted."""
_NUMBER: Final = (int, float)

type Native = Callable[[Scope], Any]

_ORDERS: Final = {"_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge}
_TEXTS: Final = {"startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__}


def native(node: Node) -> Native | None:
    """The expression as a function, or None if it is not simple enough."""
    match node:
        case Constant(str() | bool() | int() | float() as value) if _certain(value):
            return lambda _: value
        case Select(Ident(root), name, test) if root in ROOTS:
            return _present(root, name) if test else _read(root, name)
        case Call("_[_]", (Ident(root), Constant(str(name)))) if root in ROOTS:
            return _read(root, name)
        case Call("given", (Constant(str(name)),)):
            return _present("input", name)
        case Call("@in", (Constant(str(name)), Ident(root))) if root in ROOTS:
            return _present(root, name)
        case Call("@in", (item, Group(parts, True))):
            return _among(native(item), parts)
        case Call("!_", (part,)):
            return _negated(native(part))
        case Call("_&&_" | "_||_" as function, parts):
            return _joined(function == "_||_", [native(part) for part in parts])
        case Call("matches", (part, Constant(str(pattern)))):
            return _matching(native(part), pattern)
        case Call("domain", (part,)):
            return _applied(native(part), addresses.domain)
        case Call("email", (part,)):
            return _applied(native(part), addresses.email)
        case Call("cidr", (part, Constant(str(text)))):
            networks = (addresses.network(text),)
            return _applied(native(part), lambda given: addresses.inside(given, networks))
        case Call(function, (left, right)):
            return _compared(function, native(left), native(right), left, right)
    return None


def _certain(value: object) -> bool:
    return not isinstance(value, _NUMBER) or abs(value) <= EXACT


def _read(root: str, name: str) -> Native:
    read = operator.attrgetter("inputs" if root == "input" else root)

    def value(scope: Scope) -> Any:
        found = read(scope).get(name, ERROR)
        if isinstance(found, str):
            return found if len(found) <= LONG and found.isascii() else UNSURE
        if found is ERROR or (isinstance(found, _NUMBER) and -EXACT <= found <= EXACT):
            return found
        return UNSURE

    return value


def _present(root: str, name: str) -> Native:
    read = operator.attrgetter("inputs" if root == "input" else root)
    return lambda scope: name in read(scope)


def _joined(stop: bool, parts: list[Native | None]) -> Native | None:
    """`&&` (which stops at false) or `||` (at true), whatever the order; errors only if nothing stops."""
    ready = [part for part in parts if part is not None]
    if len(ready) != len(parts):
        return None

    def value(scope: Scope) -> Any:
        found: Any = not stop
        for part in ready:
            each = part(scope)
            if each is stop or each is UNSURE:
                return each
            if each is not (not stop):
                found = ERROR  # an error, or no boolean
        return found

    return value


def _negated(part: Native | None) -> Native | None:
    if part is None:
        return None

    def value(scope: Scope) -> Any:
        found = part(scope)
        if found is True or found is False:
            return not found
        return UNSURE if found is UNSURE else ERROR

    return value


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _among(item: Native | None, parts: tuple[Node, ...]) -> Native | None:
    known = [part.value for part in parts if isinstance(part, Constant) and part.value is not None]
    if item is None or len(known) != len(parts) or not all(map(_certain, known)):
        return None

    def value(scope: Scope) -> Any:
        found = item(scope)
        return found if isinstance(found, Special) else any(_same(found, each) for each in known)

    return value


def _quick(compare: Callable[[Any, Any], bool], left: Node, right: Node, usual: Native) -> Native:
    """A comparison of what is read with a literal of the very same type at once; all else as `usual`."""
    match left, right:
        case Select(Ident(root), name, False), Constant(str() | int() as known) if root in ROOTS:
            pass
        case _:
            return usual
    kind: Any = type(known)
    if kind is bool:
        return usual
    read = operator.attrgetter("inputs" if root == "input" else root)

    def value(scope: Scope) -> Any:
        found: Any = read(scope).get(name)
        if type(found) is kind and (found.isascii() if kind is str else -EXACT <= found <= EXACT):
            return compare(found, known)
        return usual(scope)

    return value


def _compared(
    function: str, left: Native | None, right: Native | None, given_left: Node, given: Node
) -> Native | None:
    if left is None or right is None:
        return None
    if function in _ORDERS:
        ordered = _ordered(_ORDERS[function], left, right)
        return _quick(_ORDERS[function], given_left, given, ordered)
    if function in {"_==_", "_!=_"}:
        equal = _equal(function == "_==_", left, right)
        return _quick(operator.eq if function == "_==_" else operator.ne, given_left, given, equal)
    if function in _TEXTS and isinstance(given, Constant) and isinstance(given.value, str):
        return _textual(_TEXTS[function], left, given.value)
    return None


def _equal(equal: bool, left: Native, right: Native) -> Native:
    def value(scope: Scope) -> Any:
        one, other = left(scope), right(scope)
        for each in (one, other):
            if isinstance(each, Special):
                return each
        return _same(one, other) is equal

    return value


def _ordered(compare: Callable[[Any, Any], bool], left: Native, right: Native) -> Native:
    def value(scope: Scope) -> Any:
        one, other = left(scope), right(scope)
        for each in (one, other):
            if isinstance(each, Special):
                return each
        if isinstance(one, str):
            return compare(one, other) if isinstance(other, str) else ERROR
        if isinstance(other, str):
            return ERROR
        return UNSURE if isinstance(one, bool) or isinstance(other, bool) else compare(one, other)

    return value


def _applied(part: Native | None, function: Callable[[str], object]) -> Native | None:
    """A function of ours on a text; what it refuses is an error."""
    if part is None:
        return None

    def value(scope: Scope) -> Any:
        found = part(scope)
        if isinstance(found, Special):
            return found
        try:
            return function(found) if isinstance(found, str) else ERROR
        except ValueError:
            return ERROR

    return value


def _matching(part: Native | None, pattern: str) -> Native | None:
    """A search for a pattern, compiled once: the library compiles it each time."""
    if part is None:
        return None
    searched = searching(pattern)

    def value(scope: Scope) -> Any:
        found = part(scope)
        if isinstance(found, Special):
            return found
        if not isinstance(found, str) or len(found) > searched.longest:
            return ERROR
        return searched.compiled.search(found) is not None

    return value


def _textual(test: Callable[[str, str], bool], left: Native, piece: str) -> Native:
    def value(scope: Scope) -> Any:
        found = left(scope)
        if isinstance(found, Special):
            return found
        return test(found, piece) if isinstance(found, str) else ERROR

    return value
