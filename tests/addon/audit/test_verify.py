from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import published
from wharfinger.audit.book import Book
from wharfinger.audit.chain import link, seal
from wharfinger.audit.event import Event, Outcome
from wharfinger.audit.events import outcome, started
from wharfinger.audit.verify import LIMITS, verify

type Open = Callable[..., Book]


@pytest.fixture
def log(opened: Open, folder: Path, intent_of: Callable[[str], Event]) -> Path:
    """A log of three files, closed."""
    book = opened(segment_bytes=1650)
    for number in range(3):
        book.record(intent_of(f"d_{number}"))
        book.record(outcome(f"d_{number}", None, Outcome.COMPLETED))
    book.close()
    assert len(list(folder.glob("book-*.jsonl"))) == 3
    return folder


def stored(folder: Path) -> list[Path]:
    return sorted(folder.glob("book-*.jsonl"))


def test_a_whole_log_is_verified(log: Path) -> None:
    found = verify(log)
    assert found.ok
    assert found.failures == ()
    count = sum(len(path.read_bytes().splitlines()) for path in stored(log))
    last = stored(log)[-1].read_bytes().splitlines()[-1]
    assert (found.events, found.files, found.first, found.head) == (count, 3, 0, link(last))
    assert found.log == json.loads(last.splitlines()[0])["id"][2:10] + found.log[8:]
    assert found.notes == (LIMITS,)


def test_it_says_what_it_cannot_show(log: Path) -> None:
    assert "checkpoint kept elsewhere" in verify(log).notes[0]


