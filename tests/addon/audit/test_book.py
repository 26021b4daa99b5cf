from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.errors import BookBusy, BookDamaged, BookUnavailable
from wharfinger.audit.event import Event, EventKind, Outcome, Who
from wharfinger.audit.events import outcome, started, stopped
from wharfinger.audit.render import input_hmac
from wharfinger.audit.salts import segment_key
from wharfinger.audit.verify import verify

type Open = Callable[..., Book]
type Intents = Callable[[str], Event]


def lines(folder: Path) -> list[dict[str, Any]]:
    return [dict(record.members) for record in reader.records(folder)]


async def test_an_event_gets_its_place_and_time(opened: Open, folder: Path, intent_of: Intents) -> None:
    receipt = await opened().write(intent_of("d_1"))
    header, event = lines(folder)
    assert (header["kind"], header["seq"], header["segment"], header["prev"]) == ("segment", 0, 1, "0" * 64)
    assert (event["kind"], event["seq"], event["decision"]) == ("intent", 1, "d_1")
    assert receipt.seq == 1
    assert event["time"] == receipt.time.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert event["id"] == f"e_{header['log'][:8]}_1"
    assert 0 <= time.monotonic_ns() - event["mono_ns"] < 60e9
    assert "durable" not in event


async def test_files_and_folder_are_for_their_owner_only(opened: Open, folder: Path) -> None:
    await opened().write(started("5" * 64))
    modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}
    assert modes == {
        "audit": 0o700,
        "book-000001.jsonl": 0o600,
        "book-000001.salt": 0o600,
        "book.head": 0o600,
    }


async def test_nobody_is_told_before_the_event_is_synced(
    opened: Open, system: Any, intent_of: Intents
) -> None:
    """Invariant 6, the book's part: a receipt means that fdatasync has returned."""
    system.delay = 0.05
    book = opened(system=system)
    await book.write(started("0"))
    for number in range(3):
        synced = system.diary.count("fdatasync")
        future = asyncio.ensure_future(book.write(intent_of(f"d_{number}")))  # noqa: TID251
        future.add_done_callback(lambda _: system.diary.append("told"))
        await future
        assert system.diary.count("fdatasync") == synced + 1
        assert system.diary[-3:] == ["write", "fdatasync", "told"]


async def test_many_writers_share_a_sync(opened: Open, folder: Path, system: Any, intent_of: Intents) -> None:
    system.delay = 0.02
    book = opened(system=system)
    receipts = await asyncio.gather(*(book.write(intent_of(f"d_{i}")) for i in range(200)))
    assert [receipt.seq for receipt in receipts] == list(range(1, 201))
    assert system.diary.count("fdatasync") < 10
    assert [line.get("decision") for line in lines(folder)[1:]] == [f"d_{i}" for i in range(200)]


async def test_an_outcome_nobody_waits_for_shares_the_next_sync(
    opened: Open, system: Any, intent_of: Intents
) -> None:
    book = opened(system=system)
    await book.write(intent_of("d_0"))
    before = system.diary.count("fdatasync")
    for number in range(5):
        book.submit(outcome(f"d_{number}", None, Outcome.COMPLETED))
        await book.write(intent_of(f"d_{number + 1}"))
    assert system.diary.count("fdatasync") == before + 5


async def test_an_outcome_alone_is_durable_soon(opened: Open, folder: Path) -> None:
    book = opened()
    await asyncio.wait_for(book.submit(outcome("d_1", None, Outcome.NOT_SENT)), 1)
    assert lines(folder)[-1]["outcome"] == "not_sent"


async def test_who_waits_can_leave_and_the_event_stays(
    opened: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    """A client that goes away takes nothing back: cancelling the wait does not cancel the write."""
    system.delay = 0.1
    book = opened(system=system)
    waiting = [asyncio.ensure_future(book.write(intent_of(f"d_{i}"))) for i in range(5)]  # noqa: TID251
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    assert all(
        isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*waiting, return_exceptions=True)
    )
    await book.write(stopped("end"))
    assert [line.get("decision") for line in lines(folder)[1:]] == [f"d_{i}" for i in range(5)] + [None]
    assert verify(folder).ok


