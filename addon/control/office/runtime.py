"""The runtime as the office reaches it: commands on the control socket, each in somebody's session."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from wharfinger.control.client import Client
from wharfinger.faults import Fault

_SECONDS = 30.0
_AT_ONCE = 8
"""Connections: the control socket has room for the command line besides."""


class Runtime:
    """The proxy that serves a data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def ask(
        self,
        session: str | None,
        action: str,
        args: Mapping[str, Any] | None = None,
        *,
        background: bool = False,
    ) -> Any:
        """Have `action` done in a session; raises `ControlError`, and `Fault` where no proxy answers."""
        async with self._room:
            return await run_in_threadpool(self._ask, session, action, args, background)

    async def answers(self) -> bool:
        """Whether a proxy answers, ready or not."""
        try:
            status = await self.ask(None, "status")
        except Fault:
            return False
        return isinstance(status, dict) and status.get("running") is True

    async def checks(self) -> Mapping[str, bool] | None:
        """What the proxy needs to serve, each with whether it has it; None where no proxy answers."""
        try:
            found = await self.ask(None, "ready")
        except Fault:
            return None
        if not isinstance(found, dict) or found.get("running") is False:
            return None
        return {str(name): good is True for name, good in found.items()}

    def _ask(self, session: str | None, action: str, args: Mapping[str, Any] | None, background: bool) -> Any:
        with Client.connect(self.data, _SECONDS) as client:
            client.session, client.background = session, background
            return client.do(action, args)
