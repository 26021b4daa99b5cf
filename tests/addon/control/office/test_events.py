"""The stream of events for programs, as the client of `watch` reads it: real office, real socket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from wharfinger.audit import events
from wharfinger.audit.event import Who
from wharfinger.faults import Fault
from wharfinger.rules.models.values import Endpoint
from wharfinger.rules.types import Code
from wharfinger.running.office import Office
from wharfinger.watching import elsewhere
from wharfinger.watching.elsewhere import PATH, Api, Stream
from wharfinger.watching.following import News, Refused

WHO = Who("bot", "ag_1")


def denial(number: int) -> events.Event:
    return events.rejected(f"d_{number:03}", WHO, Code.DENIED, "no rule allows it")


async def token(house: Any, person: str = "vera", role: str = "viewer") -> Any:
    return await house.desk.sessions.add_token(person, "test", role, timedelta(days=1))


async def known(url: str, secret: str, decision: str) -> None:
    """Wait until the office, which reads the log by itself, has come to an event."""
    headers = {"Authorization": f"Bearer {secret}"}
    there = httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False)
    async with asyncio.timeout(60), there as http:
        while decision not in (await http.get("/api/v1/audit", params={"q": decision})).text:
            await asyncio.sleep(0.05)


async def until(what: Callable[[], Any]) -> Any:
    async with asyncio.timeout(60):
        while not (found := what()):
            await asyncio.sleep(0.02)
    return found


class Listening:
    """A stream that is followed on a thread, and all that it told."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.news: list[News] = []
        self.refused = ""
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        try:
            self.stream.follow(self.news.append, self.stop)
        except Refused as refused:
            self.refused = str(refused)

    @property
    def decisions(self) -> list[str]:
        return [str(event["decision"]) for news in self.news for event in news.events if "decision" in event]

    @property
    def troubles(self) -> list[str]:
        return [news.trouble for news in self.news if news.trouble is not None]


@contextlib.asynccontextmanager
async def listening(url: str, secret: str, before: int = 0) -> AsyncIterator[Listening]:
    with elsewhere.client(url, secret) as http:
        made = Listening(Stream(http, before))
        try:
            yield made
        finally:
            made.stop.set()
            http.close()
            await asyncio.to_thread(made.thread.join, 20)


async def test_events_come_as_they_are_written_after_those_of_before(real: Any) -> None:
    for number in range(30):
        await real.desk.book.write(denial(number))
    issued = await token(real)
    await known(real.url, issued.token, "d_029")
    seen = real.desk.sessions.get(issued.session.id).seen
    async with listening(real.url, issued.token, before=5) as heard:
        await until(lambda: len(heard.decisions) >= 5)
        for number in range(30, 330):
            real.desk.book.submit(denial(number))
        await until(lambda: len(heard.decisions) >= 305)
        assert heard.decisions == [f"d_{number:03}" for number in range(25, 330)]
        assert next(news.before for news in heard.news if news.events) is True
        assert sum(len(news.events) for news in heard.news if news.before) == 5
        assert not any(news.missed for news in heard.news)
        assert real.desk.sessions.get(issued.session.id).seen == seen  # listening is not using


async def test_who_connects_again_goes_on_where_it_was(real: Any) -> None:
    issued = await token(real)
    async with listening(real.url, issued.token) as heard:
        await until(lambda: heard.troubles == [""])
        await real.desk.book.write(denial(1))
        await until(lambda: heard.decisions == ["d_001"])
        last = heard.stream._last
    for number in (2, 3):
        await real.desk.book.write(denial(number))
    headers = {"Authorization": f"Bearer {issued.token}", "Last-Event-ID": str(last)}
    async with (
        httpx2.AsyncClient(base_url=real.url, trust_env=False, headers=headers) as http,
        http.stream("GET", PATH) as answer,
    ):
        told = ""
        async for line in answer.aiter_lines():
            told += line
            if "d_003" in told:
                break
    assert "d_002" in told
    assert "d_001" not in told


