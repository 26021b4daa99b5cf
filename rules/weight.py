"""How much there is of a value, and what it may cost to look through it.

Rules: no input of an agent makes one evaluation take more than five milliseconds; so values are weighed
before anything is evaluated on them, and what is over `LIMIT` by estimate is an error, not evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

LIMIT: Final = 3_000_000
"""Nanoseconds that an evaluation may take by estimate: some way below the five milliseconds promised."""
MAX_ELEMENTS: Final = 5_000
"""Elements of inputs that are counted; with more of them nothing is evaluated. An entry of a mapping counts
for three."""
PROGRAM: Final = 7
"""For one byte of text and one instruction of a pattern, where RE2 has to simulate all of them at once."""
_ENTRY: Final = 3
"""Elements that an entry of a mapping counts for: its key and value, and the table they are put in."""


class Weight(NamedTuple):
    """How much there is of a value."""

    elements: int
    size: int
    """Bytes of its texts, at most."""

    @property
    def countless(self) -> bool:
        """Whether there is more of it than was counted."""
        return self.elements > MAX_ELEMENTS


def weigh(*values: object) -> Weight:
    """How much there is of these values together, counted no further than `MAX_ELEMENTS`."""
    elements = size = 0
    waiting = list(values)
    while waiting and elements <= MAX_ELEMENTS:
        item = waiting.pop()
        if isinstance(item, str):
            size += len(item) if item.isascii() else 4 * len(item)
        elif isinstance(item, Mapping):
            elements += _ENTRY * len(item)
            if elements <= MAX_ELEMENTS:
                waiting.extend(item)
                waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            elements += len(item)
            if elements <= MAX_ELEMENTS:
                waiting.extend(item)
    return Weight(elements, size)


def cut_off(*values: object) -> bool:
    """Whether the library would not see all of these values: it takes a text to end at its first NUL.

    For values that have been weighed, and are not too many.
    """
    waiting = list(values)
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, Mapping):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return False
