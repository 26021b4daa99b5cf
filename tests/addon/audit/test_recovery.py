from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.chain import link, seal
from wharfinger.audit.errors import BookDamaged, BookUnavailable
from wharfinger.audit.event import Event, Outcome
from wharfinger.audit.events import outcome, started
from wharfinger.audit.verify import verify

type Open = Callable[..., Book]
type Intents = Callable[[str], Event]

SEGMENT = "book-000001.jsonl"
HEAD = "book.head"


def found(folder: Path) -> list[dict[str, Any]]:
    return [dict(record.members) for record in reader.records(folder)]


def kinds(folder: Path) -> list[str]:
    return [line["kind"] for line in found(folder)]


@pytest.fixture
def written(opened: Open, folder: Path, intent_of: Intents) -> Path:
    """A log of a header, a settled intent and an open one; returns its only file."""
    book = opened()
    book.record(intent_of("d_1"))
    book.record(outcome("d_1", None, Outcome.COMPLETED))
    book.record(intent_of("d_2"))
    book.close()
    return folder / SEGMENT


def test_an_orderly_end_leaves_nothing_to_recover(opened: Open, folder: Path, intent_of: Intents) -> None:
    book = opened()
    book.record(intent_of("d_1"))
    book.record(outcome("d_1", None, Outcome.COMPLETED))
    book.close()
    book = opened()
    assert kinds(folder) == ["segment", "intent", "outcome"]
    book.record(started("0"))
    assert found(folder)[-1]["seq"] == 3
    assert verify(folder).ok


def test_an_intent_without_outcome_gets_one(opened: Open, folder: Path, written: Path) -> None:
    opened()
    assert kinds(folder)[-2:] == ["recovered", "outcome"]
    recovered, last = found(folder)[-2:]
    assert recovered["detail"] == {"dropped_bytes": 0, "dropped": [], "unknown": 1}
    assert (last["decision"], last["agent"], last["outcome"]) == ("d_2", "support-agent", "unknown")
    assert verify(folder).ok


def test_it_gets_one_only_once(opened: Open, folder: Path, written: Path) -> None:
    for _ in range(3):
        opened().close()
    assert kinds(folder).count("recovered") == 1


def test_an_intent_of_an_earlier_file_gets_its_outcome_too(
    opened: Open, folder: Path, intent_of: Intents
) -> None:
    book = opened(segment_bytes=1)
    book.record(intent_of("d_1"))
    book.record(intent_of("d_2"))
    book.record(outcome("d_2", None, Outcome.COMPLETED))
    book.record(started("0"))
    book.close()
    opened()
    unknown = [line["decision"] for line in found(folder) if line.get("outcome") == "unknown"]
    assert unknown == ["d_1"]
    assert verify(folder).ok


