"""Everything that a decision rests on fails in turn: what goes out has a durable intent, or does not go out.

Each cell says what agents meet: `sent` where the dependency is not needed to decide and to record, or the
code of the refusal. There is no office here and no channel to people, in any cell: what waits for a person
waits, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.authoring import snapshot
from wharfinger.flow import dial
from wharfinger.running.reloading import Reloader, ReloadRefused

from tests.torture.conftest import FILES

JSON = [("Content-Type", "application/json")]


async def get(running: Any, target: str = "/items/1") -> str:
    return _came(await running.request("GET", target))


async def counted(running: Any) -> str:
    """A call that a limit counts, so that the store is needed."""
    return _came(await running.request("POST", "/items", JSON, b'{"name": "x"}'))


async def asked(running: Any) -> str:
    return _came(await running.request("POST", "/pay", JSON, b'{"amount": 5}'))


async def denied(running: Any) -> str:
    return _came(await running.request("DELETE", "/items/1"))


async def elsewhere(running: Any) -> str:
    """A name that is not pinned, and has to be looked up."""
    reader, writer = await running.open()
    writer.write(
        b"GET http://elsewhere.example.com/x HTTP/1.1\r\nHost: elsewhere.example.com\r\n"
        b"Proxy-Authorization: " + running.proxy_auth().encode() + b"\r\n\r\n"
    )
    return (await reader.readuntil(b"\r\n")).split(b" ")[1].decode()


def _came(answered: Any) -> str:
    return "sent" if answered.status == 200 else str(answered.code)


type Failing = Callable[[Any, pytest.MonkeyPatch], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def nothing(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    yield


async def _reload(running: Any) -> None:
    with pytest.raises(ReloadRefused):
        await Reloader(running.runtime).reload(snapshot.read(running.folder), "alice")


@asynccontextmanager
async def policy_gone(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    (running.folder / "policies" / "everyday.yaml").unlink()
    await _reload(running)
    yield


@asynccontextmanager
async def policy_garbage(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    (running.folder / "policies" / "everyday.yaml").write_bytes(b"\x00\xff policy: [")
    await _reload(running)
    yield


@asynccontextmanager
async def store_locked(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    store = running.runtime.desk.store
    await store.run(lambda connection: connection.execute("PRAGMA busy_timeout = 100"))
    holding = sqlite3.connect(store.path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holding.close()


def book_fails(call: str, number: int) -> Failing:
    @asynccontextmanager
    async def failing(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        def fail(*_arguments: Any) -> Any:
            raise OSError(number, os.strerror(number))

        patch.setattr(running.runtime.desk.book._writer.system, call, fail, raising=False)
        yield

    failing.__name__ = f"book_{call}_{errno.errorcode[number]}"
    return failing


@asynccontextmanager
async def book_short_writes(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A write that takes less than it was given is no error: the rest follows."""
    system = running.runtime.desk.book._writer.system
    patch.setattr(system, "write", lambda fd, data: os.write(fd, data[:7]), raising=False)
    yield


