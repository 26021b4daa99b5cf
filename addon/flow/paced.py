"""A reader that waits until what it reads can be taken up, and until it is its agent's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Paced:
    """Takes the place of a stream's reader in mitmproxy's connection handler, which calls only `read`."""

    def __init__(
        self, reader: asyncio.StreamReader, turn: Callable[[], Awaitable[None]], *allowed: asyncio.Event
    ) -> None:
        """`turn` returns once it may be worked on; nothing is read while one of `allowed` is not set."""
        self.reader, self._turn, self._allowed = reader, turn, allowed

    def waits(self) -> bool:
        """Whether somebody waits here for something to come, and nothing has come."""
        return self.reader._waiter is not None  # type: ignore[attr-defined] # nobody else could tell

    async def read(self, size: int) -> bytes:
        """What has come, at most so many bytes; empty at the end."""
        for allowed in self._allowed:
            if not allowed.is_set():
                await allowed.wait()
        data = await self.reader.read(size)
        await self._turn()
        return data
