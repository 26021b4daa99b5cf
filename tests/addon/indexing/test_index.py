"""The index finds what reading the whole log finds, and nothing else, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.event import Event, EventKind, Outcome, Target, Who
from wharfinger.audit.events import outcome, rejected
from wharfinger.audit.reader import Query
from wharfinger.clock import SystemClock
from wharfinger.indexing.index import Index
from wharfinger.rules.types import Call, Code, Effect


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def write(audit: Path) -> Iterator[Callable[[int], None]]:
    book = Book.open(audit, hmac_key=b"k" * 32, clock=SystemClock(), segment_bytes=8000)

    def add(count: int) -> None:
        for number in range(count):
            who = Who(f"agent-{number % 3}", f"ag_{number % 3}")
            target = Target("POST", "https", "api.example.com", 443, f"/v1/THINGS/{number}")
            book.record(rejected(f"d_{number}", who, Code.DENIED, 'no "rule" 100% größe', target=target))
            call = Call(
                f"tool_{number % 4}", "", Effect.WRITE, {"note": None, "amount": number * 1.5, "ok": True}
            )
            book.record(Event(EventKind.HELD, decision=f"d_{number}", who=who, calls=(call,), approval="a_1"))
            book.record(outcome(f"d_{number}", who, Outcome.COMPLETED))

    yield add
    book.close()


@pytest.fixture
def index(tmp_path: Path, audit: Path, write: Any) -> Iterator[Index]:
    write(20)
    made = Index(tmp_path / "index.db", audit)
    yield made
    made.close()


NOW = datetime.now(UTC)
QUERIES = [
    Query(),
    Query(agent="agent-1"),
    Query(agent="ag_1", kind="denied"),
    Query(tool="tool_2"),
    Query(tool="tool_2", agent="agent-0"),
    Query(verdict="deny", text="things/7"),
    Query(verdict="allow"),
    Query(kind="outcome", since=NOW - timedelta(hours=1)),
    Query(until=NOW - timedelta(hours=1)),
    Query(text="GRÖSSE"),
    Query(text='"rule" 100%'),
    Query(text="none"),
    Query(text="true"),
    Query(text="28.5"),
    Query(text="d_"),
    Query(text="\\"),
    Query(text="no such thing"),
    Query(text="%"),
    Query(text="a* OR b"),
    Query(text="x\x00y"),
]


@pytest.mark.parametrize("query", QUERIES, ids=map(str, range(len(QUERIES))))
def test_it_finds_what_reading_finds(index: Index, audit: Path, query: Query) -> None:
    expected = [record.line for record in reader.search(audit, query)]
    assert [record.line for record in index.search(query)] == expected


def test_it_keeps_up_with_the_log(index: Index, audit: Path, write: Any, tmp_path: Path) -> None:
    assert len(list(index.search(Query(kind="outcome")))) == 20
    write(5)
    assert len(list(index.search(Query(kind="outcome")))) == 25
    assert index.update() == 0
    again = Index(tmp_path / "index.db", audit)
    assert again.update() == 0
    assert len(list(again.search(Query(kind="outcome")))) == 25
    again.close()


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\x00" + b"\xff" * 4000])
def test_one_that_cannot_be_read_is_made_anew(
    audit: Path, write: Any, tmp_path: Path, content: bytes
) -> None:
    write(3)
    (tmp_path / "index.db").write_bytes(content)
    index = Index(tmp_path / "index.db", audit)
    assert len(list(index.search(Query(kind="outcome")))) == 3
    index.close()


def test_one_of_another_log_is_made_anew(index: Index, write: Any, audit: Path, tmp_path: Path) -> None:
    index.update()
    book = Book.open(tmp_path / "other", hmac_key=b"k" * 32, clock=SystemClock())
    book.record(outcome("d_other", None, Outcome.COMPLETED))
    book.close()
    other = Index(tmp_path / "index.db", tmp_path / "other")
    assert [record.members["decision"] for record in other.search(Query(kind="outcome"))] == ["d_other"]
    other.close()


def test_it_is_never_trusted(index: Index, audit: Path) -> None:
    """An index that lies can make one miss an event, as any list can; it cannot make one see what is not."""
    index.update()
    index._db.execute("UPDATE events SET agent = 'agent-9', verdict = 'allow', place = place + 3 * (seq % 2)")
    assert list(index.search(Query(agent="agent-9"))) == []
    assert list(index.search(Query(verdict="allow"))) == []


def test_files_that_were_removed_are_passed_over(index: Index, audit: Path) -> None:
    every = len(list(index.search(Query())))
    (audit / "book-000001.jsonl").unlink()
    left = list(index.search(Query()))
    assert 0 < len(left) < every
