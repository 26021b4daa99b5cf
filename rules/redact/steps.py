"""JSONPath, reduced to steps that find members of a document in bounded time.

jsonpath-ng parses; what it would also evaluate (regular expressions by the standard library, arithmetic,
parents, sorting, string functions) is refused when a path is compiled, because no bound on its time is
known. A step looks at each member once, so a path costs at most steps × members.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from jsonpath_ng import Child, Descendants, Fields, Index, Root, Slice, This
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.filter import And, Expression, Filter, Or
from jsonpath_ng.ext.parser import parse
from jsonpath_ng.jsonpath import JSONPath, Wildcard

type Container = dict[str, Any] | list[Any]
type Aliases = Mapping[str, frozenset[str]]
"""From a key to the names that it may stand for beside its own: GraphQL lets who asks choose the keys."""
type Step = Callable[[Any, Aliases], Iterator[Member]]
"""From a value to those of its members that the step names."""

NO_ALIASES: Final[Aliases] = MappingProxyType({})

LONGEST: Final = 256
"""Most characters in a path."""

MOST_STEPS: Final = 16
"""Most steps in a path, those inside its filters among them."""

MOST_PLACES: Final = 100_000
"""Most places that one step leads to in a document: with more of them it is withheld."""

_DEEP: Final = ".."
_NONE: Final = frozenset[str]()


class NotAPath(ValueError):
    """The text is no JSONPath that is supported; its message says why."""


class TooManyPlaces(ValueError):
    """A path leads to more places of a document than are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A place in a document: `container[key]`."""

    container: Container
    key: str | int

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.container[self.key]  # type: ignore[index]

    @property
    def identity(self) -> tuple[int, str | int]:
        """Equal for two ways to the same place, while the document lives."""
        return id(self.container), self.key


def compile_steps(text: str) -> tuple[Step, ...]:
    """The steps of the path `text`, from the root on. Raises `NotAPath`."""
    if len(text) > LONGEST:
        raise NotAPath(f"a path may have {LONGEST} characters, this has {len(text)}")
    root, *nodes = _flat(_parse(text))
    if not isinstance(root, Root):
        raise NotAPath('a path starts with "$"')
    if nodes.count(_DEEP) > 1:
        raise NotAPath('".." may stand once in a path')
    if len(nodes) + sum(map(_filter_size, nodes)) > MOST_STEPS:
        raise NotAPath(f"a path may have {MOST_STEPS} steps, those in its filters among them")
    if _DEEP not in nodes:
        return tuple(map(_step, nodes))
    at = nodes.index(_DEEP)
    below = _deep(_step(nodes[at + 1]))
    return (*map(_step, nodes[:at]), below, *map(_step, nodes[at + 2 :]))


def find(steps: tuple[Step, ...], document: list[Any], aliases: Aliases = NO_ALIASES) -> Iterable[Member]:
    """Every place in `document[0]` that `steps` lead to, each once. Raises `TooManyPlaces`."""
    places: dict[tuple[int, str | int], Member] = {(id(document), 0): Member(document, 0)}
    for step in steps:
        reached = (member for place in places.values() for member in step(place.value, aliases))
        places = {member.identity: member for member in itertools.islice(reached, MOST_PLACES + 1)}
        if len(places) > MOST_PLACES:
            raise TooManyPlaces(f"a path leads to more than {MOST_PLACES} places")
    return places.values()


def _parse(text: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            return parse(text)
    except JSONPathError as error:
        raise NotAPath(str(error) or "it cannot be parsed") from error
    except DeprecationWarning as error:
        raise NotAPath(str(error).split(" It will")[0]) from error
    except Exception as error:
        raise NotAPath("it cannot be parsed") from error


def _flat(node: Any) -> Iterator[Any]:
    """The nodes of a path in the order they are walked, with `_DEEP` for `..`."""
    match node:
        case Child(left=left, right=right):
            yield from _flat(left)
            yield from _flat(right)
        case Descendants(left=left, right=right):
            yield from _flat(left)
            yield _DEEP
            yield from _flat(right)
        case _:
            yield node


def _filter_size(node: Any) -> int:
    return sum(map(_condition_size, node.expressions)) if isinstance(node, Filter) else 0


def _condition_size(condition: Any) -> int:
    """How many steps a condition of a filter takes for each member. Raises `NotAPath`."""
    match condition:
        case And(operands=operands) | Or(operands=operands):
            return sum(map(_condition_size, operands))
        case Expression(op="=~"):
            raise NotAPath('"=~" is not supported: no bound on its time is known')
        case Expression(target=target, value=JSONPath() as other):
            return _query_size(target) + _query_size(other)
        case Expression(target=target):
            return _query_size(target)
    raise NotAPath(f'"{str(condition)[:40]}" is not supported in a filter')


def _query_size(query: Any) -> int:
    this, *nodes = _flat(query)
    for node in (this, *nodes):
        if not isinstance(node, This if node is this else Fields | Index):
            raise NotAPath(f'"{str(query)[:40]}" is not supported in a filter: write "@", names and indices')
    return 1 + len(nodes)


def _step(node: Any) -> Step:
    match node:
        case Wildcard():
            return lambda value, _: _children(value)
        case Fields(fields=names):
            return lambda value, aliases: _named(value, frozenset(names), aliases)
        case Index(indices=indices):
            return lambda value, _: _at(value, indices)
        case Slice(start=start, end=end, step=step):
            return lambda value, _: _between(value, slice(start, end, step))
        case Filter(expressions=expressions) if expressions:
            return lambda value, aliases: _where(value, expressions, aliases)
    raise NotAPath(f'"{str(node)[:40]}" is not supported here')


def _children(value: Any) -> Iterator[Member]:
    if isinstance(value, dict):
        yield from (Member(value, key) for key in value)
    elif isinstance(value, list):
        yield from (Member(value, index) for index in range(len(value)))


def _named(value: Any, names: frozenset[str], aliases: Aliases) -> Iterator[Member]:
    if not isinstance(value, dict):
        return
    yield from (Member(value, name) for name in sorted(names) if name in value)
    if aliases:
        yield from (
            Member(value, key) for key in value if key not in names and names & aliases.get(key, _NONE)
        )


def _at(value: Any, indices: tuple[int, ...]) -> Iterator[Member]:
    if isinstance(value, list):
        size = len(value)
        yield from (Member(value, index % size) for index in indices if -size <= index < size)


def _between(value: Any, bounds: slice) -> Iterator[Member]:
    if isinstance(value, list):
        yield from (Member(value, index) for index in range(len(value))[bounds])


def _where(value: Any, expressions: list[Any], aliases: Aliases) -> Iterator[Member]:
    """Where keys have aliases, a filter cannot be read: all are taken."""
    for member in _children(value):
        if aliases or all(expression.find(member.value) for expression in expressions):
            yield member


def _deep(step: Step) -> Step:
    """`step` from the value itself and from everything in it: only what has members is gone to, once each."""

    def below(value: Any, aliases: Aliases) -> Iterator[Member]:
        waiting = [value]
        while waiting:
            container = waiting.pop()
            if isinstance(container, dict | list) and container:
                yield from step(container, aliases)
                parts = container.values() if isinstance(container, dict) else container
                waiting += [part for part in parts if isinstance(part, dict | list)]

    return below
