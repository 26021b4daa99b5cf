"""Gives events their place in the log: number, time, link, leaf, and the file they go to."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import orjson
from wharfinger.audit import salts
from wharfinger.audit.chain import GENESIS, VERSION, ascii_json, leaf_of, link, seal
from wharfinger.audit.event import Event, EventKind
from wharfinger.audit.published import Position
from wharfinger.audit.recovery import Tail
from wharfinger.audit.render import render
from wharfinger.audit.writer import Entry, Receipt, Waiter
from wharfinger.clock import Clock


class Placing:
    """The end of a log, as far as events were taken; not all of it need be written yet."""

    def __init__(
        self, tail: Tail, salt: bytes | None, hmac_key: bytes, clock: Clock, *, durable: bool
    ) -> None:
        """Go on behind `tail`, in its file where that has a `salt` still, else in a new one."""
        self.at = tail.position or Position(secrets.token_hex(16), 0, 0, 0, GENESIS)
        self.open = dict(tail.open)
        """Decisions that have an intent and no outcome → their agent."""
        self.fresh = self.at.segment == 0 or salt is None
        """Whether the next event begins a file."""
        self._tree = tail.tree
        self._hmac_key = hmac_key
        self._clock = clock
        self._durable = durable
        self._last = datetime.min.replace(tzinfo=UTC)
        self._began = tail.began
        self._key = self._key_of(salt or b"")

    def _key_of(self, salt: bytes) -> bytes:
        return salts.segment_key(self._hmac_key, self.at.log, self.at.segment, salt)

    def full(self, size: int, age: timedelta | None) -> bool:
        """Whether the file is over this size or age, so that the next event begins another."""
        if self.fresh or self.at.length >= size:
            return True
        return age is not None and self._began is not None and self._clock.now() - self._began >= age

    def begin(self, waiter: Waiter | None = None) -> Entry:
        """The header of the next file."""
        at, salt = self.at, salts.new()
        self.at = Position(at.log, at.segment + 1, 0, at.seq, at.prev)
        self._key = self._key_of(salt)
        header: dict[str, object] = {"kind": EventKind.SEGMENT, "log": at.log, "segment": self.at.segment}
        header |= {"tree": [part.hex() for part in self._tree.full], "open": self.open}
        entry = self._put(ascii_json(orjson.dumps(header)), waiter, salt)
        self.fresh, self._began = False, entry.receipt.time
        return entry

    def event(self, event: Event, waiter: Waiter) -> Entry:
        """An event, rendered. Raises what rendering does, and then nothing has changed."""
        entry = self._put(render(event, self._key), waiter)
        if event.kind is EventKind.INTENT:
            self.open[event.decision] = event.who.agent if event.who else ""
        elif event.kind is EventKind.OUTCOME:
            self.open.pop(event.decision, None)
        return entry

    def _put(self, members: bytes, waiter: Waiter | None, salt: bytes = b"") -> Entry:
        """Give rendered members their place."""
        at, now = self.at, self._clock.now()
        if now.tzinfo is not UTC:
            now = now.astimezone(UTC)
        body = (
            b'{"version":%d,"seq":%d,"prev":"%b","id":"e_%b_%d","time":"%bZ","mono_ns":%d,%b%b'
            % (
                VERSION,
                at.seq,
                at.prev.encode(),
                at.log[:8].encode(),
                at.seq,
                now.isoformat(timespec="microseconds")[:26].encode(),  # in UTC, so that the rest is "+00:00"
                int(self._clock.monotonic() * 1e9),
                self._remarks(now),
                members[1:],
            )
        )
        line = seal(body)
        self.at = Position(at.log, at.segment, at.length + len(line) + 1, at.seq + 1, link(line))
        self._last = now
        self._tree.append(leaf_of(line))
        return Entry(line + b"\n", Receipt(at.seq, now), self.at, salt, waiter)

    def _remarks(self, now: datetime) -> bytes:
        """Members for what is out of the ordinary: not synced, or a wall clock that went back."""
        remarks = b"" if self._durable else b'"durable":false,'
        if now < self._last:
            remarks += b'"clock_back_us":%d,' % ((self._last - now).total_seconds() * 1e6)
        return remarks
