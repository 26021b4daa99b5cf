"""One client's conversation on the control socket: what it says in, what it is told out.

No sockets here, so that a command without a runtime goes through the very same checks. Commands are
answered one after the other. Whoever presents a signature that does not hold has their connection ended.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Dispatcher, Role
from wharfinger.control.protocol import PURPOSE, VERSION, Code, Command, ControlError, line, read_command
from wharfinger.faults import Fault
from wharfinger.keeping import people
from wharfinger.rules.types import JSON

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 300.0
"""How long an action may take; a reload tests every policy, and so takes longest."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A line to send, and whether it is the last."""

    line: bytes
    last: bool = False


class Session:
    """One connection, from its nonce on."""

    def __init__(self, dispatcher: Dispatcher, *, local: bool = False) -> None:
        """`local`: the command is carried out in this process, since no runtime is there."""
        self._dispatcher = dispatcher
        self._local = local
        self._last = 0
        self.nonce = secrets.token_urlsafe(24)

    def hello(self) -> bytes:
        """The first line, which the server says."""
        return line({"version": VERSION, "nonce": self.nonce})

    async def answer(self, text: bytes) -> Reply:
        """What to say to one line of the client; never raises but for cancellation."""
        number: int | None = None
        try:
            command = read_command(text)
            number = command.number
            if number <= self._last:
                raise ControlError(Code.BAD_REQUEST, "ids have to go up")
            self._last = number
            result = await self._do(command)
            return Reply(line({"id": number, "ok": True, "result": result}))
        except _Forged as error:
            return Reply(_failure(number, Code.FORBIDDEN, error.message, error.hint), last=True)
        except ControlError as error:
            last = error.code is Code.BAD_REQUEST and (number is None or number != self._last)
            return Reply(_failure(number, error.code, error.message, error.hint), last)
        except Fault as error:
            return Reply(_failure(number, Code.FAILED, error.message, error.hint))
        except Exception as error:  # noqa: BLE001 - the client is told, the server lives
            _log.exception("control action failed")
            return Reply(
                _failure(number, Code.INTERNAL, f"internal error: {type(error).__name__}"), last=True
            )

    async def _do(self, command: Command) -> JSON:
        action = self._dispatcher.action(command.do)
        context = await self._prove(action, command)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._dispatcher.run(action, context, command.args)
        except TimeoutError:
            raise ControlError(
                Code.TIMEOUT, f"{action.name} did not end in {PATIENCE_SECONDS:.0f} s"
            ) from None

    async def _prove(self, action: Action, command: Command) -> Context:
        """The context of whoever has signed (in); a command with neither has no person."""
        if command.session is not None:
            return await self._dispatcher.context_of(
                action, command.session, local=self._local, background=command.background
            )
        if command.person is None or command.signature is None:
            return self._dispatcher.context(action, None, local=self._local)
        text = command.signed_text(self.nonce)
        if action.first and self._local and not await self._dispatcher.authority.any_keys():
            brought = _brought(command.args)
            if people.verify([brought], PURPOSE, text, command.signature):
                return Context(command.person, Role.ADMIN, local=True)
        keys = tuple(await self._dispatcher.authority.keys(command.person))
        if not people.verify(keys, PURPOSE, text, command.signature):
            why = "the signature does not hold" if keys else "no key of this person is registered"
            await self._dispatcher.refused(command.do, command.person, why)
            raise _Forged(f'"{command.person[:100]}" is not proved: {why}')
        return self._dispatcher.context(action, command.person, local=self._local)


class _Forged(Fault):
    """A signature that does not hold."""


def _brought(args: Any) -> bytes:
    """The public key that a first registration brings with it."""
    text = args.get("public_key")
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""


def _failure(number: int | None, code: Code, error: str, hint: str = "") -> bytes:
    return line({"id": number, "ok": False, "code": code.value, "error": error, "hint": hint})
