"""The control socket's server: many clients, each with its own `Session`, all bounded.

The socket is 0600 in a folder of 0700, and the kernel is asked who is at the other end besides. The
number of clients, the length of a line and the time between lines have limits; where all places are
taken, whoever has been silent longest makes room, so that a process that opens connections and says
nothing cannot keep a person out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from pathlib import Path

from wharfinger.control.dispatcher import Dispatcher
from wharfinger.control.protocol import LINE_LIMIT, SOCKET, Code, line
from wharfinger.control.session import Session
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.keeping.sockets import address, peer_is_ours

_log = logging.getLogger(__name__)

CLIENTS = 64
SILENCE_SECONDS = 60.0
_SEND_SECONDS = 10.0
_FAREWELL_SECONDS = 2.0


class ControlServer:
    """Serves the control socket of one data folder, for the holder of its lock."""

    def __init__(
        self, data: Path, dispatcher: Dispatcher, *, clients: int = CLIENTS, silence: float = SILENCE_SECONDS
    ) -> None:
        """Nothing is opened yet: use `start`."""
        self._data = data
        self._dispatcher = dispatcher
        self._clients = clients
        self._silence = silence
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: dict[asyncio.Task[None], float] = {}

    async def start(self) -> None:
        """Open the socket, in the place of one that an earlier runtime has left."""
        private.folder(self._data)
        path = self._data / SOCKET
        if path.is_socket():
            path.unlink()
        elif path.is_symlink() or path.exists():
            raise Fault(f'"{path}" is in the way of the control socket', "move it away")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with address(self._data, SOCKET) as name:
                listener.bind(name)
            path.chmod(0o600)  # nobody can connect before listen(2)
            self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=LINE_LIMIT)
        except BaseException:
            listener.close()
            raise

    async def close(self) -> None:
        """Take no more commands, end all connections, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        await self._last_words()
        for task in tuple(self._tasks - {asyncio.current_task()}):
            task.cancel()
        await asyncio.gather(*self._tasks - {asyncio.current_task()}, return_exceptions=True)
        (self._data / SOCKET).unlink(missing_ok=True)
        self._server = None

    async def _last_words(self) -> None:
        """Let commands under way be answered (the one that stops the runtime among them)."""
        end = asyncio.get_running_loop().time() + _FAREWELL_SECONDS
        while self._tasks - self._idle.keys() - {asyncio.current_task()}:
            if asyncio.get_running_loop().time() >= end:
                return
            await asyncio.sleep(0.01)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._admit(writer):
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _admit(self, writer: asyncio.StreamWriter) -> bool:
        if not peer_is_ours(writer.get_extra_info("socket")):
            _log.warning("control socket: a process of another user was turned away")
            return False
        if len(self._tasks) >= self._clients:
            if not self._idle:
                return False
            longest = min(self._idle, key=self._idle.__getitem__)
            del self._idle[longest]
            longest.cancel()
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._dispatcher)
        await self._send(writer, session.hello())
        while text := await self._line(reader, writer):
            reply = await session.answer(text)
            await self._send(writer, reply.line)
            if reply.last:
                return

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The next line, or nothing where the client has left, is silent, or says too much."""
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        if task is not None:
            self._idle[task] = loop.time()
        try:
            async with asyncio.timeout(self._silence):
                return await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError:
            too_long = {
                "id": None,
                "ok": False,
                "code": Code.BAD_REQUEST.value,
                "error": f"a line is at most {LINE_LIMIT} bytes long",
                "hint": "",
            }
            await self._send(writer, line(too_long))
            return b""
        finally:
            if task is not None:
                self._idle.pop(task, None)

    async def _send(self, writer: asyncio.StreamWriter, text: bytes) -> None:
        async with asyncio.timeout(_SEND_SECONDS):
            writer.write(text)
            await writer.drain()
