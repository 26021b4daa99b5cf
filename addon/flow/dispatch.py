"""Hooks dispatched from a table that is built once.

mitmproxy walks its whole addon chain for every hook and swallows what a hook raises, after which the
flow goes on. Nothing here depends on that: the table is made from the ordered list of hook objects when
the master starts, an exception is logged and ends the dispatch of that hook, and every flow stands
refused until the gate has opened it (see `sealed`).
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from mitmproxy import hooks

logger = logging.getLogger(__name__)

type Handler = Callable[..., Awaitable[None] | None]


class Observer(Protocol):
    """Sees every hook after the deciding ones: views and dumps. It can change nothing that is sent."""

    def __call__(self, hook: hooks.Hook) -> None: ...


class Table:
    """Which functions run for which hook, in the order of the hook objects."""

    def __init__(self, concerns: Iterable[object], observers: Iterable[Observer] = ()) -> None:
        self.concerns = tuple(concerns)
        self.observers = tuple(observers)
        self._handlers: Mapping[str, tuple[Handler, ...]] = {
            name: handlers for name in hooks.all_hooks if (handlers := tuple(_handlers(self.concerns, name)))
        }
        self._parameters: Mapping[str, tuple[str, ...]] = {
            name: tuple(field.name for field in dataclasses.fields(hooks.all_hooks[name]))  # type: ignore[arg-type]
            for name in self._handlers
        }
        """What `Hook.args` gives, which looks for the names each time. Every hook is a dataclass."""

    def handled(self) -> frozenset[tuple[str, str]]:
        """Which hook is handled by which class."""
        return frozenset(
            (name, type(getattr(handler, "__self__", handler)).__name__)
            for name, handlers in self._handlers.items()
            for handler in handlers
        )

    def run(self, hook: hooks.Hook) -> Awaitable[None] | None:
        """Run `hook`. Returns None when all of it ran at once, else an awaitable for the rest."""
        handlers = self._handlers.get(hook.name)
        if handlers is None:
            if self.observers:
                self._observe(hook)
            return None
        arguments = [getattr(hook, name) for name in self._parameters[hook.name]]
        for index, handler in enumerate(handlers):
            try:
                result = handler(*arguments)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - logged, and nothing is opened
                _failed(hook, error)
                break
            if result is not None and inspect.isawaitable(result):
                return self._rest(hook, result, handlers[index + 1 :], arguments)
        self._observe(hook)
        return None

    async def _rest(
        self, hook: hooks.Hook, first: Awaitable[None], rest: tuple[Handler, ...], arguments: list[Any]
    ) -> None:
        try:
            await first
            for handler in rest:
                result = handler(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - logged, and nothing is opened
            _failed(hook, error)
        self._observe(hook)

    def _observe(self, hook: hooks.Hook) -> None:
        for observer in self.observers:
            try:
                observer(hook)
            except Exception:
                logger.exception("an observer of %s failed", hook.name)


def _failed(hook: hooks.Hook, error: BaseException) -> None:
    """Log why a hook has failed; a cancellation of the task that it runs in is no failure, and goes on.

    One that comes from within, of something that the hook waited for, would otherwise end the hook without
    a word, and leave the agent to wait for ever.
    """
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error
    logger.error("hook %s failed; what it did not open stays refused", hook.name, exc_info=error)


def _handlers(concerns: Iterable[object], name: str) -> Iterable[Handler]:
    for concern in concerns:
        handler = getattr(concern, name, None)
        if callable(handler):
            yield handler
