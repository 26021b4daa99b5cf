"""The office as the proxy sees it: a process beside it that holds no credential and no CA key.

Started with a bare environment and one inherited socket to listen on. If it dies the proxy goes on; if the
proxy dies, however it dies, the office sees its standard input end and goes too.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from wharfinger.control.protocol import SOCKET
from wharfinger.faults import Fault
from wharfinger.rules.models.values import Endpoint
from wharfinger.running.listening import bind


@dataclass(slots=True)
class Office:
    """A running office."""

    address: tuple[str, int]
    _process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, console: Endpoint, data: Path, url: str = "") -> Office:
        """Start the office on `console` (port 0 takes a free one). Raises `Fault`.

        `url` is where people open it, where that is not its own address.
        """
        try:
            sock = bind(console.host.strip("[]"), console.port)
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise Fault(
                f'the console cannot listen on "{console}": {reason}',
                "stop what listens there, or set `console:` in wharfinger.yaml (port 0 takes a free one)",
            ) from error
        with sock:
            sock.listen()  # so that connections are accepted from now on, while the process still starts
            sock.set_inheritable(True)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "wharfinger.control.office",
                str(sock.fileno()), str(data / SOCKET), url,
                stdin=asyncio.subprocess.PIPE, env={"PYTHONDONTWRITEBYTECODE": "1"},
                pass_fds=(sock.fileno(),),
            )  # fmt: skip
            host, port = sock.getsockname()[:2]
        return cls((str(host), int(port)), process)

    @property
    def url(self) -> str:
        """Where a person opens it."""
        host, port = self.address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def stop(self) -> None:
        """End it."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
