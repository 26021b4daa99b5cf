"""Background tasks that are neither lost nor silent.

The event loop holds tasks only weakly, so a task that nobody keeps may vanish half done, and an
error in it is reported when the garbage collector comes by, if at all. `Tasks` keeps every task
until it has ended and logs its failure when it happens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

_log = logging.getLogger(__name__)


class Tasks:
    """Owns background tasks from their start to their end."""

    def __init__(self, failed: Callable[[str, BaseException], None] | None = None) -> None:
        """`failed(name, error)` is told of every task that ends by an error; it is logged in any case."""
        self._running: set[asyncio.Task[Any]] = set()
        self._failed = failed

    def __len__(self) -> int:
        return len(self._running)

    def start[T](self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run `work` in the running loop, for nobody in particular; `name` is what the log calls it."""
        task = asyncio.get_running_loop().create_task(work, name=name, context=Context())
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel_all(self) -> None:
        """Cancel what runs, and wait until all of it has ended; called once more, it does nothing."""
        while pending := self._running - {asyncio.current_task()}:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        _log.error("background task %s failed: %s", task.get_name(), type(error).__name__)
        if self._failed is not None:
            self._failed(task.get_name(), error)
