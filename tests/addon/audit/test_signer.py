"""Checkpoints while the book is written: what is signed, when, and what keeps a log from being continued."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import checkpoints, signer
from wharfinger.audit.book import Book
from wharfinger.audit.chain import leaf_of
from wharfinger.audit.checkpoints import Kept
from wharfinger.audit.errors import BookDamaged, BookUnavailable
from wharfinger.audit.event import Event, Outcome
from wharfinger.audit.events import outcome, started
from wharfinger.audit.folder import Folder, System
from wharfinger.audit.merkle import Tree
from wharfinger.audit.notes import Signed, SigningKey, origin_of
from wharfinger.audit.readback import ReadBack
from wharfinger.audit.verify import verify

type Open = Callable[..., Book]
type Intents = Callable[[str], Event]

SEED = b"s" * 32


@pytest.fixture
def signed(opened: Open) -> Open:
    """Opens the book with a key for checkpoints."""
    return lambda **options: opened(signing_key=SEED, **options)


def kept(path: Path) -> list[Kept]:
    folder = Folder.open(path)
    try:
        return [one for number in folder.segments() for one in checkpoints.stored(folder, number)[0]]
    finally:
        folder.close()


def leaves(path: Path) -> list[bytes]:
    return [leaf_of(line) for file in sorted(path.glob("*.jsonl")) for line in file.read_bytes().splitlines()]


def root(hashes: list[bytes]) -> bytes:
    tree = Tree()
    for leaf in hashes:
        tree.append(leaf)
    return tree.root()


async def until(met: Callable[[], object]) -> None:
    for _ in range(500):
        if met():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that")


def settle(book: Book, count: int) -> None:
    for number in range(count):
        book.record(outcome(f"d_{number}", None, Outcome.COMPLETED))


async def test_a_second_after_an_event_there_is_a_checkpoint_of_it(signed: Open, folder: Path) -> None:
    book = signed()
    assert book.checkpoint is None
    await book.write(started("0"))
    await until(lambda: book.checkpoint)
    (only,) = kept(folder)
    assert only.signed == book.checkpoint
    assert (only.signed.checkpoint.size, only.signed.checkpoint.root) == (2, root(leaves(folder)))
    key = SigningKey(only.signed.checkpoint.origin, SEED).public
    assert key.signed(only.signed)
    assert (folder / "book.vkey").read_text() == f"{key}\n"


@pytest.mark.parametrize("done", [0, 1, 40])
def test_of_a_key_that_could_not_be_written_whole_nothing_is_found(tmp_path: Path, done: int) -> None:
    """As a crash leaves it: the log verifies before the next start, which writes the key."""

    class Cut(System):
        def write_all(self, fd: int, data: bytes) -> None:
            os.write(fd, data[:done])
            raise OSError(errno.EIO, "cut off")

    folder = Folder.open(tmp_path / "audit", create=True)
    key = SigningKey(origin_of("0"), SEED).public
    with pytest.raises(OSError, match="cut off"):
        checkpoints.Store(folder, Cut()).publish(key)
    assert checkpoints.published_key(folder) is None
    checkpoints.Store(folder, System()).publish(key)
    assert checkpoints.published_key(folder) == key
    folder.close()


async def test_a_thousand_events_do_not_wait_for_the_second(
    signed: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer, "EVERY", 60)
    book = signed()
    for _ in range(10):
        await asyncio.gather(*(book.write(started("0")) for _ in range(100)))
    await until(lambda: book.checkpoint)


async def test_without_anything_new_there_is_none(
    signed: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer, "EVERY", 0.01)
    book = signed()
    await book.write(started("0"))
    await until(lambda: book.checkpoint)
    await asyncio.sleep(0.1)
    assert len(kept(folder)) == 1
    book.close()
    signed().close()
    assert len(kept(folder)) == 1


def test_the_end_of_each_file_and_of_the_book_is_signed(signed: Open, folder: Path) -> None:
    book = signed(segment_bytes=1500)
    settle(book, 20)
    book.close()
    every = leaves(folder)
    files = sorted(folder.glob("*.jsonl"))
    assert len(files) > 3
    ends = [sum(len(file.read_bytes().splitlines()) for file in files[: n + 1]) for n in range(len(files))]
    found = {one.signed.checkpoint.size: one for one in kept(folder)}
    assert set(ends) <= set(found)
    for size, one in found.items():
        assert one.signed.checkpoint.root == root(every[:size])
        assert one.file == files[next(n for n, end in enumerate(ends) if size <= end)].name.replace(
            "jsonl", "checkpoints"
        )


def test_it_goes_on_after_a_restart_and_is_consistent(signed: Open, folder: Path) -> None:
    for _ in range(4):
        book = signed(segment_bytes=2000)
        settle(book, 3)
        book.close()
    sizes = [one.signed.checkpoint.size for one in kept(folder)]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == len(leaves(folder))
    assert verify(folder).ok


def test_listeners_hear_of_it_once_it_is_kept(signed: Open, folder: Path) -> None:
    heard: list[tuple[Signed, Signed]] = []
    book = signed(listeners=[lambda one: heard.append((one, kept(folder)[-1].signed))])
    settle(book, 2)
    book.close()
    assert heard
    assert all(one == last for one, last in heard)


def test_only_what_is_durable_is_signed(signed: Open, folder: Path, system: Any, intent_of: Intents) -> None:
    """A write that failed is in no checkpoint, though its bytes stand in the file."""
    book = signed(system=system)
    book.record(intent_of("d_1"))
    system.fail["fdatasync"] = errno.EIO
    with pytest.raises(BookUnavailable):
        book.record(intent_of("d_2"))
    system.fail.clear()
    book.close()
    assert b"d_2" in (folder / "book-000001.jsonl").read_bytes()
    assert [one.signed.checkpoint.size for one in kept(folder)] == [2]


def test_without_durability_it_is_synced_before_it_is_signed(
    signed: Open, folder: Path, system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(ReadBack, "sync", lambda reading: synced.append(reading.tree.size))
    book = signed(system=system, durable=False)
    settle(book, 2)
    book.close()
    assert synced[-1:] == [one.signed.checkpoint.size for one in kept(folder)][-1:] == [3]


def test_a_book_that_is_durable_is_not_synced_again(signed: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReadBack, "sync", lambda reading: pytest.fail("synced"))
    book = signed()
    settle(book, 2)
    book.close()
    assert book.checkpoint is not None
    assert not book.checkpoint_trouble


async def test_what_does_not_read_back_is_not_signed_and_ends_the_book(
    signed: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte that changes behind the writer's back, in place: the file has its name, size and identity."""
    monkeypatch.setattr(signer, "EVERY", 0.05)
    book = signed()
    settle(book, 3)
    await until(lambda: book.checkpoint)
    before = len(kept(folder))
    with (folder / "book-000001.jsonl").open("r+b") as file:
        settle(book, 1)
        file.seek(-100, os.SEEK_END)
        file.write(b"#")
    await until(lambda: book.trouble or len(kept(folder)) > before)
    if book.trouble is None:  # it was signed in the moment before it was changed
        assert not verify(folder).ok
        return
    assert isinstance(book.trouble, BookDamaged)
    with pytest.raises(BookDamaged, match="does not read back"):
        settle(book, 1)


