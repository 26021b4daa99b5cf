"""Which events may match a query, by SQLite; the events themselves are read from the log, and checked.

Rules: nothing is found here that the log does not hold, for every candidate is read from its file and must
match; nothing is missed, for the index is brought up to the log's durable end before it is asked; an index
of another log, of another form, or one that cannot be read is thrown away and made anew.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from wharfinger.audit import published
from wharfinger.audit.chain import LINE_LIMIT, VERSION
from wharfinger.audit.folder import Folder
from wharfinger.audit.reader import Query, Record, Tail

_FORM = 1
_BATCH = 5_000
_TRIGRAM = 3
"""Characters below which text cannot be looked up, and is looked for in every candidate."""

_TABLES = """
CREATE TABLE about (form INTEGER NOT NULL, log TEXT NOT NULL);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, agent TEXT, agent_id TEXT,
    verdict TEXT, file TEXT NOT NULL, place INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_time ON events (time);
CREATE INDEX events_by_agent ON events (agent, seq);
CREATE TABLE tools (tool TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tool, seq)) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize='trigram case_sensitive 0');
"""


class Index:
    """The index of one log."""

    def __init__(self, path: Path, audit: Path) -> None:
        """Open the index at `path`, or make it."""
        self._path = path
        self._audit = audit
        self._folder = Folder.open(audit)
        position = published.read(self._folder)
        self._log = position.log if position is not None else ""
        self._db = self._opened()

    def close(self) -> None:
        """Let go of everything."""
        self._db.close()
        self._folder.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            db = self._connect()
            try:
                if db.execute("SELECT form, log FROM about").fetchone() == (_FORM, self._log):
                    return db
            except sqlite3.Error:
                pass
            db.close()
        except sqlite3.Error:
            pass
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)
        db = self._connect()
        db.executescript(_TABLES)
        db.execute("INSERT INTO about VALUES (?, ?)", (_FORM, self._log))
        return db

    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")  # it can be made anew
        except BaseException:
            db.close()
            raise
        return db

    def update(self) -> int:
        """Take up what the log has more; how many events that was."""
        (last,) = self._db.execute("SELECT coalesce(max(seq), -1) FROM events").fetchone()
        tail, count = Tail(self._audit, after=last), 0
        try:
            while batch := list(islice(tail.new(), _BATCH)):
                self._add(batch)
                count += len(batch)
        finally:
            tail.close()
        return count

    def _add(self, records: list[Record]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for record in records:
                held = record.members
                row = (record.seq, _moment(record.time), record.kind, held.get("agent"),
                       held.get("agent_id"), held.get("verdict"), record.file, record.offset)  # fmt: skip
                self._db.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                tools = [(tool, record.seq) for tool in set(record.tools)]
                self._db.executemany("INSERT OR IGNORE INTO tools VALUES (?, ?)", tools)
                text = "\n".join(_texts(held))
                self._db.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (record.seq, text))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def search(self, query: Query) -> Iterator[Record]:
        """The durable events that `query` matches, oldest first."""
        self.update()
        wanted, values = _conditions(query)
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        statement = f"SELECT seq, file, place FROM events {where} ORDER BY seq"  # noqa: S608 - of our own words
        rows = self._db.execute(statement, values)
        held, fd = "", -1
        try:
            for seq, file, place in rows:
                if file != held:
                    if fd >= 0:
                        os.close(fd)
                    held, fd = file, self._open(file)
                if (
                    fd >= 0
                    and (record := _record(fd, seq, file, place)) is not None
                    and query.matches(record)
                ):
                    yield record
        finally:
            if fd >= 0:
                os.close(fd)

    def _open(self, file: str) -> int:
        try:
            return self._folder.open_file(file, os.O_RDONLY)
        except FileNotFoundError:  # removed by age
            return -1


def _record(fd: int, seq: int, file: str, place: int) -> Record | None:
    """The event at a place, if it is the one that is said to be there."""
    data = os.pread(fd, LINE_LIMIT, place) if place >= 0 else b""
    line, end, _ = data.partition(b"\n")
    there = end and line.startswith(b'{"version":%d,"seq":%d,' % (VERSION, seq))
    return Record(line, file, 0, place) if there else None


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _texts(value: Any) -> Iterator[str]:
    """What a query's text is looked for in: every name and value, as the query folds them."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _texts(key)
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    else:
        yield str(value).casefold()


def _conditions(query: Query) -> tuple[list[str], list[object]]:
    """What the index can say of a query: never less than what matches."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    if query.agent is not None:
        asked.append(("(agent = ? OR agent_id = ?)", (query.agent, query.agent)))
    if query.tool is not None:
        asked.append(("seq IN (SELECT seq FROM tools WHERE tool = ?)", (query.tool,)))
    if query.verdict is not None:
        asked.append(("verdict = ?", (query.verdict,)))
    if query.kind is not None:
        asked.append(("kind = ?", (query.kind,)))
    if query.since is not None:
        asked.append(("time >= ?", (_moment(query.since),)))
    if query.until is not None:
        asked.append(("time < ?", (_moment(query.until),)))
    if query.text is not None and (phrase := _phrase(query.text)):
        asked.append(("seq IN (SELECT rowid FROM texts WHERE texts MATCH ?)", (phrase,)))
    return [condition for condition, _ in asked], [value for _, values in asked for value in values]


def _phrase(text: str) -> str:
    """Text as FTS5 looks it up; empty where it is too short for that."""
    folded = text.casefold()
    if len(folded) < _TRIGRAM or "\x00" in folded:
        return ""
    return '"' + folded.replace('"', '""') + '"'
