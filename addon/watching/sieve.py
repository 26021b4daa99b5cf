"""Events of the calls that a filter lets through: what decides them, and what follows from that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from wharfinger.watching.calls import Calls
from wharfinger.watching.filters import EVERYTHING, Filter

_OPEN: Final = 10_000
"""Calls whose further events are looked out for."""


class Sieve:
    """See the module's head. Where nothing is asked for, every event goes through."""

    def __init__(self, only: Filter) -> None:
        self._only = only
        self._calls = Calls(only, _OPEN)

    def let(self, events: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Those that go through, in their order."""
        if self._only == EVERYTHING:
            yield from events
            return
        for event in events:
            self._calls.take((event,), None)
            if self._calls.of(event) is not None:
                yield event
