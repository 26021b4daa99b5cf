"""The process of the channels, and how the proxy speaks to it: nothing waits, and it is started again."""

# ruff: noqa: E501 - lines as they are said

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standins.hooks import SECRET, Receiver
from wharfinger.channels import notices
from wharfinger.channels.beside import Beside
from wharfinger.channels.card import Card
from wharfinger.channels.notices import Ask, Health, Notice, NotUnderstood, Replied, Setup
from wharfinger.channels.process import Station

CARD = Card(
    "a_1", "bot", ("Refund",), "POST https://a.example/", (), "p:1", "finance", (), (), "", "0 bytes",
    datetime.now(UTC) + timedelta(hours=1), whole=True,
)  # fmt: skip
EMPTY = Setup("https://wharf.example.com", {})


class Proxy:
    """What hears the process."""

    def __init__(self) -> None:
        self.heard: list[Notice] = []
        self.again = 0

    async def hear(self, notice: Notice) -> None:
        self.heard.append(notice)
        if isinstance(notice, Replied):
            raise RuntimeError("what came of one notice")

    async def started(self) -> None:
        self.again += 1

    def ups(self) -> list[bool]:
        return [
            notice.up for notice in self.heard if isinstance(notice, Health) and notice.channel == "process"
        ]


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_real_process_posts_and_ends_with_its_input():
    receiver, proxy = Receiver(), Proxy()
    settings = {"webhook": {"url": receiver.url, "secret": SECRET, "private": ["127.0.0.0/8"]}}
    beside = Beside(Setup("https://wharf.example.com", settings))
    assert beside.say(Ask(CARD, ("webhook", "slack", "fax")))
    running = asyncio.get_running_loop().create_task(beside.run(proxy.hear, proxy.started))
    await until(lambda: receiver.received)
    assert receiver.received[0]["data"]["approval"] == "a_1"
    await until(lambda: Health("webhook", up=True) in proxy.heard)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    receiver.close()


async def test_it_holds_no_environment_of_the_proxys(monkeypatch: Any, tmp_path: Path):
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_secret")
    told = tmp_path / "told"
    code = f"import os,sys; open({str(told)!r},'w').write(repr(dict(os.environ))); sys.stdin.read()"
    proxy = Proxy()
    beside = Beside(EMPTY, (sys.executable, "-c", code))
    running = asyncio.get_running_loop().create_task(beside.run(proxy.hear, proxy.started))
    await until(lambda: told.exists() and told.read_text())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "sk_live" not in told.read_text()


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.stdin.readline()",
        "import sys; sys.stdin.readline(); print('what is this', flush=True); sys.stdin.read()",
        "import sys; sys.stdin.readline(); print('x' * 3_000_000, flush=True); sys.stdin.read()",
        "import os; os.kill(os.getpid(), 9)",
    ],
)
async def test_one_that_ends_or_babbles_is_told_and_started_again(code: str):
    proxy = Proxy()
    beside = Beside(EMPTY, (sys.executable, "-c", code), pause=0.01)
    running = asyncio.get_running_loop().create_task(beside.run(proxy.hear, proxy.started))
    await until(lambda: proxy.again >= 1 and proxy.ups().count(True) >= 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert proxy.ups()[:3] == [True, False, True]


async def test_one_that_does_not_listen_fills_a_bounded_queue_and_holds_nobody_up():
    proxy = Proxy()
    beside = Beside(EMPTY, (sys.executable, "-c", "import time; time.sleep(60)"), depth=50)
    running = asyncio.get_running_loop().create_task(beside.run(proxy.hear, proxy.started))
    await until(proxy.ups)
    big = Ask(CARD, ("webhook",), buttons={"approve": "x" * 100_000, "deny": ""})
    taken = [beside.say(big) for _ in range(200)]
    assert taken.count(False) >= 100
    assert beside.dropped == taken.count(False)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_notice_that_fails_keeps_none_of_the_others_from_being_heard():
    lines = [notices.line(Replied(1, 200)), notices.line(Health("x", up=True))]
    code = f"import sys; sys.stdin.readline(); sys.stdout.buffer.write({b''.join(lines)!r}); sys.stdout.flush(); sys.stdin.read()"
    proxy = Proxy()
    beside = Beside(EMPTY, (sys.executable, "-c", code))
    running = asyncio.get_running_loop().create_task(beside.run(proxy.hear, proxy.started))
    await until(lambda: Health("x", up=True) in proxy.heard)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_channel_that_cannot_be_opened_is_told_and_the_others_are():
    told: list[Any] = []
    settings = {
        "webhook": {"url": "https://a.example/", "secret": "not a secret of ours", "private": []},
        "email": {"host": "127.0.0.1", "port": 1, "tls": "none", "sender": "w@example.com"},
    }
    station = Station(Setup("", settings), told.append)
    assert [(health.channel, health.up) for health in told] == [("webhook", False)]
    assert "secret of ours" not in told[0].why
    station.start()
    station.take(Ask(CARD, ("email", "webhook")))
    await station.close()


async def test_what_the_proxy_does_not_say_is_refused():
    station = Station(EMPTY, lambda notice: None)
    with pytest.raises(NotUnderstood):
        station.take(Health("x", up=True))


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b'["ask"]', b'["ask", {}]', b'["nothing", {}]', b'["heard", {"ref": 1, "x": 2}]', b"\xff", b"[" * 100_000]
)  # fmt: skip
def test_what_is_no_notice(text: bytes):
    with pytest.raises(NotUnderstood):
        notices.read(text)


def test_secrets_and_links_are_in_no_repr():
    letter = notices.Letter("a@example.com", "https://x/approve/wl_1", "12345678")
    ask = Ask(CARD, ("email",), buttons={"approve": "wb_x"}, letters=(letter,))
    shown = repr(ask) + repr(Setup("u", {"slack": {"token": "xoxb"}}))
    assert not any(text in shown for text in ("wl_1", "12345678", "wb_x", "xoxb"))
    assert json.loads(notices.line(ask))[1]["letters"][0][2] == "12345678"