@asynccontextmanager
async def book_removed(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    for path in running.runtime.desk.data.audit.glob("*.jsonl"):
        path.rename(path.with_suffix(".away"))
    yield
    for path in running.runtime.desk.data.audit.glob("*.away"):
        path.rename(path.with_suffix(".jsonl"))


@asynccontextmanager
async def book_slow(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A sync takes a second: nothing goes out before it has ended."""
    import time

    system, sync = running.runtime.desk.book._writer.system, os.fdatasync
    patch.setattr(system, "fdatasync", lambda fd: (time.sleep(0.5), sync(fd))[1], raising=False)
    yield


@asynccontextmanager
async def credential_gone(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Declared anew, with a source that gives nothing."""
    path = running.folder / "credentials.yaml"
    path.write_text(path.read_text().replace("file:example.key", "file:missing.key"))
    await Reloader(running.runtime).reload(snapshot.read(running.folder), "alice")
    yield


@asynccontextmanager
async def credential_slow(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Its source answers nothing for now: what is known of it is used until it does."""
    blocked = asyncio.Event()
    real = running.runtime.credentials.prepare

    async def slow(*given: Any) -> Any:
        await blocked.wait()
        return await real(*given)

    patch.setattr(running.runtime.credentials, "prepare", slow)
    reloading = asyncio.get_running_loop().create_task(
        Reloader(running.runtime).reload(snapshot.read(running.folder), "alice")
    )
    await asyncio.sleep(0.1)
    yield
    blocked.set()
    await reloading


@asynccontextmanager
async def dns_dead(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async def failing(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    patch.setattr(asyncio.BaseEventLoop, "getaddrinfo", failing)
    yield


@asynccontextmanager
async def dns_silent(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async def hanging(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    patch.setattr(asyncio.BaseEventLoop, "getaddrinfo", hanging)
    patch.setattr(dial, "RESOLVE_TIMEOUT", 0.2)
    yield


def clock_stepped(by: timedelta) -> Failing:
    @asynccontextmanager
    async def stepped(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        clock = running.runtime.desk.clock
        real = clock.now
        patch.setattr(type(clock), "now", lambda _self: real() + by)
        yield

    stepped.__name__ = f"clock_stepped_{by.days}_days"
    return stepped


@asynccontextmanager
async def descriptors_gone(running: Any, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Not one more can be opened, for a connection upstream or for anything else."""
    tunnels = [await running.connect() for _ in range(4)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))

    async def reuse(host: str, **_more: Any) -> Any:
        return tunnels.pop()

    patch.setattr(running, "connect", reuse)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


CELLS: list[tuple[Failing, dict[Callable[[Any], Any], str]]] = [
    (nothing, {get: "sent", counted: "sent", asked: "approval_pending", denied: "denied"}),
    (policy_gone, {get: "sent", counted: "sent", denied: "denied"}),
    (policy_garbage, {get: "sent", counted: "sent", denied: "denied"}),
    (store_locked, {get: "sent", counted: "unavailable", asked: "unavailable", denied: "denied"}),
    (book_short_writes, {get: "sent", counted: "sent", denied: "denied"}),
    (book_removed, {get: "unavailable", counted: "unavailable", denied: "unavailable"}),
    (book_slow, {get: "sent"}),
    *(
        (book_fails(call, number), {get: "unavailable", counted: "unavailable", denied: "unavailable"})
        for call in ("write", "fdatasync", "pwrite")
        for number in (errno.EIO, errno.ENOSPC, errno.EROFS)
    ),
    (credential_gone, {get: "unavailable", counted: "unavailable", denied: "denied"}),
    (credential_slow, {get: "sent", denied: "denied"}),
    (dns_dead, {elsewhere: "502", get: "sent"}),
    (dns_silent, {elsewhere: "502", get: "sent"}),
    (clock_stepped(timedelta(days=-400)), {denied: "denied", asked: "approval_pending"}),
    (clock_stepped(timedelta(days=400)), {denied: "denied", asked: "approval_pending"}),
    (descriptors_gone, {get: "upstream", denied: "denied"}),
]


@pytest.mark.parametrize(("failing", "expected"), CELLS, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_failing_dependency_sends_nothing_that_is_not_in_the_book(
    start: Any,
    oracle: Any,
    monkeypatch: pytest.MonkeyPatch,
    failing: Failing,
    expected: dict[Callable[[Any], Any], str],
) -> None:
    async with start(FILES, attended=False) as running:
        async with failing(running, monkeypatch):
            for attempt, came in expected.items():
                before = oracle.bytes()
                assert await attempt(running) == came, attempt.__name__
                assert (oracle.bytes() != before) is (came == "sent"), f"{attempt.__name__}: bytes"
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            assert await oracle.unlogged(running) == []


@pytest.mark.parametrize("call", ["write", "fdatasync", "pwrite"])
async def test_after_a_failed_sync_nothing_is_sent_though_the_disk_works_again(
    start: Any, oracle: Any, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Pages that failed to reach the disk may look clean afterwards: only a new start reads what is there."""
    async with start(FILES) as running:
        async with book_fails(call, errno.EIO)(running, monkeypatch):
            assert await get(running) == "unavailable"
        monkeypatch.undo()
        assert await get(running) == "unavailable"
        assert oracle.bytes() == 0


async def test_nothing_goes_out_while_the_sync_of_its_intent_is_under_way(
    start: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    async with start(FILES) as running:
        release = threading.Event()
        system, sync = running.runtime.desk.book._writer.system, os.fdatasync
        monkeypatch.setattr(system, "fdatasync", lambda fd: (release.wait(10), sync(fd))[1], raising=False)
        going = asyncio.get_running_loop().create_task(get(running))
        await asyncio.sleep(0.3)
        assert origin.connections == 0
        release.set()
        assert await going == "sent"
