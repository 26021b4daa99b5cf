from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from wharfinger.audit import repeats
from wharfinger.audit.errors import BookBusy
from wharfinger.audit.event import Event, Who
from wharfinger.audit.events import refused, rejected
from wharfinger.audit.repeats import DIFFERENT, IDS, Repeats
from wharfinger.rules.types import Code, Verdict


class Book:
    """Keeps what it is given; refuses for a while where told to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.busy = 0

    async def write(self, event: Event) -> Any:
        self.events.append(event)

    def submit(self, event: Event) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        if self.busy:
            self.busy -= 1
            future.set_exception(BookBusy("too much"))
        else:
            self.events.append(event)
            future.set_result(None)
        return future

    @property
    def told(self) -> int:
        """How many denials the events stand for."""
        return sum(event.count or 1 for event in self.events)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def counting(book: Book) -> Repeats:
    return Repeats(book)


@pytest.fixture
def denial(who: Who, request_of: Any, decision_of: Any) -> Any:
    def build(number: int = 0, *, agent: str = "ag_1", reason: str = "no", path: str = "/x") -> Event:
        decision = decision_of(verdict=Verdict.DENY, code=Code.DENIED, reason=reason)
        return refused(f"d_{number}", replace(who, agent_id=agent), request_of(target=path), decision)

    return build


async def test_the_first_is_written_at_once_and_those_like_it_are_counted(
    book: Book, counting: Repeats, denial: Any
) -> None:
    for number in range(100):
        await counting.write(denial(number))
    assert book.events == [denial(0)]
    counting.flush()
    _, counted = book.events
    assert (counted.count, counted.decision) == (99, "d_99")
    assert counted.decisions == tuple(f"d_{number}" for number in range(1, IDS + 1))
    counting.flush()
    counting.flush()
    assert len(book.events) == 2, "what does not repeat is not told again"
    await counting.write(denial(100))
    assert book.events[2] == denial(100), "and is written at once when it comes again"
    counting.close()


async def test_there_is_at_most_one_a_second(
    book: Book, counting: Repeats, denial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "EVERY", 0.05)
    loop, sent = asyncio.get_running_loop(), 0
    begin = loop.time()
    while loop.time() - begin < 0.5:
        await counting.write(denial(sent))
        sent += 1
        await asyncio.sleep(0.001)
    passed = (loop.time() - begin) / 0.05
    await asyncio.gather(*counting.close())
    assert book.told == sent
    assert 3 <= len(book.events) <= passed + 3


async def test_other_agents_reasons_and_requests_are_not_counted_together(
    book: Book, counting: Repeats, denial: Any
) -> None:
    different = [denial(1), denial(2, agent="ag_2"), denial(3, reason="other"), denial(4, path="/y")]
    unknown = [
        rejected("d_5", None, Code.MISUSE, "nobody"),
        rejected("d_6", None, Code.DENIED, "nobody"),
    ]
    for event in (*different, *unknown):
        await counting.write(event)
    assert book.events == [*different, *unknown]
    counting.close()


async def test_an_agent_that_tries_everything_is_counted_too(
    book: Book, counting: Repeats, denial: Any
) -> None:
    for number in range(500):
        await counting.write(denial(number, path=f"/{number}"))
    assert len(book.events) == DIFFERENT + 1
    await counting.write(denial(0, agent="ag_2"))
    assert len(book.events) == DIFFERENT + 2, "another agent is not"
    counting.close()
    assert len(book.events) == DIFFERENT + 3
    assert book.told == 501


async def test_the_sum_is_exact_even_if_the_book_is_busy(book: Book, counting: Repeats, denial: Any) -> None:
    expected: Counter[str] = Counter()
    for turn in range(6):
        book.busy = turn % 3
        for number in range(turn * 7 + 2):
            agent = f"ag_{number % 3}"
            await counting.write(denial(number, agent=agent))
            expected[agent] += 1
        counting.flush()
        await asyncio.sleep(0)
    book.busy = 0
    while counting.close():
        await asyncio.sleep(0)
    told: Counter[str] = Counter()
    for event in book.events:
        assert event.who is not None
        told[event.who.agent_id] += event.count or 1
    assert told == expected
