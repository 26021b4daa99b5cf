"""Watching approvals: what has changed, told after it is durable, to whoever shows it or tells people.

Rules: a watcher never holds up a change. Each has a queue of its own, bounded: one that does not keep up
loses what came first, is told how much (`missed`), and looks at the list again.

    with approvals.watch() as changes:
        async for change in changes: ...        # `Change` or `Flood`
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from wharfinger.approvals.approval import Approval
from wharfinger.approvals.states import Move

QUEUE = 1_000
"""Changes that one watcher may be behind."""


@dataclass(frozen=True, slots=True)
class Change:
    """An approval as it is after `move` (None: it has been asked)."""

    approval: Approval
    move: Move | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Flood:
    """An agent asks for more than people can be asked at once; told once for each time it begins."""

    agent: str
    agent_id: str
    cap: int
    at: datetime


class Watch:
    """One watcher's queue; an asynchronous iterator that ends when it is closed."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching
        self._queue: deque[Change | Flood] = deque(maxlen=QUEUE)
        self._news = asyncio.Event()
        self._closed = False
        self.missed = 0
        """How many were dropped because nobody took them."""

    def tell(self, news: Change | Flood) -> None:
        """Add one."""
        self.missed += len(self._queue) == QUEUE
        self._queue.append(news)
        self._news.set()

    def close(self) -> None:
        """Be told no more; what is queued can still be taken."""
        self._watching.leave(self)
        self._closed = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Change | Flood]:
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._closed:
                return
            self._news.clear()
            await self._news.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Watching:
    """All watchers."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []

    def begin(self) -> Watch:
        """A new watcher, told everything from now on."""
        watch = Watch(self)
        self._watches.append(watch)
        return watch

    def leave(self, watch: Watch) -> None:
        """Tell it no more."""
        if watch in self._watches:
            self._watches.remove(watch)

    def tell(self, news: Change | Flood) -> None:
        """Tell all."""
        for watch in self._watches:
            watch.tell(news)
