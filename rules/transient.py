"""`transient`: what passes between the steps of one decision, and is dropped with it.

To those who write code, and to the type checker, the same as a frozen dataclass with slots. At run time it
is not frozen: the constructor of one that is takes more than twice as long, and a decision makes some
thirty fields of these, a twentieth of all its time. What leaves `rules` is frozen in earnest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import dataclass_transform


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def transient[T](cls: type[T]) -> type[T]:
    """Make a class one of these. It is compared by identity."""
    return dataclass(slots=True, eq=False)(cls)
