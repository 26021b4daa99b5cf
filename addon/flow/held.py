"""Bodies that are held in memory, counted over all connections: there is an end to them, and to each agent's.

Rules: whoever cannot be given room is refused, not made to wait; what was taken for a request is given back
when the request ends, however it does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

BODIES = 8
"""How many bodies of the largest size there is room for; one agent has half of it."""


@dataclass(slots=True)
class Held:
    """The bytes of all bodies that are held at this moment."""

    most: int
    """Bytes there is room for."""
    _by_agent: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Bytes that are held."""
        return self._by_agent.total()

    def take(self, agent: str, size: int) -> bool:
        """Take room for `size` bytes more of `agent`; False where it has its half, or all is taken."""
        if self._by_agent[agent] + size > self.most // 2 or self.total + size > self.most:
            return False
        self._by_agent[agent] += size
        return True

    def give_back(self, agent: str, size: int) -> None:
        """Give back what was taken."""
        self._by_agent[agent] -= size
        if self._by_agent[agent] <= 0:
            del self._by_agent[agent]
