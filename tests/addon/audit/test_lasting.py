"""What befalls a book: disks that fail or fill, files too old to keep, keys to be forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import leaves, prove, reader, retention, room, signer
from wharfinger.audit.book import Book
from wharfinger.audit.errors import BookDamaged, BookFull, BookUnavailable
from wharfinger.audit.event import Event, Outcome, Who
from wharfinger.audit.events import control, intent, outcome
from wharfinger.audit.folder import Folder, System
from wharfinger.audit.render import input_hmac
from wharfinger.audit.salts import segment_key
from wharfinger.audit.verify import Asked, verify

type Open = Callable[..., Book]
type Intents = Callable[[str], Event]


@pytest.fixture
def signed(opened: Open) -> Open:
    return lambda **options: opened(signing_key=b"s" * 32, **options)


def settle(book: Book, count: int) -> None:
    for number in range(count):
        book.record(outcome(f"d_{number}", None, Outcome.COMPLETED))


def seqs(folder: Path) -> list[int]:
    return [record.seq for record in reader.records(folder)]


# A write or sync that failed, and the person who sees to it.


@pytest.mark.parametrize("call", ["write", "fdatasync", "pwrite", "stat"])
async def test_a_person_lets_it_go_on_in_a_new_file(
    signed: Open, folder: Path, system: Any, intent_of: Intents, call: str
) -> None:
    book = signed(system=system)
    await book.write(intent_of("d_1"))
    system.fail[call] = errno.EIO
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_2"))
    system.fail.clear()
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_3"))
    assert (folder / "book.failed").exists()
    assert await asyncio.to_thread(book.resume) == 2
    assert not (folder / "book.failed").exists()
    await book.write(intent_of("d_4"))
    await book.write(outcome("d_1", None, Outcome.COMPLETED))
    book.close()
    found = list(reader.records(folder))
    assert [record.seq for record in found] == list(range(len(found)))
    decisions = [record.members.get("decision") for record in found]
    assert "d_3" not in decisions
    assert [r.members.get("outcome") for r in found if r.members.get("decision") == "d_1"] == [
        None,
        "completed",
    ], "what is under way when the book is resumed is not unknown"
    assert found[decisions.index("d_4")].file == "book-000002.jsonl"
    assert verify(folder).ok


async def test_it_does_not_go_on_while_the_trouble_is_there(
    signed: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    book = signed(system=system)
    await book.write(intent_of("d_1"))
    with pytest.raises(BookUnavailable, match="nothing to resume"):
        book.resume()
    for call in ("write", "fdatasync", "fsync"):
        system.fail = {"fdatasync": errno.EIO}
        with pytest.raises(BookUnavailable):
            await book.write(intent_of("d_2"))
        system.fail = {call: errno.EIO}
        for _ in range(2):
            with pytest.raises(BookUnavailable):
                await asyncio.to_thread(book.resume)
            with pytest.raises(BookUnavailable):
                await book.write(intent_of("d_3"))
        system.fail = {}
        await asyncio.to_thread(book.resume)
        await book.write(intent_of("d_4"))
    book.close()
    assert verify(folder).ok


async def test_a_log_that_was_changed_meanwhile_is_not_resumed(
    signed: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    book = signed(system=system)
    await book.write(intent_of("d_1"))
    system.fail["fdatasync"] = errno.EIO
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_2"))
    system.fail.clear()
    path = folder / "book-000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"d_1", b"d_9"))
    with pytest.raises(BookDamaged):
        await asyncio.to_thread(book.resume)
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_3"))


async def test_a_start_after_a_failed_sync_begins_a_new_file_too(
    signed: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    book = signed(system=system)
    await book.write(intent_of("d_1"))
    system.fail["fdatasync"] = errno.EIO
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_2"))
    book.close()
    again = signed()
    await again.write(intent_of("d_3"))
    assert (again.position.segment if again.position else 0) == 2
    again.close()
    assert verify(folder).ok


# A disk that fills.


class Disk:
    """Stands for the file system's answer to taking room."""

    def __init__(self, system: Any) -> None:
        self.space = True
        system.allocate = self.allocate

    def allocate(self, fd: int, offset: int, length: int) -> None:
        if not self.space:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room.allocate(fd, offset, length)


