"""Conditions written as a mapping: what each input must be (DESIGN 5.3).

```yaml
when:
  amount_cents: {max: 5000}             # or the short form max_amount_cents: 5000
  repo: {in: [web, api]}
  branch: main                          # the same as {equals: main}
  to: {all: {endswith: "@example.com"}} # of a list; does not hold if it is empty, unless `empty: ok`
  callback: {domain: {in: [hooks.example.com]}}  # the host of a URL, an e-mail address or a host name
  address: {cidr: 10.0.0.0/8}           # or a list of networks
  sender: {email: true}                 # one plain address
  body: {findings: none}                # or {findings: {not: [secret, card]}}
```

`matches` finds its pattern anywhere in the text, as CEL's `matches` does: anchor it with `^` and `$`.
Values of different types are never equal; 1 and 1.0 are the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import re2
from wharfinger.rules.conditions import addresses
from wharfinger.rules.conditions.addresses import NoAddress
from wharfinger.rules.conditions.constraint import (
    ANY,
    LISTS,
    NUMBERS,
    TEXT,
    Constraint,
    Test,
    Unusable,
    WrongType,
    effort,
    same,
)
from wharfinger.rules.conditions.texts import searching
from wharfinger.rules.detecting import detectors
from wharfinger.rules.detecting.detectors import TooMuch
from wharfinger.rules.detecting.table import GROUPS, NAMES
from wharfinger.rules.weight import PROGRAM

MAX_PROGRAM: Final = 2_000
"""Instructions of one pattern, once compiled."""
_ITEM, _CHECK = 150, 2_500
"""Nanoseconds for an element of a list, and for a test of one."""


def compile_constraint(written: object) -> Constraint:
    """A constraint from its written form. Raises `Unusable`."""
    if not isinstance(written, Mapping):
        return _equals(written)
    if not written:
        raise Unusable("the condition is empty", "write like {max: 50}")
    empty = written.get("empty")
    if empty is not None and (empty != "ok" or "all" not in written):
        raise Unusable('"empty" can only be `ok`, beside `all`', "drop it", ("empty",))
    parts = []
    for name, argument in written.items():
        if name == "empty":
            continue
        if name not in _OPERATORS:
            raise Unusable(f'unknown operator "{name}"', f"there are: {', '.join(OPERATORS)}", (name,))
        try:
            parts.append(
                _all(argument, empty=True) if empty and name == "all" else _OPERATORS[name](argument)
            )
        except Unusable as error:
            raise Unusable(str(error), error.hint, (name, *error.path)) from None
    return _joined(parts)


def _joined(parts: Iterable[Constraint]) -> Constraint:
    parts = tuple(parts)
    kinds = frozenset.intersection(*(part.kinds for part in parts))
    if not kinds:
        raise Unusable("the operators are for values of different types", "split the rule")
    return Constraint(
        " and ".join(part.text for part in parts),
        tuple(test for part in parts for test in part.tests),
        kinds,
        sum(part.by_element for part in parts),
        sum(part.by_byte for part in parts),
        any(part.searches for part in parts),
    )


def _kind(value: object) -> frozenset[str]:
    """The types of input that `value` could be a value of."""
    if isinstance(value, bool):
        return frozenset({"boolean"})
    if isinstance(value, int):
        return NUMBERS
    if isinstance(value, float):
        return NUMBERS if value.is_integer() else frozenset({"number"})
    if isinstance(value, str):
        return TEXT
    raise Unusable("expected a text, a number, true or false", "for one of several values write {in: […]}")


def _shown(value: object) -> str:
    return (
        {True: "true", False: "false"}[value]
        if isinstance(value, bool)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )


def _equals(value: object) -> Constraint:
    return Constraint(f"equal to {_shown(value)}", (lambda given: same(given, value),), _kind(value))


def _values(values: object) -> tuple[list[object], frozenset[str]]:
    if not isinstance(values, list) or not values:
        raise Unusable("expected a list of values", "write like [a, b]")
    return values, frozenset.union(*(_kind(value) for value in values))


def _keys(values: list[object]) -> frozenset[object]:
    """Values to be found at once; a boolean is no number there either."""
    return frozenset((isinstance(value, bool), value) for value in values)


def _among(value: object, keys: frozenset[object]) -> bool:
    return isinstance(value, str | int | float) and (isinstance(value, bool), value) in keys


def _in(values: object) -> Constraint:
    known, kinds = _values(values)
    keys = _keys(known)
    return Constraint(f"one of {', '.join(map(_shown, known))}", (lambda given: _among(given, keys),), kinds)


def _not_in(values: object) -> Constraint:
    known, kinds = _values(values)
    keys = _keys(known)
    text = f"none of {', '.join(map(_shown, known))}"
    return Constraint(text, (lambda given: not _among(given, keys),), kinds)


def _number(bound: object) -> int | float:
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        raise Unusable("expected a number")
    return bound


def _numeric(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType("not a number")
    return value


def _max(bound: object) -> Constraint:
    number = _number(bound)
    return Constraint(f"at most {number}", (lambda value: _numeric(value) <= number,), NUMBERS)


def _min(bound: object) -> Constraint:
    number = _number(bound)
    return Constraint(f"at least {number}", (lambda value: _numeric(value) >= number,), NUMBERS)


def _textual(value: object) -> str:
    if not isinstance(value, str):
        raise WrongType("not a text")
    return value


def _piece(argument: object) -> str:
    if not isinstance(argument, str) or not argument:
        raise Unusable("expected a text that is not empty")
    return argument


def _startswith(argument: object) -> Constraint:
    piece = _piece(argument)
    return Constraint(
        f"beginning with {_shown(piece)}", (lambda value: _textual(value).startswith(piece),), TEXT
    )


def _endswith(argument: object) -> Constraint:
    piece = _piece(argument)
    return Constraint(f"ending with {_shown(piece)}", (lambda value: _textual(value).endswith(piece),), TEXT)


def _contains(argument: object) -> Constraint:
    kinds = _kind(argument)

    def test(value: object) -> bool:
        if isinstance(value, list | tuple):
            return any(same(item, argument) for item in value)
        if isinstance(argument, str):
            return argument in _textual(value)
        raise WrongType("not a list")

    if isinstance(argument, str) and not argument:
        raise Unusable("expected a text that is not empty")
    return Constraint(f"containing {_shown(argument)}", (test,), LISTS | (kinds & TEXT), _ITEM, 5)


def _matches(argument: object) -> Constraint:
    source = _piece(argument)
    try:
        pattern = searching(source)
    except re2.error:
        raise Unusable(f'"{source}" is not a pattern', "see github.com/google/re2/wiki/Syntax") from None
    if pattern.program > MAX_PROGRAM:
        raise Unusable(f'"{source}" is too large a pattern', "ask for fewer repetitions")
    test = lambda value: pattern.compiled.search(_textual(value)) is not None  # noqa: E731 -- one of a row of tests
    return Constraint(f"matching {_shown(source)}", (test,), TEXT, by_byte=PROGRAM * pattern.program)


def _domain(argument: object) -> Constraint:
    each = compile_constraint(argument)
    if not each.kinds & TEXT:
        raise Unusable("a domain is a text")

    def test(value: object) -> bool:
        try:
            return each.holds(addresses.domain(_textual(value)))
        except NoAddress:
            raise WrongType("not an address with a domain") from None

    return Constraint(f"of a domain {each.text}", (test,), TEXT, searches=each.searches)


def _cidr(argument: object) -> Constraint:
    given = argument if isinstance(argument, list) else [argument]
    written = [text for text in given if isinstance(text, str)]
    if not written or len(written) < len(given):
        raise Unusable("expected a network or a list of them", "write like 10.0.0.0/8")
    try:
        networks = tuple(addresses.network(text) for text in written)
    except ValueError as error:
        raise Unusable(str(error)) from None

    def test(value: object) -> bool:
        try:
            return addresses.inside(_textual(value), networks)
        except NoAddress:
            raise WrongType("neither an address nor a host name") from None

    return Constraint(f"an address in {' or '.join(written)}", (test,), TEXT)


def _email(argument: object) -> Constraint:
    if argument is not True:
        raise Unusable('"email" can only be true', "write {email: true}")
    return Constraint("one plain e-mail address", (lambda value: addresses.email(_textual(value)),), TEXT)


def _findings(argument: object) -> Constraint:
    names = argument.get("not") if isinstance(argument, Mapping) and len(argument) == 1 else argument
    if names == "none":
        chosen, text = NAMES, "secrets and personal data"
    elif isinstance(argument, Mapping) and isinstance(names, list) and names:
        try:
            chosen, text = detectors.expanded(names), ", ".join(map(str, names))
        except (KeyError, TypeError) as error:
            known = ", ".join([*GROUPS, *sorted(NAMES)])
            raise Unusable(f"there is no detector {error}", f"there are: {known}") from None
    else:
        raise Unusable("expected `none`, or what there may not be", "write {findings: {not: [secret, card]}}")

    def test(value: object) -> bool:
        try:
            return not detectors.named(value, chosen, effort.get())
        except TooMuch:
            raise WrongType("too large to be searched in time") from None

    return Constraint(f"free of {text}", (test,), ANY, searches=True)


def _listed(value: object) -> list[object] | tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise WrongType("not a list")
    return value


def _all(argument: object, *, empty: bool = False) -> Constraint:
    each = compile_constraint(argument)

    def test(value: object) -> bool:
        items = _listed(value)
        return (bool(items) or empty) and all([each.holds(item) for item in items])  # noqa: C419 -- an error anywhere counts

    return _of_items(f"a list with all {each.text}", test, each)


def _any(argument: object) -> Constraint:
    each = compile_constraint(argument)

    def test(value: object) -> bool:
        return any([each.holds(item) for item in _listed(value)])  # noqa: C419 -- an error anywhere counts

    return _of_items(f"a list with one {each.text}", test, each)


def _of_items(text: str, test: Test, each: Constraint) -> Constraint:
    by_element = _ITEM + each.by_element + _CHECK * len(each.tests)
    return Constraint(text, (test,), LISTS, by_element, each.by_byte, each.searches)


_OPERATORS: Final[Mapping[str, Callable[[object], Constraint]]] = {
    "equals": _equals,
    "in": _in,
    "not_in": _not_in,
    "min": _min,
    "max": _max,
    "startswith": _startswith,
    "endswith": _endswith,
    "contains": _contains,
    "matches": _matches,
    "all": _all,
    "any": _any,
    "domain": _domain,
    "cidr": _cidr,
    "email": _email,
    "findings": _findings,
}
OPERATORS: Final = (*_OPERATORS, "empty")
"""The operators that may be written."""
