"""Writing a grant's predicate: of a call that was asked about, or of a tool with nothing sent yet.

Rules: whatever is not loosened stays as it was in the call; of a tool, every input that must be given is
named. All that is wrong with a wish is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from wharfinger.rules.inputs import BadInput
from wharfinger.rules.policies.grants import NUMBERS, Bound, How, Sample, mark
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.rules.tools.tool import Tool


class CannotGrant(Exception):
    """A predicate cannot be made as wished; `problems` says all that is wrong."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep what is wrong."""
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants a grant to leave open."""

    fixed: Mapping[str, JSON] = field(default_factory=dict)
    """Values by input; for a grant that is not made of a call."""
    free: frozenset[str] = frozenset()
    """Inputs that may be anything, or absent."""
    least: Mapping[str, Decimal] = field(default_factory=dict)
    most: Mapping[str, Decimal] = field(default_factory=dict)
    any_extras: bool = False
    """Whether fields beyond the template may be anything that the tool admits."""
    any_headers: bool = False

    @property
    def bounded(self) -> frozenset[str]:
        """The inputs that have a bound."""
        return frozenset(self.least) | frozenset(self.most)


@dataclass(frozen=True, slots=True)
class Predicate:
    """What calls a grant is for."""

    inputs: Mapping[str, Bound]
    extras: Bound
    headers: Bound


_ANY = Bound(How.ANY)


def of_call(sample: Sample, wish: Wish) -> Predicate:
    """The call again, but for what is left open. Raises `CannotGrant`."""
    problems = list(_problems(wish, set(sample.inputs), sample.numbers))
    problems += [f'"{name}" has its value from the call' for name in sorted(wish.fixed)]
    if problems:
        raise CannotGrant(tuple(problems))
    kept = {
        name: Bound(How.ABSENT) if marked is None else Bound(How.FIXED, marked)
        for name, marked in sample.inputs.items()
    }
    return Predicate(
        {**kept, **_opened(wish)},
        _ANY if wish.any_extras else Bound(How.FIXED, sample.extras),
        _ANY if wish.any_headers else Bound(How.FIXED, sample.headers),
    )


def of_tool(tool: Tool, wish: Wish, salt: str) -> Predicate:
    """Calls of a tool with these values. Raises `CannotGrant`."""
    numbers = frozenset(name for name, known in tool.inputs.items() if NUMBERS.issuperset(known.kinds))
    problems = list(_problems(wish, set(tool.inputs), numbers))
    kept: dict[str, Bound] = {}
    for name, known in tool.inputs.items():
        if name in wish.fixed:
            try:
                kept[name] = Bound(How.FIXED, mark(salt, known.read(wish.fixed[name], textual=False)))
            except BadInput as error:
                problems.append(str(error))
        elif name in wish.free or name in wish.bounded:
            continue
        elif known.required:
            problems.append(f'the input "{name}" is not named: fix it, bound it, or say any')
        else:
            kept[name] = Bound(How.ABSENT)
    if problems:
        raise CannotGrant(tuple(problems))
    return Predicate(
        {**kept, **_opened(wish)},
        _ANY if wish.any_extras else Bound(How.FIXED, mark(salt, {})),
        _ANY if wish.any_headers else Bound(How.FIXED, mark(salt, [])),
    )


def _opened(wish: Wish) -> dict[str, Bound]:
    opened = dict.fromkeys(wish.free, _ANY)
    bounds = {
        name: Bound(How.BOUNDED, least=wish.least.get(name), most=wish.most.get(name))
        for name in wish.bounded
    }
    return opened | bounds


def _problems(wish: Wish, names: set[str], numbers: frozenset[str]) -> Iterator[str]:
    named = [*wish.fixed, *wish.free, *wish.bounded]
    for name in sorted(set(named) - names):
        yield f'the tool has no input "{name}"'
    for name in sorted({name for name in named if named.count(name) > 1}):
        yield f'the input "{name}" is named twice'
    for name in sorted((wish.bounded & names) - numbers):
        yield f'the input "{name}" is no number, and cannot be bounded'
    for name in sorted(wish.least.keys() & wish.most.keys()):
        if wish.least[name] > wish.most[name]:
            yield f'the bounds of "{name}" leave nothing between them'
