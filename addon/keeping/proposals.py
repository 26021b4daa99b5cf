"""Which proposed tools a person has approved, in the store.

An approval is of a digest: a tool that changes is proposed again. Each function takes the connection of a
transaction first, for `Store.run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wharfinger.keeping.store import Connection, Row


@dataclass(frozen=True, slots=True)
class Approved:
    """One approval."""

    tool: str
    digest: str
    person: str
    at: datetime


def approve(connection: Connection, tools: Mapping[str, str], person: str, now: datetime) -> frozenset[str]:
    """Approve these digests, by name of the tool, in place of earlier ones; all that are approved now."""
    at = now.astimezone(UTC).isoformat(timespec="microseconds")
    for name, digest in sorted(tools.items()):
        connection.execute("DELETE FROM approved_tools WHERE tool = ?", (name,))
        connection.execute(
            "INSERT INTO approved_tools (tool, digest, person, at) VALUES (?, ?, ?, ?)",
            (name, digest, person, at),
        )
    return digests(connection)


def withdraw(connection: Connection, names: Iterable[str]) -> frozenset[str]:
    """Take approvals back; all that are left."""
    for name in sorted(set(names)):
        connection.execute("DELETE FROM approved_tools WHERE tool = ?", (name,))
    return digests(connection)


def every(connection: Connection) -> tuple[Approved, ...]:
    """All approvals, by name of the tool."""
    rows = connection.execute("SELECT tool, digest, person, at FROM approved_tools ORDER BY tool")
    return tuple(map(_approved, rows))


def some(connection: Connection, after: str, limit: int) -> tuple[Approved, ...]:
    """The approvals of the tools whose names come after one, by name: `limit` of them at most."""
    rows = connection.execute(
        "SELECT tool, digest, person, at FROM approved_tools WHERE tool > ? ORDER BY tool LIMIT ?",
        (after, limit),
    )
    return tuple(map(_approved, rows))


def digests(connection: Connection) -> frozenset[str]:
    """The digests that are approved."""
    return frozenset(approved.digest for approved in every(connection))


def _approved(row: Row) -> Approved:
    return Approved(row["tool"], row["digest"], row["person"], datetime.fromisoformat(row["at"]))
