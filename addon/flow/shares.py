"""What is kept for speed, in shares: nobody's goes to make room for one who asks for more and more."""

from __future__ import annotations

from collections import OrderedDict


class Shares[V]:
    """Values by agent and key. One agent has half of all room at most; its own oldest go first."""

    def __init__(self, most: int) -> None:
        """`most`: how many values there is room for."""
        self._most = most
        self._by_agent: dict[str, OrderedDict[str, V]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_agent.values()))

    def get(self, agent: str, key: str) -> V | None:
        """What was kept, if it still is."""
        own = self._by_agent.get(agent)
        if own is None or key not in own:
            return None
        own.move_to_end(key)
        return own[key]

    def put(self, agent: str, key: str, value: V) -> None:
        """Keep a value, and let go of the oldest of whoever has too many, or else the most."""
        own = self._by_agent.setdefault(agent, OrderedDict())
        own[key] = value
        own.move_to_end(key)
        if len(own) > max(1, self._most // 2):
            own.popitem(last=False)
        while len(self) > self._most:
            max(self._by_agent.values(), key=len).popitem(last=False)
