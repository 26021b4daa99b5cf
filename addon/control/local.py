"""Commands without a runtime: the same actions, in this process, under the data folder's lock.

`connect` is how the command line gets at either: the running proxy if there is one, else the folder.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wharfinger.control.client import Client, NotRunning, result, signed
from wharfinger.control.dispatcher import Dispatcher
from wharfinger.control.protocol import Command
from wharfinger.control.session import Session
from wharfinger.keeping.lock import LockHeld
from wharfinger.keeping.people import PersonKey
from wharfinger.rules.types import JSON

type Opener = Callable[[], AbstractAsyncContextManager[Dispatcher]]
"""Takes the lock, opens book and store, and gives the actions on them; closes all of it at the end."""

_STARTING_SECONDS = 5.0


class Local:
    """A data folder that no runtime holds, open until `close`."""

    def __init__(
        self, runner: asyncio.Runner, opened: AbstractAsyncContextManager[Dispatcher], dispatcher: Dispatcher
    ) -> None:
        """Use `open`."""
        self._runner = runner
        self._opened = opened
        self._session = Session(dispatcher, local=True)
        self._number = 0

    @classmethod
    def open(cls, opener: Opener) -> Self:
        """Open the folder; raises what `opener` raises."""
        runner = asyncio.Runner()
        try:
            opened = opener()
            return cls(runner, opened, runner.run(opened.__aenter__()))
        except BaseException:
            runner.close()
            raise

    def do(self, action: str, args: Mapping[str, Any] | None = None, key: PersonKey | None = None) -> JSON:
        """See `wharfinger.control.client.Control.do`."""
        self._number += 1
        command = Command(self._number, action, dict(args or {}), key.person if key else None)
        said = signed(command, self._session.nonce, key).as_line()
        return result(self._runner.run(self._session.answer(said)).line)

    def close(self) -> None:
        """Close what was opened."""
        self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._opened.__aexit__(kind, error, trace))
        finally:
            self._runner.close()


def connect(data: Path, opener: Opener, patience: float = _STARTING_SECONDS) -> Client | Local:
    """The running proxy of the data folder, or the folder itself; use it in a `with`, or close it.

    A proxy that holds the lock and does not serve yet is waited for, for `patience` seconds; then
    `wharfinger.keeping.lock.LockHeld`.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return Client.connect(data)
        except NotRunning:
            pass
        try:
            return Local.open(opener)
        except LockHeld:
            if time.monotonic() >= end:
                raise
        time.sleep(0.05)
