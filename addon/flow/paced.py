"""A reader that waits until what it reads can be taken up, and reads no more than soon worked off."""

from __future__ import annotations

import asyncio

STEP = 0.001
"""Seconds that working off one piece is to take at most: then others have their turn."""
FIRST, LEAST = 4096, 1024
"""Bytes that are read at once at first; and however long they take, for a body may grow a thousandfold."""


class Paced:
    """Takes the place of a stream's reader in mitmproxy's connection handler, which calls only `read`."""

    def __init__(self, reader: asyncio.StreamReader, *allowed: asyncio.Event) -> None:
        """Nothing is read while one of `allowed` is not set."""
        self.reader, self._allowed = reader, allowed
        self._most = FIRST
        self._taken = 0.0

    def waits(self) -> bool:
        """Whether somebody waits here for something to come, and nothing has come."""
        return self.reader._waiter is not None  # type: ignore[attr-defined] # nobody else could tell

    async def read(self, size: int) -> bytes:
        """What has come, at most so many bytes; empty at the end."""
        for allowed in self._allowed:
            if not allowed.is_set():
                await allowed.wait()
        if self._taken >= STEP:
            self._taken = 0.0
            if self.reader._buffer:  # type: ignore[attr-defined] # it would be read at once, again and again
                await asyncio.sleep(0)
        return await self.reader.read(min(size, self._most))

    def took(self, size: int, seconds: float) -> None:
        """Note how long it took to work off what was read last: more is read at once next time, or less."""
        self._taken += seconds
        if size < self._most:
            return  # it was not the size that made it long
        if seconds > STEP:
            self._most = max(LEAST, int(size * STEP / seconds))
        else:
            self._most *= 2