async def test_a_full_disk_refuses_before_anything_is_torn_and_ends_by_itself(
    signed: Open, folder: Path, system: Any, intent_of: Intents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends, and what people command, is still written, from the room that was taken before."""
    monkeypatch.setattr(room, "AHEAD", 128 * 1024)
    monkeypatch.setattr(room, "LOW", 127 * 1024)
    disk = Disk(system)
    book = signed(system=system, segment_bytes=4000)
    await book.write(intent_of("d_1"))
    await book.write(intent_of("d_2"))
    disk.space = False
    await book.write(intent_of("d_3"))
    for _ in range(3):
        with pytest.raises(BookFull, match="full"):
            await book.write(intent_of("d_4"))
    assert (book.full, book.trouble) == (True, None)
    segment = book.position.segment if book.position else 0
    for number in range(20):
        await book.submit(outcome(f"d_{number}_ended", None, Outcome.COMPLETED))
        await book.write(control("agents.suspend", "alice"))
    assert book.position is not None
    assert book.position.segment == segment, "no new file is begun on a full disk"
    disk.space = True
    for _ in range(200):
        try:
            await book.write(intent_of("d_5"))
            break
        except BookFull:
            await asyncio.sleep(0.01)
    book.close()
    found = [record.members.get("decision") for record in reader.records(folder)]
    assert "d_4" not in found
    assert found[-1] == "d_5"
    assert seqs(folder) == list(range(len(found)))
    assert verify(folder).ok


async def test_the_last_room_is_not_overdrawn(
    signed: Open, system: Any, intent_of: Intents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "AHEAD", 64 * 1024)
    monkeypatch.setattr(room, "LOW", 63 * 1024)
    disk = Disk(system)
    book = signed(system=system)
    await book.write(intent_of("d_0"))
    disk.space = False
    await book.write(intent_of("d_1"))
    written = 0
    with contextlib.suppress(BookFull):
        for written in range(1000):  # noqa: B007
            await book.write(control("agents.suspend", "alice"))
    assert 10 < written < 999
    assert book.trouble is None
    assert book.position is not None
    assert book.position.length < 64 * 1024


def test_room_is_taken_behind_the_end_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    before = path.stat().st_blocks
    with path.open("r+b") as file:
        try:
            room.allocate(file.fileno(), 1, 1 << 20)
        except OSError as error:
            pytest.skip(f"this file system cannot: {error.strerror}")
        assert path.stat().st_size == 1
        assert path.stat().st_blocks >= before + 2000
        os.ftruncate(file.fileno(), 1)
    assert path.stat().st_blocks <= before + 16
    with pytest.raises(OSError, match="descriptor"):
        room.allocate(-1, 0, 1)


async def test_where_room_cannot_be_taken_ahead_the_log_is_written_all_the_same(
    signed: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    def cannot(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    system.allocate = cannot
    book = signed(system=system, segment_bytes=2000)
    for number in range(10):
        await book.write(intent_of(f"d_{number}"))
    assert not book.full
    book.close()
    assert verify(folder).ok


# Files that are too old to keep.


@pytest.fixture
def aged(signed: Open, clock: Any, folder: Path) -> Callable[[], Book]:
    """A book that is kept for ten days, with files of many days."""

    def build() -> Book:
        book = signed(segment_bytes=3000, keep=timedelta(days=10))
        for day in range(12):
            clock.offset = timedelta(days=day)
            settle(book, 12)
        return book

    return build


def test_old_files_go_and_what_they_prove_stays(aged: Callable[[], Book], clock: Any, folder: Path) -> None:
    book = aged()
    book.close()
    before, size = prove.latest(folder), len(seqs(folder))
    old = {seq: prove.prove(folder, seq, before) for seq in (0, 5, size - 1)}
    book = Book.open(folder, hmac_key=b"k" * 32, signing_key=b"s" * 32, clock=clock, keep=timedelta(days=10))
    gone = book.expire()
    assert gone == list(range(1, len(gone) + 1))
    assert 1 < len(gone) < len(list(folder.glob("*.jsonl"))) + len(gone)
    book.close()
    for number in gone:
        names = {path.name for path in folder.glob(f"book-{number:06d}.*")}
        assert names == {f"book-{number:06d}.leaves", f"book-{number:06d}.checkpoints"}
    for seq, proof in old.items():
        again = prove.prove(folder, seq, before)
        assert (again.hashes, again.leaf) == (proof.hashes, proof.leaf)
        assert bool(again.line) is (seq == size - 1)
    found = verify(folder, Asked(outside=[("kept", before)]))
    assert found.ok, found.failures
    assert found.first > 0
    noted = [r.members for r in reader.records(folder) if r.members.get("action") == "audit.expired"]
    assert [one["detail"]["file"] for one in noted] == [f"book-{number:06d}.jsonl" for number in gone]


def test_a_day_ends_a_file_where_events_are_not_kept_for_ever(signed: Open, clock: Any, folder: Path) -> None:
    book = signed(keep=timedelta(days=30))
    settle(book, 2)
    clock.offset = timedelta(hours=25)
    settle(book, 2)
    assert len(list(folder.glob("*.jsonl"))) == 2


def test_nothing_goes_before_a_checkpoint_covers_it(aged: Callable[[], Book], folder: Path) -> None:
    book = aged()
    opened = Folder.open(folder)
    try:
        from datetime import UTC, datetime

        far = datetime.now(UTC) + timedelta(days=99)
        every = opened.segments()
        ends = {n: int(seqs_of(folder, n)[-1]) + 1 for n in every}
        assert retention.expired(opened, far, ends[2]) == [1, 2]
        assert retention.expired(opened, far, ends[2] - 1) == [1]
        assert retention.expired(opened, far, 0) == []
        assert retention.expired(opened, far, 10**9) == every[:-1], "the file that is written stays"
    finally:
        opened.close()
        book.close()


def seqs_of(folder: Path, number: int) -> list[int]:
    name = f"book-{number:06d}.jsonl"
    return [record.seq for record in reader.records(folder) if record.file == name]


def test_a_file_that_was_changed_is_not_removed(aged: Callable[[], Book], folder: Path) -> None:
    aged().close()
    path = folder / "book-000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"d_3", b"d_4"))
    opened = Folder.open(folder)
    with pytest.raises(BookDamaged) as raised:
        retention.remove(opened, 1, System())
    opened.close()
    assert "nothing was removed" in raised.value.hint
    assert path.exists()


def test_a_file_stays_where_its_hashes_do_not_read_back(
    aged: Callable[[], Book], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged().close()
    opened = Folder.open(folder)
    first = retention.remove(opened, 1, System())
    monkeypatch.setattr(leaves, "removed", lambda *_: first)
    with pytest.raises(BookDamaged, match="does not read back"):
        retention.remove(opened, 2, System())
    opened.close()
    assert (folder / "book-000002.jsonl").exists()


def test_kept_leaf_hashes_that_were_changed_are_found(
    aged: Callable[[], Book], clock: Any, folder: Path
) -> None:
    book = aged()
    book.close()
    book = Book.open(folder, hmac_key=b"k" * 32, signing_key=b"s" * 32, clock=clock, keep=timedelta(days=10))
    book.expire()
    book.close()
    path = folder / leaves.leaves_name(2)
    data = path.read_bytes()
    for at in range(0, len(data), 5):
        changed = bytearray(data)
        changed[at] ^= 1
        path.write_bytes(changed)
        assert not verify(folder).ok, at
    path.write_bytes(data)
    assert verify(folder).ok


def test_it_is_done_by_itself(
    signed: Open, clock: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer, "EVERY", 0.02)
    monkeypatch.setattr(signer, "CHORES", 0.02)
    book = signed(segment_bytes=2000, keep=timedelta(days=1))
    settle(book, 10)
    clock.offset = timedelta(days=3)
    settle(book, 10)
    import time

    for _ in range(500):
        if not (folder / "book-000001.jsonl").exists():
            break
        time.sleep(0.01)
    assert (folder / "book-000001.leaves").exists()
    settle(book, 1)
    book.close()
    assert verify(folder).ok


# Keys that are destroyed.


def test_a_forgotten_file_can_be_asked_nothing_and_proves_all(
    signed: Open, folder: Path, who: Who, request_of: Any, decision_of: Any
) -> None:
    book = signed(segment_bytes=1)
    call = {"inputs": {"card": "4242"}, "sensitive": frozenset({"card"})}
    for number in range(3):
        book.record(intent(f"d_{number}", who, request_of(), decision_of(call)))
    log = next(reader.records(folder)).members["log"]
    salt = (folder / "book-000001.salt").read_bytes()
    stored = [r.members["calls"][0]["hmac"]["card"] for r in reader.records(folder) if r.kind == "intent"]
    made_of = b"segment\x00" + log.encode() + b"\x001\x00" + salt
    key = hmac.digest(b"k" * 32, made_of, "sha256")
    assert segment_key(b"k" * 32, log, 1, salt) == key
    assert stored[0] == input_hmac(key, "card", "4242")
    held = os.open(folder / "book-000001.salt", os.O_RDONLY)
    assert book.forget(1) is True
    assert os.pread(held, 64, 0) == bytes(32), "it is overwritten before it is removed"
    os.close(held)
    assert not (folder / "book-000001.salt").exists()
    assert book.forget(1) is False
    for number in (0, 3, 4, -1):
        with pytest.raises(BookUnavailable, match="not a finished file"):
            book.forget(number)
    book.close()
    assert verify(folder).ok


def test_a_file_without_its_salt_is_not_gone_on_with(signed: Open, folder: Path) -> None:
    """Nor is one from before there were salts."""
    book = signed()
    settle(book, 1)
    book.close()
    (folder / "book-000001.salt").unlink()
    book = signed()
    settle(book, 1)
    book.close()
    assert (folder / "book-000002.salt").exists()
    assert verify(folder).ok


async def test_the_salt_is_durable_before_any_line_under_it(
    signed: Open, folder: Path, system: Any, intent_of: Intents
) -> None:
    book = signed(system=system)
    system.fail["fsync"] = errno.EIO
    with pytest.raises(BookUnavailable):
        await book.write(intent_of("d_1"))
    assert not (folder / "book-000001.jsonl").exists()
