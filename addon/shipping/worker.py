"""One place, and the thread that keeps at it until it has what it should have.

Rules: a place that fails is tried again for ever, each time after a longer pause, up to a minute; what could
not be delivered is never passed over; the first failure and the recovery are told, and the state of all
places is in a file.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from wharfinger.keeping import private

_log = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between two looks for something new."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_MESSAGE = 200


class Place(Protocol):
    """Somewhere that something of the book is copied to."""

    name: str

    def deliver(self) -> int | None:
        """Copy what is new, some of it at a time; how far that is now, None if nothing was new.

        Raises any exception where it could not be done: it is called again.
        """
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Board:
    """The state of all places, in one file for whoever asks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._places: dict[str, dict[str, Any]] = {}

    def put(self, name: str, **facts: Any) -> None:
        """Note facts of one place."""
        with self._lock:
            self._places.setdefault(name, {"place": name}).update(facts)
            content = json.dumps(list(self._places.values()), indent=1).encode() + b"\n"
            try:
                private.replace(self._path, content)
            except OSError as error:
                _log.warning("the state of the audit log's copies cannot be written: %s", error.strerror)


class Worker:
    """Keeps at one place, in its own thread."""

    def __init__(self, place: Place, board: Board, *, first_pause: float = _FIRST_PAUSE) -> None:
        self._place = place
        self._board = board
        self._pause = self._first_pause = first_pause
        self._stop = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name=place.name, daemon=True)
        board.put(place.name, sent=None, error=None)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver what is there by now, once, then end. Returns at once."""
        self._stop.set()

    def join(self, until: float) -> None:
        """Wait for the end, till `until` on the monotonic clock."""
        self._thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            wait = self._turn()
            self._stop.wait(wait)
        if not self._failed:
            while self._turn() == 0:
                pass
        self._place.close()

    def _turn(self) -> float:
        """Deliver something; how long to wait before the next time."""
        try:
            reached = self._place.deliver()
        except Exception as error:  # noqa: BLE001 - whatever it is, the place is tried again
            return self._trouble(error)
        if self._failed:
            _log.warning("copies of the audit log reach %s again", self._place.name)
            self._failed, self._pause = False, self._first_pause
            self._board.put(self._place.name, error=None)
        if reached is None:
            return POLL
        self._board.put(self._place.name, sent=reached, at=_now())
        return 0

    def _trouble(self, error: Exception) -> float:
        what = (str(error) or type(error).__name__).splitlines()[0][:_MESSAGE]
        if not self._failed:
            _log.warning("copies of the audit log do not reach %s: %s", self._place.name, what)
        self._failed = True
        self._board.put(self._place.name, error=what, failed=_now())
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