def test_any_flipped_byte_is_found_and_placed(
    opened: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte of each file, in turn, the published head included."""
    monkeypatch.setattr(published, "_PAUSE", 0)
    book = opened(segment_bytes=700)
    for number in range(3):
        book.record(outcome(f"d_{number}", None, Outcome.COMPLETED))
    book.close()
    assert len(stored(folder)) == 2
    generator = random.Random(1)
    for path in [*stored(folder), folder / "book.head"]:
        data = path.read_bytes()
        line = 1
        for at, byte in enumerate(data):
            changed = bytearray(data)
            changed[at] ^= generator.randrange(1, 256)
            path.write_bytes(changed)
            found = verify(folder)
            assert not found.ok, (path.name, at)
            place = (path.name, 0 if path.name == "book.head" else line)
            moved = 10 in (byte, changed[at])  # lines were joined or parted
            assert moved or place in [(f.file, f.line) for f in found.failures], (path.name, at)
            line += byte == 10
        path.write_bytes(data)
    assert verify(folder).ok


def rewrite(path: Path, change: Callable[[list[bytes]], Any]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.pop(1),
        lambda lines: lines.pop(0),
        lambda lines: lines.pop(),
        lambda lines: lines.insert(1, lines[1]),
        lambda lines: lines.insert(2, b"\n"),
        lambda lines: lines.insert(2, b"{}\n"),
        lambda lines: lines.reverse(),
        lambda lines: lines.clear(),
        lambda lines: lines.append(lines[-1]),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_lines_taken_out_put_in_or_swapped_are_found(
    log: Path, change: Callable[[list[bytes]], Any], number: int
) -> None:
    rewrite(stored(log)[number], change)
    assert not verify(log).ok


def rechained(lines: list[bytes], prev: str, change: Callable[[dict[str, Any]], None]) -> list[bytes]:
    """The lines as a forger who can write the folder would make them."""
    made = []
    for line in lines:
        members = json.loads(line)
        members.pop("leaf")
        change(members)
        members["prev"] = prev
        sealed = seal(json.dumps(members, separators=(",", ":")).encode())
        prev = link(sealed)
        made.append(sealed + b"\n")
    return made


def test_a_part_written_anew_does_not_fit_the_rest(log: Path) -> None:
    for path, kept in ((stored(log)[0], 1), (stored(log)[1], 2)):
        data = path.read_bytes()
        lines = data.splitlines(keepends=True)
        prev = link(lines[kept - 1][:-1])
        path.write_bytes(
            b"".join(lines[:kept] + rechained(lines[kept:], prev, lambda m: m.update(reason="x")))
        )
        found = verify(log)
        assert [(f.file, f.line) for f in found.failures] == [(stored(log)[int(path.name[5:11])].name, 1)]
        path.write_bytes(data)


def test_an_end_written_anew_is_not_as_published(log: Path) -> None:
    path = stored(log)[-1]
    lines = path.read_bytes().splitlines(keepends=True)
    made = rechained(
        lines[1:], link(lines[0][:-1]), lambda m: m.update(kind="STARTED"[: len(m["kind"])].lower())
    )
    path.write_bytes(b"".join([lines[0], *made]))
    assert not verify(log).ok


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_removed_file_is_found(log: Path, number: int) -> None:
    name = stored(log)[number].name
    stored(log)[number].unlink()
    found = verify(log)
    assert (name, 0) in [(f.file, f.line) for f in found.failures]


def test_files_of_another_log_are_found(log: Path, tmp_path: Path, clock: Any) -> None:
    other = Book.open(tmp_path / "other", hmac_key=b"k" * 32, clock=clock)
    other.record(started("0"))
    other.close()
    shutil.copy(tmp_path / "other" / "book-000001.jsonl", stored(log)[0])
    assert not verify(log).ok


def test_exchanged_files_are_found(log: Path) -> None:
    first, second = stored(log)[0].read_bytes(), stored(log)[1].read_bytes()
    stored(log)[0].write_bytes(second)
    stored(log)[1].write_bytes(first)
    found = verify(log)
    assert {f.file for f in found.failures} >= {stored(log)[0].name, stored(log)[1].name}


def test_a_log_can_be_verified_while_it_is_written(opened: Open, folder: Path) -> None:
    book = opened()
    book.record(started("0"))
    with (folder / "book-000001.jsonl").open("ab") as file:
        file.write(b"half of a li")
    found = verify(folder)
    assert found.ok
    assert "12 bytes behind the published end" in found.notes[-1]


def test_without_a_published_length_it_reads_to_the_end(log: Path) -> None:
    (log / "book.head").unlink()
    found = verify(log)
    assert found.ok
    assert any("no length was published" in note for note in found.notes)
    with stored(log)[-1].open("ab") as file:
        file.write(b"torn")
    assert "not a whole line" in str(verify(log).failures[0])


def test_failures_are_placed_and_bounded(log: Path) -> None:
    path = stored(log)[-1]
    path.write_bytes(b"x\n" * 500)
    found = verify(log)
    assert 100 < len(found.failures) < 110
    assert str(found.failures[0]).startswith(f"{path.name}:1: ")


def test_a_linked_file_is_not_read(log: Path, tmp_path: Path) -> None:
    stored(log)[0].rename(tmp_path / "kept")
    (log / "book-000001.jsonl").symlink_to(tmp_path / "kept")
    assert any("cannot be read" in f.what for f in verify(log).failures)


def test_progress_is_told(log: Path) -> None:
    told: list[tuple[int, int]] = []
    verify(log, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] == sum(path.stat().st_size for path in stored(log))


def test_a_linked_head_is_told(log: Path, tmp_path: Path) -> None:
    (log / "book.head").rename(tmp_path / "kept")
    (log / "book.head").symlink_to(tmp_path / "kept")
    assert "cannot be read" in str(verify(log).failures[0])


def test_a_header_that_tells_of_another_beginning_is_found(log: Path) -> None:
    """All lines, links and hashes fit; there is no checkpoint, and no published length."""
    (log / "book.head").unlink()
    first, *others = stored(log)
    prev = link(first.read_bytes().splitlines()[-1])
    for path in others:
        made = rechained(
            path.read_bytes().splitlines(),
            prev,
            lambda members: "tree" in members and members.update(tree=["0" * 64] * len(members["tree"])),
        )
        path.write_bytes(b"".join(made))
        prev = link(made[-1][:-1])
    assert [(f.file, f.line) for f in verify(log).failures] == [(path.name, 1) for path in others]
