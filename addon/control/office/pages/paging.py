"""Long lists: a search by words, and a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

_LONGEST = 200
_WORDS = 8


def words(query: Mapping[str, str]) -> tuple[str, ...]:
    """What is searched for, in lower case."""
    return tuple(query.get("q", "")[:_LONGEST].casefold().split()[:_WORDS])


def found_in[T](query: Mapping[str, str], items: Sequence[T], text: Callable[[T], str]) -> list[T]:
    """The items whose text holds all words of the search."""
    wanted = words(query)
    if not wanted:
        return list(items)
    return [item for item in items if all(word in text(item).casefold() for word in wanted)]


@dataclass(frozen=True, slots=True)
class Slice[T]:
    """A part of a list."""

    items: Sequence[T]
    start: int
    total: int
    step: int
    query: Mapping[str, str]

    @classmethod
    def of(cls, query: Mapping[str, str], items: Sequence[T], step: int) -> Slice[T]:
        """The part that an address asks for by `from`."""
        given = query.get("from", "")
        start = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 0
        start = start if start < len(items) else 0
        return cls(items[start : start + step], start, len(items), step, dict(query))

    @property
    def end(self) -> int:
        """How many there are up to its last."""
        return self.start + len(self.items)

    @property
    def earlier(self) -> str:
        """Parameters of the address of the part before; empty where there is none."""
        return self._at(max(0, self.start - self.step)) if self.start else ""

    @property
    def later(self) -> str:
        """Parameters of the address of the part after; empty where there is none."""
        return self._at(self.end) if self.end < self.total else ""

    @property
    def words(self) -> str:
        """What was searched for, as it was written."""
        return self.query.get("q", "")[:_LONGEST]

    def _at(self, start: int) -> str:
        return urlencode({**self.query, "from": start})
