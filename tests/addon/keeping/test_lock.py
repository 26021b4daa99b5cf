"""One holder of a data folder at a time, across processes."""

import fcntl
import os
import subprocess
import sys
import threading

import pytest
from wharfinger.faults import Fault
from wharfinger.keeping.lock import LOCK_FILE, Lock, LockHeld, holder

HOLD = (
    "import sys, pathlib\n"
    "from wharfinger.keeping.lock import Lock\n"
    "lock = Lock.acquire(pathlib.Path(sys.argv[1]))\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def other(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_the_lock_is_private_and_names_its_holder(tmp_path):
    with Lock.acquire(tmp_path):
        assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
        assert holder(tmp_path) == os.getpid()
    assert holder(tmp_path) is None


def test_another_process_is_named_with_the_remedy(tmp_path, other):
    with pytest.raises(LockHeld, match=f"process {other.pid} is using the data folder") as caught:
        Lock.acquire(tmp_path)
    assert caught.value.pid == other.pid
    assert "wharfinger stop" in caught.value.hint
    assert holder(tmp_path) == other.pid


def test_whoever_asks_who_holds_it_keeps_nobody_from_it(tmp_path):
    """Asking takes it for a moment, shared."""
    (tmp_path / LOCK_FILE).touch()
    handle = os.open(tmp_path / LOCK_FILE, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    asked = threading.Timer(0.03, os.close, (handle,))
    asked.start()
    try:
        with Lock.acquire(tmp_path):
            assert holder(tmp_path) == os.getpid()
    finally:
        asked.join()


def test_a_killed_holder_lets_go(tmp_path, other):
    other.kill()
    other.wait()
    Lock.acquire(tmp_path).release()


def test_the_same_process_cannot_hold_it_twice(tmp_path):
    with Lock.acquire(tmp_path), pytest.raises(LockHeld):
        Lock.acquire(tmp_path)


def test_a_released_lock_is_free_and_releasing_twice_is_harmless(tmp_path):
    lock = Lock.acquire(tmp_path)
    lock.release()
    again = Lock.acquire(tmp_path)
    lock.release()
    with pytest.raises(LockHeld):
        Lock.acquire(tmp_path)
    again.release()


def test_a_lock_whose_file_was_replaced_meanwhile_is_taken_again(tmp_path, monkeypatch):
    path, flock, rounds = tmp_path / LOCK_FILE, __import__("fcntl").flock, []

    def replacing(handle, how):
        flock(handle, how)
        if not rounds:
            path.unlink()
        rounds.append(handle)

    monkeypatch.setattr("wharfinger.keeping.lock.fcntl.flock", replacing)
    lock = Lock.acquire(tmp_path)
    assert len(rounds) == 2
    assert path.read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_symbolic_link_is_not_followed(tmp_path):
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Fault, match="cannot be opened"):
        Lock.acquire(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_without_a_lock_is_held_by_nobody(tmp_path):
    assert holder(tmp_path) is None
