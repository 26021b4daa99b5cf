"""The emergency deny list in the store.

Each function takes the connection of a transaction first, for `Store.run`.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wharfinger.faults import Fault
from wharfinger.rules.policies.denials import Denial

if TYPE_CHECKING:
    from wharfinger.keeping.store import Connection, Row


class UnknownDenial(Fault):
    """The list has no such entry."""


def add(connection: Connection, new: Denial, now: datetime) -> Denial:
    """Put an entry on the list, under an id of its own."""
    denial = replace(new, id=f"deny_{secrets.token_hex(4)}", created=now)
    connection.execute(
        "INSERT INTO denials (id, tool, host, agent, because, person, created, ends)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            denial.id, denial.tool, denial.host, denial.agent, denial.because, denial.person, _text(now),
            None if denial.ends is None else _text(denial.ends),
        ),
    )  # fmt: skip
    return denial


def remove(connection: Connection, denial_id: str) -> None:
    """Take an entry off the list; raises `UnknownDenial`."""
    if connection.execute("DELETE FROM denials WHERE id = ?", (denial_id,)).rowcount == 0:
        raise UnknownDenial(f'there is no denial "{denial_id[:100]}"', "see: wharfinger deny list")


def every(connection: Connection, now: datetime) -> tuple[Denial, ...]:
    """The entries in force at `now`, oldest first; those that have ended are dropped."""
    connection.execute("DELETE FROM denials WHERE ends IS NOT NULL AND ends <= ?", (_text(now),))
    return tuple(_denial(row) for row in connection.execute("SELECT * FROM denials ORDER BY created, id"))


def _denial(row: Row) -> Denial:
    return Denial(
        row["id"],
        row["tool"],
        row["host"],
        row["agent"],
        row["because"],
        row["person"],
        datetime.fromisoformat(row["created"]),
        None if row["ends"] is None else datetime.fromisoformat(row["ends"]),
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
