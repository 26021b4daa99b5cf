"""A constraint: the tests that one value must pass, for which types of input, and what they cost.

What may be written, and what it means, is in `constraints`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from wharfinger.rules.detecting.detectors import Effort
from wharfinger.rules.weight import weigh

effort: Final[ContextVar[Effort | None]] = ContextVar("effort", default=None)
"""What is left to one evaluation for looking for findings; whoever evaluates sets it anew."""

type Test = Callable[[Any], bool]

NUMBERS: Final = frozenset({"integer", "number"})
TEXT: Final = frozenset({"string"})
LISTS: Final = frozenset({"array"})
ANY: Final = frozenset({"string", "integer", "number", "boolean", "array", "object"})


class WrongType(Exception):
    """A value that a test cannot be applied to; the condition is then an error, not just unmet."""


class Unusable(ValueError):
    """A constraint that cannot be; `path` leads to the part that is wrong, `hint` says the remedy."""

    def __init__(self, message: str, hint: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.hint = hint
        self.path = path


@dataclass(frozen=True, slots=True)
class Constraint:
    """What one value must be: every test must hold."""

    text: str
    """The constraint in words, for people: `at most 5000`."""
    tests: tuple[Test, ...]
    kinds: frozenset[str]
    """Types of input that it can be applied to."""
    by_element: float = 0
    by_byte: float = 0
    """Nanoseconds for an element and a byte of the value; 0 for both where a test takes next to none."""

    searches: bool = False
    """Whether detectors are asked, within `effort`."""

    @property
    def dear(self) -> bool:
        """Whether what it costs grows with the value."""
        return bool(self.by_element or self.by_byte)

    def nanoseconds(self, value: object) -> float:
        """An upper bound for what `holds` takes."""
        elements, size = weigh(value)
        return elements * self.by_element + size * self.by_byte

    def holds(self, value: object) -> bool:
        """Whether `value` is as it must be. Raises `WrongType` if that cannot be said."""
        for test in self.tests:  # noqa: SIM110 -- a generator costs as much as the test
            if not test(value):
                return False
        return True


def same(left: object, right: object) -> bool:
    """Whether two JSON values are equal: a boolean is no number, 1 and 1.0 are the same."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    return type(left) is type(right) and left == right
