"""TLS before a server on this machine that speaks HTTP in clear, with a record of what passed."""

from __future__ import annotations

import asyncio
import contextlib
import ssl


class Front:
    """Takes TLS, and hands on what it gets to a port of this machine, byte for byte."""

    def __init__(self, behind: int, context: ssl.SSLContext) -> None:
        self._behind = behind
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = bytearray()
        """What clients have sent."""

    async def __aenter__(self) -> Front:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            inner, outer = await asyncio.open_connection("127.0.0.1", self._behind)
            await asyncio.gather(self._pass(reader, outer, keep=True), self._pass(inner, writer, keep=False))
        except OSError:
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        while part := await reader.read(65536):
            if keep:
                self.sent += part
            writer.write(part)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
