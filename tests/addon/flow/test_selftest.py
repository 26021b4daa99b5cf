"""The self-test: each thing that it looks at is broken once, and it is missed; then everything is refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import http
from wharfinger.audit.errors import BookUnavailable
from wharfinger.deciding.callers import PROBE
from wharfinger.flow.dispatch import Table
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.running import selftest
from wharfinger.running.selftest import NotProven, SelfTest


@pytest.fixture
async def tested(proxy: Any) -> SelfTest:
    """The self-test of a running proxy, passed once."""
    made = SelfTest(proxy.runtime)
    await made.begin()
    return made


def _options(proxy: Any) -> None:
    proxy.runtime.master.options._options["rawtcp"].set(True)


def _addon(proxy: Any) -> None:
    proxy.runtime.master.addons.chain.append(type("Onboarding", (), {"name": "onboarding"})())


def _hook_missing(proxy: Any) -> None:
    master = proxy.runtime.master
    master.table = Table(concern for concern in master.table.concerns if type(concern).__name__ != "Tls")


def _hook_foreign(proxy: Any) -> None:
    master = proxy.runtime.master
    foreign = type("Foreign", (), {"request": lambda _self, _flow: None})()
    master.table = Table((*master.table.concerns, foreign))


def _guard(proxy: Any) -> None:
    async def resolve(name: str, port: int) -> Any:
        return [(name, port)]

    proxy.runtime.master.dialer.resolve = resolve


def _secrets(proxy: Any) -> None:
    nothing = SecretSet.of({})
    proxy.runtime.live.secrets.all = lambda: nothing


def _store_closed(proxy: Any) -> None:
    proxy.runtime.desk.store.close()


def _store_locked(proxy: Any) -> None:
    holding = sqlite3.connect(proxy.runtime.desk.store.path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    proxy.holding = holding


def _book_failed(proxy: Any) -> None:
    proxy.runtime.desk.book._writer.fail(BookUnavailable("the disk is gone"))


def _book_gone(proxy: Any) -> None:
    for path in proxy.runtime.desk.data.audit.glob("*.jsonl"):
        path.unlink()


def _answers_200(proxy: Any) -> None:
    """A gate that lets through: the forbidden request is answered as if it were allowed."""

    class Open:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.response = http.Response.make(200, b"{}")

    _only_for_hooks(proxy, Open())


def _foreign_words(proxy: Any) -> None:
    class Other:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.response = http.Response.make(403, b"no")

    _only_for_hooks(proxy, Other())


def _only_for_hooks(proxy: Any, first: object) -> None:
    master = proxy.runtime.master
    master.table = Table((first, *master.table.concerns))
    handled = master.table.handled()
    proxy.patch.setattr("wharfinger.flow.master.HANDLED", handled)


def _unknown(proxy: Any) -> None:
    proxy.runtime.live.callers.identify = lambda *_presented: None


def _listener_gone(proxy: Any) -> None:
    proxy.runtime.master.listener._servers[0].close()


@pytest.fixture
def breaking(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    proxy.patch, proxy.holding = monkeypatch, None
    monkeypatch.setattr(selftest, "PATIENCE", 1.0)
    yield proxy
    if proxy.holding is not None:
        proxy.holding.close()


@pytest.mark.parametrize(
    ("breaks", "missed"),
    [
        (_options, "options: option rawtcp is True, not False"),
        (_addon, "options: the addons are core, proxyserver, optionlock, onboarding"),
        (_hook_missing, "options: hook tls_start_"),
        (_hook_foreign, "options: hook request of Foreign is foreign"),
        (_guard, "addresses: 169.254.169.254:80 would be dialled"),
        (_secrets, "secrets: answers would show the value of EXAMPLE_KEY, OTHER_KEY"),
        (_store_closed, "store: the store is closed"),
        (_store_locked, "store: "),
        (_book_failed, "book: the disk is gone"),
        (_book_gone, "book: "),
        (_answers_200, "refusal: a forbidden request was answered 'HTTP/1.1 200"),
        (_foreign_words, "refusal: a forbidden request was refused without a decision"),
        (_unknown, "refusal: a tunnel was answered 'HTTP/1.1 407"),
        (_listener_gone, "refusal: it could not be checked: OSError"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
async def test_what_is_broken_is_missed_and_closes_the_proxy(  # noqa: PLR0917
    tested: SelfTest, breaking: Any, origin: Any, caplog: Any, breaks: Any, missed: str
) -> None:
    tunnel = await breaking.connect()
    assert (await tunnel.request("GET", "/items/1")).status == 200, "positive control"
    breaks(breaking)
    tested._written = -1 if breaks is not _book_gone else breaking.runtime.desk.book.position.seq
    with caplog.at_level(logging.CRITICAL):
        await tested.again()
    (found,) = [line for line in tested.missed if line.startswith(missed)]
    assert found in caplog.text
    before = origin.bytes_received
    with contextlib.suppress(OSError):
        answered = await tunnel.request("GET", "/items/1")
        assert answered.status != 200 or breaks is _answers_200
    assert origin.bytes_received == before


async def test_while_closed_everything_is_refused_with_the_reason_and_opens_again_by_itself(
    tested: SelfTest, proxy: Any, origin: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.answer = lambda _seen: reply(chunks=[b"data: 1\n\n"] * 100, delay=0.05)
    stream = await proxy.connect()
    stream.writer.write(proxy.raw("GET", "/items/1"))
    await stream.reader.readuntil(b"data: 1\n\n")
    origin.answer = lambda _seen: reply()

    async def amiss() -> str:
        return "it is broken"

    sound = tested.checks["store"]
    tested.checks["store"] = amiss
    await tested.again()
    rest = await asyncio.wait_for(stream.reader.read(), 5)
    assert not rest.endswith(b"0\r\n\r\n"), "what was open is cut off"
    sent = origin.bytes_received
    answered = await proxy.request("GET", "/items/1")
    assert (answered.status, answered.code) == (403, "denied")
    assert "self-test of this proxy has failed: store: it is broken" in answered.json["message"]
    await tested.again()
    assert tested.missed == ("store: it is broken",), "while closed, the refusal is still one by decision"
    assert origin.bytes_received == sent
    tested.checks["store"] = sound
    await tested.again()
    assert tested.missed == ()
    assert (await proxy.request("GET", "/items/1")).status == 200
    told = [event["action"] for event in await proxy.settled() if event["kind"] == "notice"]
    assert [action for action in told if "." in action] == ["self-test.failed", "self-test.passed"]


async def test_before_the_first_test_has_passed_nothing_is_let_through(proxy: Any, origin: Any) -> None:
    made = SelfTest(proxy.runtime)
    answered = await proxy.request("GET", "/items/1")
    assert (answered.status, answered.code) == (403, "denied")
    assert "self-test of this proxy has not ended" in answered.json["message"]
    assert origin.connections == 0

    async def amiss() -> str:
        return "it is broken"

    made.checks["book"] = amiss
    with pytest.raises(NotProven, match="book: it is broken"):
        await made.begin()
    assert (await proxy.request("GET", "/items/1")).status == 403


async def test_once_it_does_not_run_any_more_nothing_is_let_through(tested: SelfTest, proxy: Any) -> None:
    watching = asyncio.get_running_loop().create_task(tested.watch())
    await asyncio.sleep(0)
    assert (await proxy.request("GET", "/items/1")).status == 200, "positive control"
    watching.cancel()
    await asyncio.wait((watching,))
    assert "does not run any more" in (await proxy.request("GET", "/items/1")).json["message"]


async def test_it_is_made_again_and_again(tested: SelfTest, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[None] = []

    async def again() -> None:
        times.append(None)

    monkeypatch.setattr(selftest, "EVERY", 0.01)
    monkeypatch.setattr(tested, "again", again)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await tested.watch()
    assert len(times) > 3
    assert selftest.PATIENCE < 60, "by then the next is due"


async def test_no_hung_check_hides_the_others(tested: SelfTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "PATIENCE", 0.05)

    async def hangs() -> str:
        await asyncio.sleep(3600)
        return ""

    async def fails() -> str:
        raise MemoryError

    tested.checks = {"addresses": hangs, "store": fails}
    assert await tested.examine() == (
        "addresses: it was not done within 0.05 s",
        "store: it could not be checked: MemoryError",
    )


async def test_agents_that_take_all_connections_do_not_close_the_proxy(tested: SelfTest, proxy: Any) -> None:
    listener = proxy.runtime.master.listener
    listener._most = 0
    reader, _ = await proxy.open()
    assert await asyncio.wait_for(reader.read(), 5) == b"", "positive control: there is no place left"
    assert await tested.examine() == ()


async def test_it_writes_to_the_book_only_where_nobody_else_has(tested: SelfTest, proxy: Any) -> None:
    """Its own request is no agent's, and is not among what was denied."""
    before = len(await proxy.settled())
    assert (await proxy.request("GET", "/items/1")).status == 200
    await proxy.settled()
    assert await tested.examine() == ()
    assert [event["kind"] for event in (await proxy.settled())[before:]] == ["intent", "outcome"]
    assert await tested.examine() == ()
    last = (await proxy.settled())[before:][-1]
    assert (last["kind"], last["action"]) == ("notice", "self-test")


async def test_nobody_else_can_speak_as_the_self_test(proxy: Any) -> None:
    assert proxy.runtime.live.callers.identify(PROBE, "guessed") is None
    assert proxy.runtime.live.callers.identify(PROBE, "") is None
    assert PROBE not in proxy.runtime.live.agents
