"""A proxy is ready while all that it needs is there, and says what is not."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from wharfinger.audit.errors import BookUnavailable
from wharfinger.running import readiness, selftest
from wharfinger.running.selftest import NotProven, SelfTest


def lacks(proxy: Any, test: SelfTest) -> list[str]:
    found: Any = readiness.checks(proxy.runtime, self_test=test.passed)
    return [name for name, good in found.items() if not good]


@pytest.fixture
async def tested(proxy: Any) -> SelfTest:
    test = SelfTest(proxy.runtime)
    assert lacks(proxy, test) == ["self_test"], "not before the first test has passed"
    await test.begin()
    assert lacks(proxy, test) == [], "positive control"
    return test


async def test_not_while_the_self_test_finds_something(
    proxy: Any, tested: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def amiss() -> str:
        return "something"

    kept = dict(tested.checks)
    tested.checks["options"] = amiss
    await tested.again()
    assert lacks(proxy, tested) == ["self_test"]
    assert (await proxy.request("GET", "/items/1")).status == 403
    tested.checks = kept
    await tested.again()
    assert lacks(proxy, tested) == []


async def test_not_before_the_first_test_and_not_where_it_fails(proxy: Any) -> None:
    test = SelfTest(proxy.runtime)

    async def amiss() -> str:
        return "something"

    test.checks["options"] = amiss
    with pytest.raises(NotProven):
        await test.begin()
    assert lacks(proxy, test) == ["self_test"]


async def test_not_while_nobody_tests(proxy: Any, tested: SelfTest, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stop(_seconds: float) -> None:
        raise RuntimeError("the watch has ended")

    monkeypatch.setattr(selftest.asyncio, "sleep", stop)
    with pytest.raises(RuntimeError):
        await tested.watch()
    monkeypatch.undo()
    assert lacks(proxy, tested) == ["self_test"]


async def test_not_while_the_book_cannot_be_written(
    proxy: Any, tested: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = proxy.runtime.desk.book._writer

    def failing(*_given: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(writer.system, "fdatasync", failing)
    assert (await proxy.request("GET", "/items/1")).code == "unavailable"
    assert isinstance(writer.trouble, BookUnavailable)
    assert lacks(proxy, tested) == ["book"]


async def test_not_while_the_disk_is_full(proxy: Any, tested: SelfTest) -> None:
    proxy.runtime.desk.book._writer.full = True
    assert lacks(proxy, tested) == ["book"]


async def test_not_once_a_person_has_stopped_everything(proxy: Any, tested: SelfTest) -> None:
    proxy.runtime.live.stop_all("everything was stopped by alice")
    assert lacks(proxy, tested) == ["not_stopped"]
    proxy.runtime.live.stop_all(None)
    assert lacks(proxy, tested) == []
