"""How many calls there were in each of the last seconds, and a line that shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

SECONDS: Final = 60
_BARS: Final = "▁▂▃▄▅▆▇█"


class Rates:
    """Counts of the last `SECONDS`, by name."""

    def __init__(self) -> None:
        self._counts: dict[int, Counter[str]] = {}

    def add(self, name: str, second: int, count: int) -> None:
        """Count `count` more in `second`."""
        self._counts.setdefault(second, Counter())[name] += count
        if len(self._counts) > 2 * SECONDS:
            newest = max(self._counts)
            self._counts = {key: value for key, value in self._counts.items() if key > newest - SECONDS}

    def of(self, second: int, name: str | None = None) -> list[int]:
        """The counts of the seconds up to `second`, oldest first; of all names together, if none is given."""
        span = (self._counts.get(key, Counter()) for key in range(second - SECONDS + 1, second + 1))
        return [counts.total() if name is None else counts[name] for counts in span]


def sparkline(counts: Sequence[int], width: int) -> str:
    """A bar for each count, the newest last; as many as fit."""
    shown = counts[-width:] if width > 0 else []
    most = max(shown, default=0)
    return "".join(_bar(count, most) for count in shown)


def _bar(count: int, most: int) -> str:
    if count <= 0:
        return " "
    return _BARS[-(-count * (len(_BARS) - 1) // most)] if most else " "