@pytest.mark.parametrize("call", ["write", "fdatasync", "pwrite", "stat"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])
async def test_the_first_error_is_final(
    opened: Open, folder: Path, system: Any, intent_of: Intents, *, call: str, number: int
) -> None:
    """Nothing passes as written from then on, even when the disk recovers, until the book is opened again."""
    book = opened(system=system)
    await book.write(intent_of("d_1"))
    system.fail[call] = number
    with pytest.raises(BookUnavailable, match=os.strerror(number)) as raised:
        await book.write(intent_of("d_2"))
    assert "audit resume" in raised.value.hint
    system.fail.clear()
    calls = len(system.diary)
    for _ in range(3):
        with pytest.raises(BookUnavailable):
            await book.write(intent_of("d_3"))
        with pytest.raises(BookUnavailable):
            await book.submit(outcome("d_1", None, Outcome.COMPLETED))
    assert len(system.diary) == calls, "the disk was touched again"
    assert book.trouble is not None
    book.close()

    again = opened()
    await again.write(intent_of("d_4"))
    found = lines(folder)
    assert verify(folder).ok
    assert [line["seq"] for line in found] == list(range(len(found)))
    assert not any(line.get("decision") == "d_3" for line in found)


async def test_all_who_wait_hear_of_the_error(opened: Open, system: Any, intent_of: Intents) -> None:
    system.delay = 0.05
    book = opened(system=system)
    await book.write(intent_of("d_0"))
    waiting = [asyncio.ensure_future(book.write(intent_of(f"d_{i}"))) for i in range(20)]  # noqa: TID251
    await asyncio.sleep(0)
    system.fail["fdatasync"] = errno.EIO
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, BookUnavailable) for result in results)


@pytest.mark.parametrize("call", ["open", "fsync"])
async def test_a_file_that_cannot_be_begun_is_final(
    opened: Open, folder: Path, system: Any, intent_of: Intents, call: str
) -> None:
    book = opened(system=system, segment_bytes=1)
    await book.write(intent_of("d_1"))
    system.fail[call] = errno.ENOSPC
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_2"))
    system.fail.clear()
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_3"))
    book.close()
    await opened().write(intent_of("d_4"))
    assert verify(folder).ok


async def test_short_writes_are_finished(opened: Open, folder: Path, system: Any, intent_of: Intents) -> None:
    system.short = True
    await opened(system=system).write(intent_of("d_1"))
    assert verify(folder).ok
    assert lines(folder)[1]["decision"] == "d_1"


def _moved(path: Path) -> None:
    path.rename(path.with_suffix(".old"))