@pytest.mark.parametrize("torn", [b"{", b'{"version":1,"seq":4,"prev":"', b"\x00" * 4096, b"\xff" * 100])
def test_a_torn_end_is_cut_off_and_recorded(opened: Open, folder: Path, written: Path, torn: bytes) -> None:
    with written.open("ab") as file:
        file.write(torn)
    opened()
    event = next(line for line in found(folder) if line["kind"] == "recovered")
    assert event["detail"]["dropped_bytes"] == len(torn)
    dropped = event["detail"]["dropped"]
    assert dropped == [{"file": SEGMENT, "bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}]
    assert verify(folder).ok


def test_lines_behind_the_published_end_go_if_they_do_not_continue_it(
    opened: Open, folder: Path, written: Path
) -> None:
    """A loss of power may leave any part of the last batch."""
    hole = b"\x00" * 600 + b"\n" + seal(b'{"version":1,"seq":9,"prev":"0","kind":"started"}') + b"\n"
    with written.open("ab") as file:
        file.write(hole)
    opened()
    assert found(folder)[-2]["detail"]["dropped_bytes"] == len(hole)
    assert verify(folder).ok


def test_lines_behind_the_published_end_stay_if_they_continue_it(
    opened: Open, folder: Path, written: Path, system: Any
) -> None:
    """They may have been synced before the process was killed; they are written again, and synced."""
    whole = written.read_bytes()
    head = (folder / HEAD).read_bytes()
    opened().close()
    after = written.read_bytes()
    assert after.startswith(whole)
    (folder / HEAD).write_bytes(head)
    again: list[tuple[bytes, int]] = []
    real = system.pwrite
    system.pwrite = lambda fd, data, offset: again.append((data, offset)) or real(fd, data, offset)
    opened(system=system)
    assert again[0] == (after[len(whole) :], len(whole))
    assert system.diary.index("fdatasync") >= 0
    assert written.read_bytes() == after
    assert verify(folder).ok


def test_a_file_begun_and_never_used_is_removed(opened: Open, folder: Path, written: Path) -> None:
    for torn in (b"", b'{"version":1,"se'):
        (folder / "book-000002.jsonl").write_bytes(torn)
        (folder / "book-000002.jsonl").chmod(0o600)
        opened().close()
        assert not (folder / "book-000002.jsonl").exists()
    assert verify(folder).ok
    assert found(folder)[-1]["detail"]["dropped_bytes"] == 16


def test_a_first_file_that_is_torn_is_begun_anew(opened: Open, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / SEGMENT).write_bytes(b'{"version":')
    (folder / SEGMENT).chmod(0o600)
    opened()
    assert kinds(folder) == ["segment", "recovered"]
    assert verify(folder).ok


def test_a_lost_head_is_made_again(opened: Open, folder: Path, written: Path) -> None:
    (folder / HEAD).unlink()
    opened()
    assert kinds(folder)[-1] == "outcome"
    assert verify(folder).ok


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.booleans())
def test_a_changed_log_is_not_continued(
    opened: Open, folder: Path, written: Path, where: float, head: bool
) -> None:
    kept = written.read_bytes(), (folder / HEAD).read_bytes()
    try:
        if not head:
            (folder / HEAD).unlink()
        flip(written, int(where * (len(kept[0]) - 1)))  # the last byte is another test's
        with pytest.raises(BookDamaged, match=r"changed|torn|rewritten") as raised:
            opened()
        assert "audit verify" in raised.value.hint
    finally:
        written.write_bytes(kept[0])
        (folder / HEAD).write_bytes(kept[1])
        (folder / HEAD).chmod(0o600)


@pytest.mark.parametrize("cut", [1, 10, 900])
def test_a_log_shorter_than_published_is_not_continued(
    opened: Open, folder: Path, written: Path, cut: int
) -> None:
    data = written.read_bytes()
    written.write_bytes(data[:-cut])
    with pytest.raises(BookDamaged, match="changed or cut off"):
        opened()
    assert written.read_bytes() == data[:-cut], "evidence was touched"


def test_a_log_written_anew_is_not_continued(
    opened: Open, folder: Path, written: Path, tmp_path: Path, clock: Any
) -> None:
    other = Book.open(tmp_path / "other", hmac_key=b"k" * 32, clock=clock)
    for _ in range(20):
        other.record(started("0"))
    other.close()
    written.write_bytes((tmp_path / "other" / SEGMENT).read_bytes())
    with pytest.raises(BookDamaged):
        opened()


def test_a_part_written_anew_with_a_chain_of_its_own_is_not_continued(opened: Open, written: Path) -> None:
    """Same log, same length, every line well chained: only the published position tells."""
    first, *rest = written.read_bytes().splitlines()
    made = [first]
    for line in rest:
        members = {**orjson.loads(line), "prev": link(made[-1])}
        members.pop("leaf")
        if members["kind"] == "intent":
            members["agent"] = "support-tnega"
        made.append(seal(orjson.dumps(members)))
    forged = b"\n".join(made) + b"\n"
    assert len(forged) == written.stat().st_size
    written.write_bytes(forged)
    with pytest.raises(BookDamaged, match="rewritten"):
        opened()


def test_a_missing_file_is_not_passed_over(opened: Open, folder: Path, intent_of: Intents) -> None:
    book = opened(segment_bytes=1)
    for number in range(4):
        book.record(intent_of(f"d_{number}"))
    book.close()
    for name in ("book-000003.jsonl", "book-000004.jsonl"):
        data = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(BookDamaged, match=f"{name}' is gone"):
            opened()
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    opened()


def test_all_files_missing_is_no_new_log(opened: Open, written: Path) -> None:
    written.unlink()
    with pytest.raises(BookDamaged, match="is gone"):
        opened()


def test_a_changed_head_is_told(opened: Open, folder: Path, written: Path) -> None:
    flip(folder / HEAD, 40)
    with pytest.raises(BookDamaged, match="checksum"):
        opened()


def test_more_than_a_batch_is_not_cut_off(opened: Open, written: Path) -> None:
    with written.open("ab") as file:
        file.write(b"\x00" * (3 * 1024 * 1024))
    with pytest.raises(BookDamaged):
        opened()


@pytest.mark.parametrize("name", [SEGMENT, HEAD, ""])
def test_loose_permissions_are_refused(opened: Open, folder: Path, written: Path, name: str) -> None:
    (folder / name).chmod(0o755 if not name else 0o640)
    with pytest.raises(BookDamaged, match="open to other users") as raised:
        opened()
    assert "chmod" in raised.value.hint


@pytest.mark.parametrize("name", [SEGMENT, HEAD])
def test_links_are_refused(opened: Open, folder: Path, written: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "target")
    (folder / name).symlink_to(tmp_path / "target")
    with pytest.raises(BookUnavailable):
        opened()


def test_a_linked_folder_is_refused(opened: Open, folder: Path, written: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "real")
    folder.symlink_to(tmp_path / "real")
    with pytest.raises(BookUnavailable, match="cannot be opened"):
        opened()


def test_a_pipe_is_refused_at_once(opened: Open, folder: Path, written: Path) -> None:
    import os

    written.unlink()
    os.mkfifo(written, 0o600)
    with pytest.raises(BookDamaged, match="not a regular file"):
        opened()


def test_what_cannot_be_a_folder_is_told(opened: Open, folder: Path) -> None:
    folder.write_text("x")
    with pytest.raises(BookUnavailable, match="cannot be opened"):
        opened()
