"""The process of the channels as the proxy sees it: started with a bare environment, and again where it ends.

Rules: to say something never waits. What is said goes into a bounded queue; what does not fit is dropped, and
told. Whatever the process does, or does not do, the proxy goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from wharfinger.channels import notices
from wharfinger.channels.notices import Health, Notice, Setup

_log = logging.getLogger(__name__)

DEPTH: Final = 1_000
"""Notices that wait for the process, at most."""
PROCESS: Final = "process"
"""The name under which the health of the process itself is told."""
_COMMAND: Final = (sys.executable, "-m", "wharfinger.channels.process")
_LONGEST_PAUSE: Final = 60.0
_FAREWELL_SECONDS: Final = 5.0


class Beside:
    """See the module's head."""

    def __init__(
        self, setup: Setup, command: Sequence[str] = _COMMAND, *, pause: float = 1.0, depth: int = DEPTH
    ) -> None:
        """`pause`: seconds before it is started again for the first time."""
        self._setup = setup
        self._command = command
        self._pause = pause
        self._depth = depth
        self._queue: deque[bytes] = deque()
        self._more = asyncio.Event()
        self.dropped = 0

    def say(self, notice: Notice) -> bool:
        """Queue a notice; False where it was dropped. Returns at once."""
        text = notices.line(notice)
        if len(self._queue) >= self._depth or len(text) > notices.LINE_LIMIT:
            self.dropped += 1
            return False
        self._queue.append(text)
        self._more.set()
        return True

    async def run(
        self, hear: Callable[[Notice], Awaitable[None]], again: Callable[[], Awaitable[None]]
    ) -> None:
        """Keep the process running until cancelled. `again` is called each time it was started anew."""
        pause = self._pause
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._once(hear)
                why = "it has ended"
            except (OSError, asyncio.IncompleteReadError) as error:
                why = f"it cannot be spoken to: {type(error).__name__}"
            except (notices.NotUnderstood, ValueError):
                why = "it says what cannot be understood"
            await hear(
                Health(PROCESS, up=False, why=f"the process of the channels: {why}", dropped=self.dropped)
            )
            if asyncio.get_running_loop().time() - began > _LONGEST_PAUSE:
                pause = self._pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            await again()

    async def _once(self, hear: Callable[[Notice], Awaitable[None]]) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={"PYTHONDONTWRITEBYTECODE": "1"}, limit=notices.LINE_LIMIT,
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101
        saying = asyncio.get_running_loop().create_task(self._say(process.stdin))
        try:
            await hear(Health(PROCESS, up=True, dropped=self.dropped))
            while text := await process.stdout.readline():
                await self._heard(hear, notices.read(text))
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
            await _end(process)

    @staticmethod
    async def _heard(hear: Callable[[Notice], Awaitable[None]], notice: Notice) -> None:
        try:
            await hear(notice)
        except Exception as error:  # noqa: BLE001 - what came of one notice keeps none of the others from being heard
            _log.error("a notice of the channels failed: %s", type(error).__name__)

    async def _say(self, stdin: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            stdin.write(notices.line(self._setup))
            await stdin.drain()
            while True:
                while self._queue:
                    stdin.write(self._queue.popleft())
                    await stdin.drain()
                self._more.clear()
                await self._more.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process: its standard input first, so that it can end by itself."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        try:
            await asyncio.wait_for(process.wait(), _FAREWELL_SECONDS)
        except TimeoutError:
            process.kill()
            await process.communicate()  # `wait` would wait for its output to be read, too
