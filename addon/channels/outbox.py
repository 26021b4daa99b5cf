"""The queue before one channel: bounded, tried again, and never in another channel's way.

Rules: jobs are done in their order, one at a time. A channel that cannot be reached is tried again, with more
time between tries, until the job's own end; what the other side refuses for good is given up at once. A full
queue drops the oldest job. Whatever is given up, and every change from up to down and back, is told.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from wharfinger.channels.notices import Health

_log = logging.getLogger(__name__)

DEPTH: Final = 200
"""Jobs that wait, at most."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries."""


class Unreachable(Exception):
    """It did not work this time. The message is fit for a log: it quotes nothing that was sent."""

    def __init__(self, why: str, pause: float = 0.0) -> None:
        """`pause`: seconds that the other side asks to be left alone."""
        super().__init__(why)
        self.pause = pause


class Rejected(Exception):
    """It will never work. The message is fit for a log."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be posted."""

    until: datetime
    """When it is no longer of use to anybody."""
    work: Callable[[], Awaitable[None]]
    """Raises `Unreachable` or `Rejected`; may be called again after the first."""


class Outbox:
    """See the module's head."""

    def __init__(
        self, name: str, tell: Callable[[Health], object], *, depth: int = DEPTH, pause: float = FIRST_PAUSE
    ) -> None:
        """`tell` is called with every change of health; `pause` is the first between two tries."""
        self._name = name
        self._tell = tell
        self._depth = depth
        self._pause = pause
        self._jobs: deque[Job] = deque()
        self._more = asyncio.Event()
        self._up: bool | None = None
        self.dropped = 0

    def put(self, job: Job) -> None:
        """Queue one job. Returns at once."""
        if len(self._jobs) >= self._depth:
            self._jobs.popleft()
            self._drop("its queue is full")
        self._jobs.append(job)
        self._more.set()

    async def run(self) -> None:
        """Do the jobs until cancelled."""
        while True:
            while not self._jobs:
                self._more.clear()
                await self._more.wait()
            await self._do(self._jobs.popleft())

    def up(self) -> None:
        """The channel works."""
        if self._up is not True:
            self._up = True
            self._tell(Health(self._name, up=True, dropped=self.dropped))

    def down(self, why: str) -> None:
        """The channel does not work at the moment."""
        if self._up is not False:
            self._up = False
            self._tell(Health(self._name, up=False, why=why, dropped=self.dropped))

    async def _do(self, job: Job) -> None:
        pause = self._pause
        while True:
            if job.until <= datetime.now(UTC):
                self._drop("it could not be reached in time")
                return
            try:
                await job.work()
            except Unreachable as failure:
                self.down(str(failure))
                await asyncio.sleep(max(failure.pause, pause * random.uniform(0.8, 1.2)))  # noqa: S311
                pause = min(pause * 2, LONGEST_PAUSE)
            except Rejected as failure:
                self._drop(str(failure))
                return
            except Exception as failure:  # noqa: BLE001 - one job's failure ends no queue; its text may quote secrets
                _log.error("channel %s failed: %s", self._name, type(failure).__name__)
                self._drop(f"internal error: {type(failure).__name__}")
                return
            else:
                self.up()
                return

    def _drop(self, why: str) -> None:
        self.dropped += 1
        self._up = False
        self._tell(Health(self._name, up=False, why=f"a notice was given up: {why}", dropped=self.dropped))
