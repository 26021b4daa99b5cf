"""The store: whole transactions, durable, on one thread, and plain about what is wrong with it."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
from wharfinger.keeping.schema import APPLICATION_ID, STEPS
from wharfinger.keeping.store import STORE_FILE, Store, StoreUnavailable


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as opened:
        yield opened


def put(connection, key, value):
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def value(connection, key):
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row and row["value"]


def fail_after_put(connection, key):
    put(connection, key, "half")
    raise LookupError("no")


async def test_a_transaction_is_seen_by_the_next(store):
    await store.run(put, "k", value="v")
    assert await store.run(value, "k") == "v"
    assert store.run_sync(value, "k") == "v"


async def test_of_a_transaction_that_raises_nothing_remains(store):
    with pytest.raises(LookupError):
        await store.run(fail_after_put, "k")
    assert await store.run(value, "k") is None
    await store.run(put, "k", "v")


async def test_all_work_runs_in_one_thread_that_is_not_the_loops(store):
    threads = {await store.run(lambda _: threading.get_ident()) for _ in range(5)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


async def test_a_slow_transaction_does_not_hold_up_the_loop(store):
    gate = threading.Event()
    slow = asyncio.gather(store.run(lambda _: gate.wait(5)))
    await asyncio.sleep(0.01)
    gate.set()
    assert await slow == [True]


async def test_work_is_carried_out_though_its_caller_is_cancelled(store):
    gate = threading.Event()
    first = asyncio.ensure_future(store.run(lambda _: gate.wait(5)))  # noqa: TID251
    second = asyncio.ensure_future(store.run(put, "k", "v"))  # noqa: TID251
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    assert await store.run(value, "k") == "v"


async def test_concurrent_increments_are_not_lost(store):
    def increment(connection):
        put(connection, "n", str(int(value(connection, "n") or 0) + 1))

    await asyncio.gather(*(store.run(increment) for _ in range(100)))
    assert await store.run(value, "n") == "100"


def test_what_was_stored_is_there_after_reopening(tmp_path):
    with Store.open(tmp_path) as store:
        store.run_sync(put, "k", "v")
    with Store.open(tmp_path) as store:
        assert store.run_sync(value, "k") == "v"


def test_what_was_stored_survives_a_kill(tmp_path):
    code = (
        "import os, sys, signal, pathlib\n"
        "from wharfinger.keeping.store import Store\n"
        "store = Store.open(pathlib.Path(sys.argv[1]))\n"
        "store.run_sync(lambda c: c.execute(\"INSERT INTO meta VALUES ('k', 'v')\") and None)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with Store.open(tmp_path) as store:
        assert store.run_sync(value, "k") == "v"


def test_all_files_are_private(tmp_path, store):
    store.run_sync(put, "k", "v")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {STORE_FILE: 0o600, f"{STORE_FILE}-wal": 0o600, f"{STORE_FILE}-shm": 0o600}


def test_commits_are_synced(store):
    pragma = {name: store.run_sync(lambda c, n=name: c.execute(f"PRAGMA {n}").fetchone()[0]) for name in (
        "journal_mode", "synchronous", "foreign_keys", "user_version", "application_id")}  # fmt: skip
    assert pragma == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "user_version": len(STEPS),
        "application_id": APPLICATION_ID,
    }


def test_a_closed_store_says_so_and_closes_twice(store):
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        store.run_sync(value, "k")


def test_an_error_in_a_statement_is_its_authors(store):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        store.run_sync(lambda c: c.execute("SELECT x FROM absent"))
    with pytest.raises(sqlite3.IntegrityError):
        store.run_sync(lambda c: c.execute("INSERT INTO meta VALUES ('k', NULL)"))
    store.run_sync(put, "k", "v")


def test_a_locked_store_is_unavailable_and_recovers(tmp_path, store):
    store.run_sync(lambda c: c.execute("PRAGMA busy_timeout = 50") and None)
    other = sqlite3.connect(tmp_path / STORE_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another program has it locked"):
        store.run_sync(put, "k", "v")
    other.execute("ROLLBACK")
    other.close()
    store.run_sync(put, "k", "v")


def test_a_full_disk_is_unavailable_and_recovers_when_there_is_room(store):
    pages = store.run_sync(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    store.run_sync(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        store.run_sync(put, "k", "v" * 100_000)
    store.run_sync(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchone())
    assert store.run_sync(value, "k") is None
    store.run_sync(put, "k", "v" * 100_000)


def test_a_damaged_store_is_refused(tmp_path):
    with Store.open(tmp_path) as store:
        for n in range(200):
            store.run_sync(put, f"k{n}", "v" * 200)
    path = tmp_path / STORE_FILE
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreUnavailable, match="it is damaged") as caught:
        Store.open(tmp_path)
    assert "restore it from a backup" in caught.value.hint


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 50, b"x" * 600])
def test_what_is_no_database_is_refused(tmp_path, content):
    (tmp_path / STORE_FILE).write_bytes(content)
    (tmp_path / STORE_FILE).chmod(0o600)
    with pytest.raises(StoreUnavailable, match="it is no database"):
        Store.open(tmp_path)


def test_a_newer_store_is_refused(tmp_path):
    with Store.open(tmp_path) as store:
        store.run_sync(lambda c: c.execute("PRAGMA user_version = 99") and None)
    with pytest.raises(StoreUnavailable, match="written by a newer version"):
        Store.open(tmp_path)


def test_another_programs_database_is_refused(tmp_path):
    with Store.open(tmp_path) as store:
        store.run_sync(lambda c: c.execute("PRAGMA application_id = 7") and None)
    with pytest.raises(StoreUnavailable, match="of another program"):
        Store.open(tmp_path)


def test_a_step_that_fails_changes_nothing(tmp_path, monkeypatch):
    with Store.open(tmp_path) as store:
        store.run_sync(put, "k", "v")
    step = ("CREATE TABLE added (x) STRICT", "CREATE TABLE nonsense")
    monkeypatch.setattr("wharfinger.keeping.store.STEPS", (*STEPS, step))
    with pytest.raises(StoreUnavailable):
        Store.open(tmp_path)
    monkeypatch.setattr("wharfinger.keeping.store.STEPS", (*STEPS, ("CREATE TABLE added (x TEXT) STRICT",)))
    with Store.open(tmp_path) as store:
        assert store.run_sync(value, "k") == "v"
        assert store.run_sync(lambda c: c.execute("PRAGMA user_version").fetchone()[0]) == len(STEPS) + 1


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_store_open_to_others_is_refused(tmp_path, mode):
    Store.open(tmp_path).close()
    (tmp_path / STORE_FILE).chmod(mode)
    with pytest.raises(StoreUnavailable, match="open to other users"):
        Store.open(tmp_path)


def test_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / STORE_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match="symbolic link"):
        Store.open(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be opened: no such file"):
        Store.open(tmp_path / "gone")
