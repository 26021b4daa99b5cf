"""The store: what must survive a restart and is neither configuration nor book.

One SQLite database in the data folder, written by the holder of the folder's lock alone. All access is
a function of a connection, run whole in one transaction on the store's own thread: `await store.run(fn,
...)` keeps the event loop free, `store.run_sync(fn, ...)` is for the command line. A transaction is
durable (WAL, synchronous=FULL) when the call returns; if the function raises, nothing of it happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Concatenate, Self
from urllib.parse import quote

from wharfinger.faults import Fault, StoreUnavailable
from wharfinger.keeping import private
from wharfinger.keeping.schema import APPLICATION_ID, STEPS

type Connection = sqlite3.Connection
type Row = sqlite3.Row

STORE_FILE = "store.db"
_BUSY_SECONDS = 2.0
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


class Store:
    """An open store. Its functions run one after the other; a call once made is carried out."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet: use `open`."""
        self.path = path
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    @classmethod
    def open(cls, data: Path) -> Self:
        """Open the store of the data folder `data`, making or updating it as needed.

        Call it under the folder's lock. Raises `StoreUnavailable` if it is damaged, open to others, of a
        newer version, or cannot be written.
        """
        store = cls(data / STORE_FILE)
        try:
            store._thread.submit(store._open).result()
        except BaseException:
            store.close()
            raise
        return store

    async def run[**P, T](
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `work(connection, ...)` returns, after its transaction has become durable.

        The work is carried out even if the caller is cancelled. Raises what `work` raises, and
        `StoreUnavailable`.
        """
        future = asyncio.wrap_future(self._submit(work, *args, **kwargs))
        future.add_done_callback(_observe)
        return await asyncio.shield(future)

    def run_sync[**P, T](
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same, waiting for it in the calling thread: never in an event loop."""
        return self._submit(work, *args, **kwargs).result()

    def close(self) -> None:
        """Wait for what was asked, then close; a second time does nothing."""
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._close).result()
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit[**P, T](
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        try:
            return self._thread.submit(lambda: self._transaction(lambda c: work(c, *args, **kwargs)))
        except RuntimeError:
            raise StoreUnavailable("the store is closed") from None

    def _transaction[T](self, work: Callable[[Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("the store is closed")
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            _roll_back(connection)
            if isinstance(error, sqlite3.DatabaseError) and _is_outage(error):
                raise _unavailable(self.path, error) from error
            raise
        return result

    def _open(self) -> None:
        try:
            _prepare(self.path)
            uri = f"file:{quote(str(self.path))}?mode=rw"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
            self._connection = connection
            connection.row_factory = sqlite3.Row
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            _check(connection, self.path)
            _update(connection, self.path)
        except sqlite3.DatabaseError as error:
            raise _unavailable(self.path, error) from error

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _prepare(path: Path) -> None:
    """Make the file ourselves, so that it (and with it `-wal` and `-shm`) is never open to others."""
    try:
        with contextlib.suppress(FileExistsError):
            private.create(path, b"")
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            private.check(path, os.fstat(handle))
        finally:
            os.close(handle)
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else (error.strerror or "unknown error").lower()
        raise StoreUnavailable(f'the store "{path}" cannot be opened: {reason}') from error
    except Fault as fault:
        raise StoreUnavailable(f"the store cannot be used: {fault.message}", fault.hint) from fault


def _check(connection: Connection, path: Path) -> None:
    kind, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if version and kind != APPLICATION_ID:
        raise StoreUnavailable(f'"{path}" is a database of another program', "move it away")
    if version > len(STEPS):
        raise StoreUnavailable(
            f'the store "{path}" was written by a newer version (format {version}, known: {len(STEPS)})',
            "install that version, or name another data folder",
        )
    if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")


def _update(connection: Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, step in enumerate(STEPS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in step:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
    private.sync_folder(path.parent)


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:  # a full disk ends the transaction by itself
            connection.execute("ROLLBACK")


def _is_outage(error: sqlite3.DatabaseError) -> bool:
    """Whether the database failed, rather than the statement it was given."""
    if type(error) is sqlite3.OperationalError:
        return error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR
    return type(error) is sqlite3.DatabaseError


_REMEDIES = {
    sqlite3.SQLITE_BUSY: ("another program has it locked", "end the program that has it open"),
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space"),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", "restore it from a backup, or move it away to start a new one"),
    sqlite3.SQLITE_NOTADB: (
        "it is no database",
        "restore it from a backup, or move it away to start a new one",
    ),
    sqlite3.SQLITE_READONLY: ("it may not be written", "check the owner and mode of the data folder"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check the owner and mode of the data folder"),
    sqlite3.SQLITE_IOERR: ("reading or writing failed", "check the disk"),
}


def _unavailable(path: Path, error: sqlite3.DatabaseError) -> StoreUnavailable:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    reason, remedy = _REMEDIES.get(code, (str(error).lower(), ""))
    return StoreUnavailable(f'the store "{path}" is not available: {reason}', remedy)


def _observe[T](future: asyncio.Future[T]) -> None:
    """Look at the outcome, so that one nobody waits for any more is not reported as lost."""
    if not future.cancelled():
        future.exception()
