"""Try what every promise rests on: before the first request is let through, and every minute from then on.

Through the real listener a request that nothing allows must be refused; mitmproxy's options, addons and
hooks must be those we mean; the address guard, the store, the book and the redaction of secrets must do
their work. On a miss everything is refused, with the reason, until a later test finds nothing amiss.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from wharfinger.audit import events
from wharfinger.audit.errors import BookUnavailable
from wharfinger.faults import Fault
from wharfinger.running import probe

if TYPE_CHECKING:
    from wharfinger.keeping.store import Connection
    from wharfinger.running.wiring import Runtime

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two tests…"""
EVERY_CLOSED = 5.0
"""… and while the last one has found something amiss."""
PATIENCE = 10.0
"""Seconds that one check may take."""
_TRIES = 2
"""A check that runs out of time, on a machine that is busy, is made once more before it counts."""


class NotProven(Fault):
    """The proxy could not show that it refuses what it must, and so does not start."""


class SelfTest:
    """The self-test of one runtime: it says whether the runtime is closed."""

    def __init__(self, runtime: Runtime) -> None:
        """Close the runtime until `begin` has found nothing amiss."""
        self._runtime = runtime
        self._written = -1
        """How far the book was at the last test."""
        self.missed: tuple[str, ...] = ()
        """What the last test found amiss, in plain lines."""
        self.passed = False
        """Whether the runtime is open by what the last test found."""
        self.checks: dict[str, Callable[[], Awaitable[str]]] = {
            "options": self._options,
            "addresses": self._addresses,
            "secrets": self._secrets,
            "store": self._store,
            "book": self._book,
            "refusal": self._refusal,
        }
        """What is checked. Each says in one line what is amiss, and nothing where nothing is."""
        runtime.live.close("the self-test of this proxy has not ended yet")

    async def begin(self) -> None:
        """Make the first test. Raises `NotProven`; then the runtime stays closed."""
        self.missed = await self.examine()
        if self.missed:
            raise NotProven(
                "this proxy cannot show that it refuses what it must:\n" + "\n".join(self.missed),
                "mend what is named; until then it does not start",
            )
        self._open()

    def _open(self) -> None:
        self.passed = True
        self._runtime.live.close(None)

    async def watch(self) -> None:
        """Test for ever. However this ends, nothing passes afterwards."""
        try:
            while True:
                await asyncio.sleep(EVERY_CLOSED if self.missed else EVERY)
                await self.again()
        finally:
            self.passed = False
            self._runtime.live.close("the self-test of this proxy does not run any more")

    async def again(self) -> None:
        """Make one more test, and close or open the runtime by what it finds."""
        before, self.missed = self.missed, await self.examine()
        if self.missed == before:
            return
        if self.missed:
            reason = "; ".join(self.missed)
            self.passed = False
            self._runtime.live.close(f"the self-test of this proxy has failed: {reason}")
            logger.critical("the self-test has failed, everything is refused: %s", reason)
            await self._tell("self-test.failed", reason)
        else:
            self._open()
            logger.warning("the self-test passes again: requests are decided again")
            await self._tell("self-test.passed", "requests are decided again")

    async def _tell(self, action: str, reason: str) -> None:
        with contextlib.suppress(BookUnavailable, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._runtime.desk.book.write(events.notice(action, reason))

    async def examine(self) -> tuple[str, ...]:
        """Make every check; what is amiss, by the names of the checks."""
        found = {name: await _made(check) for name, check in self.checks.items()}
        return tuple(f"{name}: {amiss}" for name, amiss in found.items() if amiss)

    # The checks.

    async def _options(self) -> str:
        """Look at the options in force, the addons, the hooks."""
        return "; ".join(self._runtime.master.deviations())

    async def _addresses(self) -> str:
        """What must never be dialled is refused by what dials."""
        return "; ".join(await self._runtime.master.dialer.gaps())

    async def _secrets(self) -> str:
        """Every credential in use would be found in an answer."""
        credentials, everything = self._runtime.credentials, self._runtime.live.secrets.all()
        held = credentials.held()
        shown = sorted(each.name for each in held if not everything.redact(each.reveal().encode())[1])
        return f"answers would show the value of {', '.join(shown)}" if shown else ""

    async def _store(self) -> str:
        """A transaction of the store becomes durable."""
        await self._runtime.desk.store.run(_write_nothing_new)
        return ""

    async def _book(self) -> str:
        """The book has grown since the last test, or else takes a line of ours."""
        book = self._runtime.desk.book
        if book.trouble is not None:
            return book.trouble.reason
        if book.position is None or book.position.seq == self._written:
            try:
                await book.write(events.notice("self-test", "nothing else was written since the last one"))
            except BookUnavailable as error:
                return error.reason
        self._written = book.position.seq if book.position is not None else -1
        return ""

    async def _refusal(self) -> str:
        """A forbidden request is refused, through the listener."""
        runtime = self._runtime
        ((host, port),) = runtime.master.addresses()
        where = probe.target((host, port))
        sock = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET)
        try:
            sock.setblocking(False)
            sock.bind(("", 0))
            with runtime.master.listener.reserved(sock.getsockname()[1]):
                await asyncio.get_running_loop().sock_connect(sock, where)
                name, token = runtime.live.callers.probe
                return await probe.refusal(sock, name, token, runtime.authority.certificate_file)
        except (OSError, asyncio.IncompleteReadError) as error:
            return f"the proxy gave no answer to a forbidden request: {type(error).__name__}"
        finally:
            sock.close()


async def _made(check: Callable[[], Awaitable[str]]) -> str:
    for _ in range(_TRIES):
        try:
            async with asyncio.timeout(PATIENCE):
                return await check()
        except TimeoutError:
            continue
        except Fault as fault:
            return fault.message
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, it has not been shown to work
            return f"it could not be checked: {type(error).__name__}"
    return f"it was not done within {PATIENCE:g} s"


def _write_nothing_new(connection: Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {int(version)}")