async def test_a_stream_that_breaks_is_said_and_made_again_without_a_gap(proxy: Any) -> None:
    """The office ends, events are written, another office comes: nothing is lost, nothing told twice."""
    issued = await token(proxy)
    root = proxy.desk.data.root
    office = await Office.start(Endpoint("127.0.0.1", 0), root)
    async with contextlib.AsyncExitStack() as stack:
        heard = await stack.enter_async_context(listening(office.url, issued.token))
        await until(lambda: "" in heard.troubles)
        await office.stop()
        await until(lambda: heard.troubles[-1])
        for number in (7, 8):
            await proxy.desk.book.write(denial(number))
        office = await Office.start(Endpoint(*office.address), root)
        stack.push_async_callback(office.stop)
        await until(lambda: len(heard.decisions) == 2)
        await proxy.desk.book.write(denial(9))
        await until(lambda: len(heard.decisions) == 3)
        assert heard.decisions == ["d_007", "d_008", "d_009"]
        assert heard.troubles[-1] == ""


async def test_the_stream_ends_with_the_token(real: Any) -> None:
    issued = await token(real)
    async with listening(real.url, issued.token) as heard:
        await until(lambda: heard.troubles == [""])
        await real.desk.sessions.end(issued.session.id)
        number = 0
        async with asyncio.timeout(60):
            while not heard.refused:
                number += 1
                await real.desk.book.write(denial(number))
                await asyncio.sleep(0.2)
        assert heard.refused == "the token is good no more"


@pytest.mark.parametrize("secret", ["wt_" + "A" * 43, "x"])
async def test_nobody_hears_without_a_token(real: Any, secret: str) -> None:
    async with listening(real.url, secret) as heard:
        await until(lambda: heard.refused)
        assert not any(news.events for news in heard.news)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?last=x", {}, 400),
        ("?last=-1", {}, 400),
        ("?what=1", {}, 400),
        ("", {"Last-Event-ID": "one"}, 400),
        ("", {"Authorization": "Bearer "}, 401),
        ("", {"Host": "evil.example"}, 421),
    ],
)
async def test_what_is_wrong_is_told_before_anything_else(
    house: Any, query: str, headers: dict[str, str], status: int
) -> None:
    issued = await token(house)
    given = {"Authorization": f"Bearer {issued.token}"} | headers
    answer = await house.browser().http.get(PATH + query, headers=given)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_the_streams_of_one_token_are_bounded(real: Any) -> None:
    issued = await token(real)
    headers = {"Authorization": f"Bearer {issued.token}"}
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            httpx2.AsyncClient(base_url=real.url, trust_env=False, headers=headers, timeout=30)
        )
        kept = []
        for _ in range(8):
            answer = await stack.enter_async_context(http.stream("GET", PATH, timeout=30))
            assert answer.status_code == 200
            kept.append(answer.aiter_lines())
            await anext(kept[-1])
        assert (await http.get(PATH)).status_code == 429


async def test_questions_are_listed_and_answered_by_a_token_that_may(real: Any) -> None:
    """A viewer's token lists them and answers none; the proxy says so."""
    with elsewhere.client(real.url, (await token(real, "bob", "viewer")).token) as http:
        api = Api(http)
        assert await asyncio.to_thread(api.waiting) == []
        with pytest.raises(Fault, match="may not do"):
            await asyncio.to_thread(api.answer, "a_none", "approve", "")
        assert await asyncio.to_thread(api.signed) is None
    may = (await token(real, "bob", "approver")).token
    with elsewhere.client(real.url, may) as http, pytest.raises(Fault, match="a_none"):
        await asyncio.to_thread(Api(http).answer, "a_none", "deny", "no")


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://[::1]:8081", True),
        ("http://localhost:8081", True),
        ("https://console.example.com", True),
        ("http://console.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://192.0.2.1", False),
        ("https://user:pass@console.example.com", False),
        ("ftp://127.0.0.1", False),
        ("console", False),
    ],
)
def test_the_token_goes_nowhere_in_the_clear(url: str, good: bool) -> None:
    if good:
        elsewhere.client(url, "wt_x").close()
        return
    with pytest.raises(Fault):
        elsewhere.client(url, "wt_x")