@pytest.mark.parametrize("call", ["write", "fdatasync", "open", "fsync"])
def test_a_checkpoint_that_cannot_be_kept_is_made_up_for(
    signed: Open, folder: Path, system: Any, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """It is no trouble of the book: events are written on, and the next checkpoint covers them."""
    monkeypatch.setattr(signer, "EVERY", 0.01)
    book = signed(system=system)
    settle(book, 1)
    store = book._signer._store  # type: ignore[union-attr]
    monkeypatch.setattr(store, "_system", type(system)())
    store._system.fail[call] = errno.ENOSPC
    settle(book, 1)
    for _ in range(500):
        if book._signer.trouble:  # type: ignore[union-attr]
            break
        time.sleep(0.01)
    assert "No space left" in book._signer.trouble  # type: ignore[union-attr]
    assert book.trouble is None
    store._system.fail.clear()
    settle(book, 1)
    book.close()
    assert kept(folder)[-1].signed.checkpoint.size == len(leaves(folder))
    assert verify(folder).ok


def cut_off(folder: Path) -> None:
    """Events off the end, and the published length with them, as one who knows the format would do it."""
    path = folder / "book-000001.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    (folder / "book.head").unlink()


def another_log(folder: Path) -> None:
    (folder / "book.head").unlink()
    text = (folder / "book-000001.checkpoints").read_text()
    (folder / "book-000001.checkpoints").write_text(text.replace("log/", "log/f"))


def forged_signature(folder: Path) -> None:
    key = (folder / "book.vkey").read_text().partition("+")[0]
    tail = kept(folder)[-1].signed.checkpoint
    other = SigningKey(key, b"o" * 32)
    (folder / "book-000001.checkpoints").write_bytes(other.sign(tail).note() + b"\n")


def written_anew(folder: Path) -> None:
    """Every event, link and hash made again by our own code; only the checkpoints are as they were."""
    notes = {path.name: path.read_bytes() for path in folder.glob("*.checkpoints")}
    log = kept(folder)[0].signed.checkpoint.origin.removeprefix(origin_of(""))
    shutil.rmtree(folder)
    from unittest import mock

    from wharfinger.clock import SystemClock

    with mock.patch("secrets.token_hex", return_value=log):
        book = Book.open(folder, hmac_key=b"k" * 32, clock=SystemClock())
    settle(book, 8)
    book.close()
    for name, data in notes.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)


@pytest.mark.parametrize("change", [cut_off, another_log, forged_signature, written_anew])
def test_a_log_that_its_last_checkpoint_contradicts_is_not_continued(
    signed: Open, folder: Path, change: Callable[[Path], None]
) -> None:
    book = signed()
    settle(book, 5)
    book.close()
    change(folder)
    with pytest.raises(BookDamaged) as raised:
        signed()
    assert raised.value.hint
    assert not verify(folder).ok


def test_a_torn_checkpoint_is_cut_off(signed: Open, folder: Path) -> None:
    book = signed()
    settle(book, 2)
    book.close()
    whole = (folder / "book-000001.checkpoints").read_bytes()
    for torn in (b"wharf", whole[:-1], whole.partition(b"\n\n")[0]):
        (folder / "book-000001.checkpoints").write_bytes(whole + torn)
        assert "not whole" in str(verify(folder).failures[0])
        signed().close()
        assert (folder / "book-000001.checkpoints").read_bytes() == whole
        assert verify(folder).ok


def test_a_log_that_had_none_gets_some(opened: Open, signed: Open, folder: Path) -> None:
    """A log from before there were checkpoints, even one whose headers do not tell the tree before them."""
    book = opened(segment_bytes=1500)
    settle(book, 9)
    book.close()
    assert len(list(folder.glob("*.jsonl"))) > 2
    book = signed(segment_bytes=1500)
    settle(book, 1)
    book.close()
    assert kept(folder)[-1].signed.checkpoint.root == root(leaves(folder))
    assert verify(folder).ok
