"""Events to one place, each at least once: read from the book, from where the place has got to.

How far that is stands in a file of its own, replaced after each delivery: a crash between the two delivers
some events twice, never none. Syslog says nothing of what arrived, so where its connection breaks the last
events are sent again. Beginning and end of the book are its first and last kept event; nothing is skipped.
"""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from wharfinger.audit.reader import Record, Tail
from wharfinger.keeping import private
from wharfinger.shipping import syslog, web
from wharfinger.shipping.setup import Sink

BATCH = 500
"""Events at a time."""


class Wire(Protocol):
    """A way to a place for events."""

    rewind: int
    """Events that may not have arrived though they were sent, where it broke."""

    def send(self, records: list[Record]) -> None:
        """Deliver, or raise any exception."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Stream:
    """One place for events."""

    def __init__(self, audit: Path, state: Path, sink: Sink) -> None:
        parts = urlsplit(sink.to)
        shown = f"{parts.scheme}://{parts.netloc}" if parts.netloc else sink.to
        self.name = f"events: {shown} as {sink.format}"
        self._cursor = state / f"{sha256(f'{sink.to}\n{sink.format}'.encode()).hexdigest()[:16]}.cursor"
        self._audit = audit
        self._wire: Wire = web.Web(sink) if sink.to.startswith("http") else syslog.Syslog(sink)
        self._tail: Tail | None = None
        self._after = self._kept()

    def close(self) -> None:
        """Let go of everything."""
        self._wire.close()
        if self._tail is not None:
            self._tail.close()

    def deliver(self) -> int | None:
        """Send the next events, if there are any."""
        if self._tail is None:
            self._tail = Tail(self._audit, after=self._after)
        records = list(islice(self._tail.new(), BATCH))
        if not records:
            return None
        try:
            self._wire.send(records)
        except BaseException:
            self._tail.close()
            self._tail = None
            self._after = max(-1, self._after - self._wire.rewind)
            raise
        self._after = records[-1].seq
        private.replace(self._cursor, json.dumps({"seq": self._after}).encode() + b"\n")
        return self._after

    def _kept(self) -> int:
        try:
            return int(json.loads(private.read(self._cursor, limit=100))["seq"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return -1
