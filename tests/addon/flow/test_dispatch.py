"""The table of hooks: order, what a failure ends, and that an observer changes nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import exceptions, hooks
from mitmproxy.proxy.layers.http import HttpConnectHook, HttpRequestHook, HttpResponseHook
from mitmproxy.test import tflow
from wharfinger.flow.dispatch import Table


class Note:
    """A concern that notes each call, and may wait, or fail."""

    def __init__(
        self, name: str, log: list[str], *, wait: bool = False, fail: BaseException | None = None
    ) -> None:
        self.name, self.log, self.wait, self.fail = name, log, wait, fail

    def request(self, _flow: Any) -> Any:
        return self._later() if self.wait else self._now()

    def _now(self) -> None:
        self.log.append(self.name)
        if self.fail is not None:
            raise self.fail

    async def _later(self) -> None:
        await asyncio.sleep(0)
        self._now()


@pytest.fixture
def hook() -> HttpRequestHook:
    return HttpRequestHook(tflow.tflow())


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.ERROR):
        yield caplog


async def run(table: Table, hook: hooks.Hook) -> bool:
    """Run the hook to its end; whether any of it had to wait."""
    rest = table.run(hook)
    if rest is None:
        return False
    await rest
    return True


@pytest.mark.parametrize("waits", [(False, False, False), (True, False, False), (False, True, True)])
async def test_concerns_run_in_their_order(hook: Any, waits: tuple[bool, ...]) -> None:
    log: list[str] = []
    table = Table([Note(name, log, wait=wait) for name, wait in zip("abc", waits, strict=True)])
    assert await run(table, hook) is any(waits)
    assert log == ["a", "b", "c"]


@pytest.mark.parametrize(
    "failure", [RuntimeError("x"), exceptions.AddonHalt(), MemoryError(), RecursionError()]
)
@pytest.mark.parametrize("wait", [False, True])
async def test_a_failure_ends_the_dispatch_and_is_logged(
    hook: Any, quiet: Any, failure: BaseException, wait: bool
) -> None:
    log: list[str] = []
    table = Table([Note("a", log), Note("b", log, wait=wait, fail=failure), Note("c", log)])
    await run(table, hook)
    assert log == ["a", "b"]
    assert "stays refused" in quiet.text


async def test_cancellation_is_not_swallowed(hook: Any) -> None:
    class Waits:
        async def request(self, _flow: Any) -> None:
            await asyncio.Event().wait()

    async def work() -> None:
        await run(Table([Waits()]), hook)

    running = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("wait", [True, False])
async def test_a_cancellation_of_what_a_hook_waited_for_is_a_failure_of_the_hook(
    hook: Any, quiet: Any, wait: bool
) -> None:
    await run(Table([Note("a", [], wait=wait, fail=asyncio.CancelledError())]), hook)
    assert "stays refused" in quiet.text


async def test_observers_see_every_hook_last_even_after_a_failure(hook: Any, quiet: Any) -> None:
    log: list[str] = []
    seen: list[str] = []
    table = Table([Note("a", log, fail=RuntimeError())], [lambda one: seen.append(f"{one.name} after {log}")])
    await run(table, hook)
    assert table.run(HttpResponseHook(tflow.tflow(resp=True))) is None  # a hook that no concern handles
    assert seen == ["request after ['a']", "response after ['a']"]


async def test_a_failing_observer_harms_nobody(hook: Any, quiet: Any) -> None:
    seen: list[str] = []

    def fails(_hook: Any) -> None:
        raise RuntimeError

    await run(Table([], [fails, lambda one: seen.append(one.name)]), hook)
    assert seen == ["request"]
    assert "an observer of request failed" in quiet.text


async def test_the_table_is_built_once(hook: Any) -> None:
    """A hook method set later, as mitmproxy would pick up, is not run."""
    log: list[str] = []
    note = Note("a", log)
    table = Table([note])
    note.http_connect = lambda _flow: log.append("smuggled")  # type: ignore[attr-defined]
    await run(table, HttpConnectHook(tflow.tflow()))
    assert log == []


def test_the_ordered_list_handles_exactly_these_hooks(tmp_path: Any) -> None:
    """What a newcomer reads: which concern has a say in which hook, in order."""
    from wharfinger.flow.admission import Admission
    from wharfinger.flow.identity import Identity
    from wharfinger.flow.tls import Tls
    from wharfinger.flow.tunnel import Tunnel

    found = [
        (concern.__name__, sorted(name for name, _ in inspect.getmembers(concern) if name in hooks.all_hooks))
        for concern in (Identity, Tunnel, Tls, Admission)
    ]
    assert found == [
        ("Identity", ["http_connect", "next_layer", "requestheaders"]),
        ("Tunnel", ["next_layer", "tls_clienthello", "tls_failed_client"]),
        ("Tls", ["tls_start_client", "tls_start_server"]),
        ("Admission", ["agent_message", "request", "requestheaders", "requestopening"]),
    ]
