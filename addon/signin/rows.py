"""What the store holds of signing in: functions of a connection, each one transaction.

Tokens are kept as their SHA-256 alone. They are 256 random bits, so that a slow hash would add nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wharfinger.signin.session import Began, Kind, Session

if TYPE_CHECKING:
    from wharfinger.keeping.store import Connection, Row


def password(conn: Connection, person: str) -> str | None:
    """What is kept of the person's password."""
    row = conn.execute("SELECT hash FROM passwords WHERE person = ?", (person,)).fetchone()
    return None if row is None else str(row["hash"])


def with_passwords(conn: Connection) -> frozenset[str]:
    """The people who have a password."""
    return frozenset(row["person"] for row in conn.execute("SELECT person FROM passwords"))


def set_password(conn: Connection, person: str, kept: str, now: datetime) -> None:
    """Put a password in place of the one before."""
    conn.execute(
        "INSERT INTO passwords (person, hash, changed) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (person) DO UPDATE SET hash = ?2, changed = ?3",
        (person, kept, _text(now)),
    )


def add_link(conn: Connection, digest: bytes, person: str, ends: datetime, now: datetime) -> None:
    """Keep a one-time link; the person's earlier ones end with it."""
    conn.execute("DELETE FROM sign_in_links WHERE person = ? OR ends <= ?", (person, _text(now)))
    conn.execute(
        "INSERT INTO sign_in_links (digest, person, ends) VALUES (?, ?, ?)", (digest, person, _text(ends))
    )


def take_link(conn: Connection, digest: bytes, now: datetime) -> str | None:
    """The person of a link, which is used up by this; None for one that is not good (any more)."""
    row = conn.execute(
        "DELETE FROM sign_in_links WHERE digest = ? AND ends > ? RETURNING person", (digest, _text(now))
    ).fetchone()
    return None if row is None else str(row["person"])


def add(conn: Connection, session: Session) -> None:
    """Keep a new session."""
    conn.execute(
        "INSERT INTO sessions (id, digest, person, kind, began, label, role, created, seen, ends) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session.id,
            session.digest,
            session.person,
            session.kind.value,
            session.began.value,
            session.label,
            session.role,
            _text(session.created),
            _text(session.seen),
            _text(session.ends),
        ),
    )


def seen(conn: Connection, session_id: str, now: datetime) -> None:
    """Note that a session was used."""
    conn.execute("UPDATE sessions SET seen = ? WHERE id = ?", (_text(now), session_id))


def remove(conn: Connection, ids: tuple[str, ...]) -> None:
    """End sessions: what has ended is in the book, and nowhere else."""
    conn.executemany("DELETE FROM sessions WHERE id = ?", [(one,) for one in ids])


def every(conn: Connection) -> tuple[Session, ...]:
    """All sessions."""
    return tuple(_session(row) for row in conn.execute("SELECT * FROM sessions ORDER BY created, id"))


def _session(row: Row) -> Session:
    return Session(
        row["id"],
        bytes(row["digest"]),
        row["person"],
        Kind(row["kind"]),
        Began(row["began"]),
        row["label"],
        row["role"],
        datetime.fromisoformat(row["created"]),
        datetime.fromisoformat(row["seen"]),
        datetime.fromisoformat(row["ends"]),
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
