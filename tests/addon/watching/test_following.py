"""The audit log here, followed: all of it, in order, once; and what is said while it cannot be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit.book import Book
from wharfinger.clock import SystemClock
from wharfinger.watching.following import Here, News


class Followed:
    """A log that is followed on a thread, and what was told of it."""

    def __init__(self, folder: Path, before: int) -> None:
        self.news: list[News] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=Here(folder, before).follow, args=(self.news.append, self.stop))
        self.thread.start()

    @property
    def decisions(self) -> list[Any]:
        return [event["decision"] for news in self.news for event in news.events if "decision" in event]

    def until(self, what: Callable[[], Any]) -> None:
        end = time.monotonic() + 30
        while not what():
            assert time.monotonic() < end, self.news[-3:]
            time.sleep(0.01)


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[[int], Followed]]:
    made: list[Followed] = []

    def begin(before: int) -> Followed:
        made.append(Followed(tmp_path / "audit", before))
        return made[-1]

    yield begin
    for one in made:
        one.stop.set()
        one.thread.join(20)


@pytest.fixture
def write(decided: Any) -> Callable[[Book, int, int], list[str]]:
    """Write denials to a log, and name them."""

    def write(book: Book, first: int, behind: int) -> list[str]:
        names = [f"d_{number}" for number in range(first, behind)]
        for name in names:
            book.record(decided("denied", name))
        return names

    return write


@pytest.mark.parametrize("before", [0, 3, 1000])
def test_all_that_comes_is_told_once_and_in_order(book: Book, follow: Any, write: Any, before: int):
    old = write(book, 0, 10)
    followed = follow(before)
    followed.until(lambda: followed.news)
    new = write(book, 10, 60)
    wanted = old[len(old) - min(before, 10) :] + new
    followed.until(lambda: len(followed.decisions) >= len(wanted))
    assert followed.decisions == wanted
    assert [news.before for news in followed.news[1:]].count(True) == 0
    assert {news.trouble for news in followed.news} <= {"", None}


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path: Path, follow: Any, write: Any):
    followed = follow(10)
    followed.until(lambda: followed.news and followed.news[0].trouble)
    book = Book.open(tmp_path / "audit", hmac_key=b"k" * 32, clock=SystemClock())
    written = write(book, 0, 5)
    followed.until(lambda: followed.decisions == written)
    book.close()
    assert [news.trouble for news in followed.news if news.trouble is not None][-1] == ""


def test_a_log_that_another_proxy_goes_on_with_is_followed(
    tmp_path: Path, book: Book, follow: Any, write: Any
):
    """Whoever watches misses nothing of either, whatever was in between."""
    followed = follow(0)
    followed.until(lambda: followed.news)
    written = write(book, 0, 5)
    book.close()
    again = Book.open(tmp_path / "audit", hmac_key=b"k" * 32, clock=SystemClock())
    written += write(again, 5, 8)
    followed.until(lambda: followed.decisions == written)
    again.close()


def test_who_begins_to_follow_again_goes_on_behind_the_last(tmp_path: Path, book: Book, write: Any):
    """As after trouble with the files: nothing is told twice, nothing is left out."""
    here, told = Here(tmp_path / "audit", 0), []

    def follow_until(count: int) -> None:
        stop = threading.Event()

        def take(news: News) -> None:
            told.extend(event["decision"] for event in news.events if "decision" in event)
            if len(told) >= count:
                stop.set()

        following = threading.Thread(target=here.follow, args=(take, stop))
        following.start()
        if not told:
            while here._last is None:
                time.sleep(0.01)
            write(book, 0, 5)
        following.join(30)
        assert not following.is_alive()

    follow_until(5)
    write(book, 5, 9)
    follow_until(9)
    assert told == [f"d_{number}" for number in range(9)]
