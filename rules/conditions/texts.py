"""A pattern that a condition looks for in a text, and how long the text may be.

RE2's time is linear in the text, but by a factor that grows with the pattern: at worst it has to follow every
instruction of the compiled pattern at every byte. So the longer the pattern, the shorter the text that one
evaluation has time for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2
from wharfinger.rules.weight import LIMIT, PROGRAM


@dataclass(frozen=True, slots=True)
class Searching:
    """A compiled pattern, for finding out whether it stands in a text."""

    compiled: Any
    program: int
    """How many instructions it has."""

    @property
    def longest(self) -> int:
        """Characters of the longest ASCII text it may be looked for in."""
        return LIMIT // (PROGRAM * self.program)


@lru_cache(maxsize=4096)
def searching(pattern: str) -> Searching:
    """Compile a pattern. Raises `re2.error`."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    compiled = re2.compile(pattern, options)
    return Searching(compiled, max(1, compiled.programsize))
