"""Bodies that are held in memory, counted over all connections: there is an end to them, and to each agent's.

Those of requests that are decided whole, those of answers whose fields are redacted, and messages of
WebSockets while they are put together and decided.

Rules: whoever cannot be given room is refused, not made to wait; what was taken for a request is given back
when the request ends, however it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

BODIES = 8
"""How many bodies of the largest size there is room for; one agent has half of it."""


class Room(Protocol):
    """What is held for one exchange."""

    def take(self, size: int) -> bool:
        """Take room for `size` bytes more; False where there is none."""
        ...

    def give_back(self, size: int) -> None:
        """Give back some of it before the exchange ends."""
        ...


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

    def by_agent(self) -> Mapping[str, int]:
        """The same for each agent that has any."""
        return dict(self._by_agent)

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