def _replaced(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


def _linked(path: Path) -> None:
    path.rename(path.with_suffix(".old"))
    path.symlink_to(path.with_suffix(".old"))


def _grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def _folder_moved(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.parametrize(
    "change",
    [Path.unlink, _moved, _replaced, _linked, _grown, _folder_moved, lambda path: os.truncate(path, 10)],
)
async def test_a_file_touched_by_others_is_noticed_at_the_next_event(
    opened: Open, folder: Path, intent_of: Intents, change: Callable[[Path], None]
) -> None:
    book = opened()
    await book.write(intent_of("d_1"))
    change(folder / "book-000001.jsonl")
    with pytest.raises(BookDamaged, match="while it was written"):
        await book.write(intent_of("d_2"))


async def test_too_long_a_queue_is_refused_and_not_final(
    opened: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    """Back-pressure: what is not taken is not in the book, and ends of requests still are."""
    system.delay = 0.2
    book = opened(system=system, backlog=10)
    await book.write(started("0"))
    waiting = [asyncio.ensure_future(book.write(intent_of("d_0")))]  # noqa: TID251
    await asyncio.sleep(0.05)
    waiting += [asyncio.ensure_future(book.write(intent_of(f"d_{n}"))) for n in range(1, 11)]  # noqa: TID251
    await asyncio.sleep(0)
    with pytest.raises(BookBusy, match="10 events wait"):
        await book.write(intent_of("d_busy"))
    for number in range(10):
        book.submit(outcome(f"d_{number}", None, Outcome.COMPLETED))
    with pytest.raises(BookBusy, match="20 events wait"):
        await book.submit(outcome("d_10", None, Outcome.COMPLETED))
    await asyncio.gather(*waiting)
    await book.write(intent_of("d_later"))
    found = lines(folder)
    assert "d_busy" not in {line.get("decision") for line in found}
    assert found[-1]["decision"] == "d_later"
    assert verify(folder).ok


async def test_a_full_file_is_followed_by_the_next(opened: Open, folder: Path, intent_of: Intents) -> None:
    book = opened(segment_bytes=3000)
    await asyncio.gather(*(book.write(intent_of(f"d_{i}")) for i in range(40)))
    names = sorted(path.name for path in folder.glob("book-*.jsonl"))
    assert len(names) > 5
    found = lines(folder)
    assert [line["seq"] for line in found] == list(range(len(found)))
    headers = [line for line in found if line["kind"] == "segment"]
    assert [header["segment"] for header in headers] == list(range(1, len(names) + 1))
    assert len({header["log"] for header in headers}) == 1
    assert headers[1]["open"] == {line["decision"]: "support-agent" for line in found[1 : headers[1]["seq"]]}
    assert verify(folder).ok


async def test_each_file_has_its_own_key_for_sensitive_inputs(
    opened: Open, folder: Path, who: Who, request_of: Any, decision_of: Any
) -> None:
    from wharfinger.audit.events import intent

    book = opened(segment_bytes=1)
    call = {"inputs": {"card": "4242"}, "sensitive": frozenset({"card"})}
    for _ in range(2):
        await book.write(intent("d_1", who, request_of(), decision_of(call)))
    found = lines(folder)
    seen = [line["calls"][0]["hmac"]["card"] for line in found if line["kind"] == "intent"]
    log = found[0]["log"]
    keys = [segment_key(b"k" * 32, log, n, (folder / f"book-{n:06d}.salt").read_bytes()) for n in (1, 2)]
    assert seen == [input_hmac(key, "card", "4242") for key in keys]
    assert seen[0] != seen[1]


async def test_without_durability_every_event_says_so(
    opened: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    await opened(system=system, durable=False).write(intent_of("d_1"))
    assert "fdatasync" not in system.diary
    assert "write" in system.diary
    assert [line["durable"] for line in lines(folder)] == [False, False]


async def test_a_clock_that_goes_back_is_recorded(opened: Open, folder: Path, clock: Any) -> None:
    book = opened()
    await book.write(started("0"))
    clock.offset = -timedelta(hours=1)
    await book.write(stopped("x"))
    *_, first, second = lines(folder)
    assert "clock_back_us" not in first
    assert 3590e6 < second["clock_back_us"] < 3600e6
    assert second["seq"] == first["seq"] + 1
    assert second["mono_ns"] > first["mono_ns"]


def test_record_works_from_many_threads(opened: Open, folder: Path, intent_of: Intents) -> None:
    book = opened()
    threads = [threading.Thread(target=lambda n=n: book.record(intent_of(f"d_{n}"))) for n in range(16)]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(folder)) == 17
    assert verify(folder).ok


async def test_an_event_that_cannot_be_stored_leaves_no_gap(opened: Open, folder: Path) -> None:
    book = opened()
    await book.write(started("0"))
    with pytest.raises(TypeError):
        await book.write(Event(EventKind.CONTROL, outcome=object()))  # type: ignore[arg-type]
    await book.write(stopped("x"))
    assert [line["seq"] for line in lines(folder)] == [0, 1, 2]


async def test_a_closed_book_takes_nothing(opened: Open, folder: Path) -> None:
    book = opened()
    await book.write(started("0"))
    future = book.submit(stopped("end"))
    book.close()
    book.close()
    assert (await future).seq == 2, "what was taken before is written"
    with pytest.raises(BookUnavailable, match="closed"):
        await book.write(started("0"))


async def test_unsettled_counts_intents_without_outcome(opened: Open, intent_of: Intents) -> None:
    book = opened()
    await book.write(intent_of("d_1"))
    await book.write(intent_of("d_2"))
    assert book.unsettled == 2
    await book.submit(outcome("d_1", None, Outcome.COMPLETED))
    assert book.unsettled == 1


def test_the_log_is_json(opened: Open, folder: Path) -> None:
    opened().record(started("0", detail={"version": "0.1.0"}))
    for line in (folder / "book-000001.jsonl").read_text("ascii").splitlines():
        assert list(json.loads(line))[:2] == ["version", "seq"]
