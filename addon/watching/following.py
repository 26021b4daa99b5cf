"""Where a view's events come from; and the audit log of a data folder here, which is one such place.

Rules: whoever follows runs on a thread of their own, hands on what came as it comes, and ends when told. A
connection that breaks is made anew, from the last event that was had; that it is broken is said.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from wharfinger.audit import reader
from wharfinger.audit.errors import BookUnavailable

_POLL_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 1.0
_AT_ONCE: Final = 500
"""Events that are handed on together."""

type Event = Mapping[str, Any]


class Refused(Exception):
    """The API will not tell, and asking again does not help; the message says why."""


@dataclass(frozen=True, slots=True)
class News:
    """What came: events in their order, how many are known to be missing, or what is wrong."""

    events: Sequence[Event] = ()
    missed: int = 0
    before: bool = False
    """Whether it is what was there already."""
    trouble: str | None = None
    """Empty: all is well (again). None: nothing is said about it."""


type Take = Callable[[News], object]


class Source(Protocol):
    """Somewhere that events come from."""

    name: str
    """What is followed, for people."""

    def follow(self, take: Take, stop: threading.Event) -> None:
        """Hand on what comes until `stop` is set. Raises `Refused`."""
        ...


class Here:
    """The audit log in a data folder: what is durable, whether a proxy runs or not."""

    def __init__(self, folder: Path, before: int) -> None:
        """`before`: how many of the events that are there already are handed on, as well."""
        self.name = str(folder.parent)
        self._folder = folder
        self._before = before
        self._last: int | None = None

    def follow(self, take: Take, stop: threading.Event) -> None:
        """See `Source.follow`."""
        while not stop.is_set():
            try:
                self._follow(take, stop)
            except (BookUnavailable, OSError) as error:
                reason = getattr(error, "reason", "") or getattr(error, "strerror", "")
                take(News(trouble=f"{reason or 'the audit log cannot be read'}; trying again"))
                stop.wait(_RETRY_SECONDS)

    def _follow(self, take: Take, stop: threading.Event) -> None:
        if self._last is None:
            found = reader.tail(self._folder, max(self._before, 1))
            self._last = found[-1].seq if found else -1
            shown = found[-self._before :] if self._before else []
            take(News([record.members for record in shown], before=True, trouble=""))
        else:
            take(News(trouble=""))
        tail = reader.Tail(self._folder, after=self._last)
        try:
            while not stop.is_set():
                came = list(tail.new())
                for start in range(0, len(came), _AT_ONCE):
                    take(News([record.members for record in came[start : start + _AT_ONCE]]))
                if came:
                    self._last = came[-1].seq
                stop.wait(_POLL_SECONDS)
        finally:
            tail.close()
