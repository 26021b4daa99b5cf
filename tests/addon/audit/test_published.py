from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder
from wharfinger.audit.published import NAME, SIZE, Position, parse, read

HERE = Position("f" * 32, 3, 12345, 678, "a" * 64)


@given(st.integers(0, 2**40), st.integers(0, 2**50), st.integers(0, 2**50))
def test_what_is_published_is_read_back(segment: int, length: int, seq: int) -> None:
    position = Position("0" * 32, segment, length, seq, "9" * 64)
    assert len(position.record()) == SIZE
    assert parse(position.record()) == position


@given(st.binary(max_size=SIZE * 2))
def test_any_bytes_are_a_position_or_none(data: bytes) -> None:
    assert parse(data) is None


@given(st.integers(0, SIZE - 1), st.integers(1, 255))
def test_a_changed_record_is_none(at: int, flip: int) -> None:
    data = bytearray(HERE.record())
    data[at] ^= flip
    assert parse(bytes(data)) is None


@pytest.mark.parametrize("data", [b"", b"\x00" * SIZE])
def test_nothing_published_is_none(tmp_path: Path, data: bytes) -> None:
    tmp_path.chmod(0o700)
    folder = Folder.open(tmp_path)
    assert read(folder) is None
    (tmp_path / NAME).write_bytes(data)
    (tmp_path / NAME).chmod(0o600)
    assert read(folder) is None
    folder.close()


def test_a_record_that_is_being_overwritten_is_read_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder = Folder.open(tmp_path)
    fd = os.open(tmp_path / NAME, os.O_CREAT | os.O_WRONLY, 0o600)
    os.pwrite(fd, HERE.record(), 0)
    done = threading.Event()

    def overwrite() -> None:
        seq = 0
        while not done.is_set():
            seq += 1
            record = Position("f" * 32, 3, seq, seq, "a" * 64).record()
            os.pwrite(fd, record[:100], 0)
            os.pwrite(fd, record[100:], 100)

    thread = threading.Thread(target=overwrite)
    thread.start()
    try:
        for _ in range(300):
            position = read(folder)
            assert position is not None
            assert position.seq in (position.length, 678)
    finally:
        done.set()
        thread.join()
        os.close(fd)
    with (tmp_path / NAME).open("r+b") as file:
        file.write(b"x")
    with pytest.raises(BookDamaged, match="checksum"):
        read(folder)
    folder.close()
