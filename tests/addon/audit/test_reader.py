from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.errors import BookDamaged, BookUnavailable
from wharfinger.audit.event import Event, Outcome
from wharfinger.audit.events import approval, outcome, refused, started
from wharfinger.audit.reader import Query
from wharfinger.rules.types import Code, Verdict

type Open = Callable[..., Book]
type Intents = Callable[[str], Event]


@pytest.fixture
def filled(opened: Open, intent_of: Intents, who: Any, request_of: Any, decision_of: Any) -> Book:
    """A log of several files: an allowed, a held-and-approved and a denied request."""
    book = opened(segment_bytes=1500)
    book.record(started("0"))
    book.record(intent_of("d_1"))
    book.record(outcome("d_1", who, Outcome.COMPLETED))
    book.record(approval("a_1", "approved", person="alice", decision_id="d_2"))
    book.record(intent_of("d_2"))
    denied = decision_of(verdict=Verdict.DENY, code=Code.DENIED, reason="No Rule allows \u202ethis")
    book.record(refused("d_3", who, request_of(), denied))
    return book


def seqs(found: Any) -> list[int]:
    return [record.seq for record in found]


def test_all_events_come_in_order_over_files(filled: Book, folder: Path) -> None:
    found = list(reader.records(folder))
    assert len({record.file for record in found}) > 1
    assert seqs(found) == list(range(len(found)))
    first = found[1]
    assert (first.kind, first.file, first.number) == ("started", "book-000001.jsonl", 2)
    assert first.time.tzinfo is not None
    assert next(r for r in found if r.kind == "intent").tools == ("refund_payment",)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 100])
def test_tail_is_the_end_of_all(filled: Book, folder: Path, count: int) -> None:
    every = seqs(reader.records(folder))
    assert seqs(reader.tail(folder, count)) == every[len(every) - min(count, len(every)) :]


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_tail_does_not_depend_on_how_it_reads(
    filled: Book, folder: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [record.line for record in reader.records(folder)]
    monkeypatch.setattr(reader, "_BLOCK", block)
    assert [record.line for record in reader.tail(folder, 100)] == every


def test_readers_stop_at_the_published_length(filled: Book, folder: Path) -> None:
    """What was written and not yet synced is not there, torn or whole."""
    every = seqs(reader.records(folder))
    last = max(folder.glob("book-*.jsonl"))
    with last.open("ab") as file:
        file.write(last.read_bytes().splitlines()[-1] + b'\n{"torn')
    following = folder / f"book-{len(list(folder.glob('book-*.jsonl'))) + 1:06d}.jsonl"
    following.touch(0o600)
    following.write_bytes(last.read_bytes())
    assert seqs(reader.records(folder)) == every
    assert seqs(reader.tail(folder, 100)) == every


def test_without_a_published_length_whole_lines_are_read(filled: Book, folder: Path) -> None:
    every = seqs(reader.records(folder))
    (folder / "book.head").unlink()
    with max(folder.glob("book-*.jsonl")).open("ab") as file:
        file.write(b'{"torn')
    assert seqs(reader.records(folder)) == every
    assert seqs(reader.tail(folder, 100)) == every
    assert seqs(reader.tail(folder, 2)) == every[-2:]


@pytest.mark.parametrize(
    ("query", "decisions"),
    [
        ({}, {"d_1", "d_2", "d_3", None}),
        ({"agent": "support-agent"}, {"d_1", "d_2", "d_3"}),
        ({"agent": "ag_1", "kind": "outcome"}, {"d_1"}),
        ({"agent": "support"}, set()),
        ({"tool": "refund_payment"}, {"d_1", "d_2", "d_3"}),
        ({"tool": "refund"}, set()),
        ({"verdict": "deny"}, {"d_3"}),
        ({"text": "NO RULE"}, {"d_3"}),
        ({"text": "pi_1", "verdict": "allow"}, {"d_1", "d_2"}),
        ({"text": "amount_CENTS", "verdict": "deny"}, {"d_3"}),
        ({"text": "absent"}, set()),
    ],
)
def test_search(filled: Book, folder: Path, query: dict[str, str], decisions: set[str | None]) -> None:
    assert {record.members.get("decision") for record in reader.search(folder, Query(**query))} == decisions


def test_search_by_time(filled: Book, folder: Path) -> None:
    every = list(reader.records(folder))
    when = every[3].time
    assert seqs(reader.search(folder, Query(since=when))) == [r.seq for r in every if r.time >= when]
    assert seqs(reader.search(folder, Query(until=when))) == [r.seq for r in every if r.time < when]
    assert seqs(reader.search(folder, Query(since=when + timedelta(days=1)))) == []


@pytest.mark.parametrize(
    ("reference", "kinds"),
    [
        ("d_1", ["intent", "outcome"]),
        ("a_1", ["approval", "intent"]),
        ("d_9", []),
        ("1", ["started"]),
    ],
)
def test_show(filled: Book, folder: Path, reference: str, kinds: list[str]) -> None:
    assert [record.kind for record in reader.show(folder, reference)] == kinds


def test_show_brings_the_whole_decision_of_one_event(filled: Book, folder: Path) -> None:
    intent = next(record for record in reader.records(folder) if record.members.get("decision") == "d_1")
    for reference in (str(intent.seq), intent.members["id"]):
        assert [record.kind for record in reader.show(folder, reference)] == ["intent", "outcome"]


def test_follow_sees_what_comes_over_files(filled: Book, folder: Path, intent_of: Intents) -> None:
    stop = threading.Event()
    found: list[int] = []
    ready = threading.Event()

    def watch() -> None:
        events = reader.follow(folder, after=3, poll=0.01, stop=stop)
        for record in events:
            found.append(record.seq)
            ready.set()
            if record.members.get("decision") == "d_last":
                break

    thread = threading.Thread(target=watch)
    thread.start()
    assert ready.wait(5)
    filled.record(intent_of("d_x"))
    filled.record(intent_of("d_last"))
    thread.join(5)
    assert found == list(range(4, len(list(reader.records(folder)))))


def test_follow_begins_with_the_next_event_and_can_be_stopped(filled: Book, folder: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert list(reader.follow(folder, stop=stop)) == []


def test_what_is_no_event_is_told_with_its_place(filled: Book, folder: Path) -> None:
    path = folder / "book-000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'{"version"', b'x"version"', 1))
    with pytest.raises(BookDamaged, match=r"book-000001.jsonl' line 1 is not an event"):
        [record.seq for record in reader.records(folder)]


def test_a_file_cut_short_is_told(filled: Book, folder: Path) -> None:
    path = max(folder.glob("book-*.jsonl"))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(BookUnavailable, match="before its published length"):
        list(reader.records(folder))


def test_no_book_is_told(tmp_path: Path) -> None:
    with pytest.raises(BookUnavailable, match="cannot be opened"):
        list(reader.records(tmp_path / "none"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Zoë 東京", "Zoë 東京"),
        ("a\x1b[2Jb\r\n", "a\\u001b[2Jb\\u000d\\u000a"),
        ("\u202eabc\u2066\u2028\x9b\x7f", "\\u202eabc\\u2066\\u2028\\u009b\\u007f"),
        ("\U000e0041", "\\U000e0041"),
        ("\u00a0", "\\u00a0"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert reader.printable(text) == shown
