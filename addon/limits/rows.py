"""Counts in the store. Each function takes the connection of a transaction first, for `Store.run`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from wharfinger.rules.models.limits import Window

if TYPE_CHECKING:
    from wharfinger.keeping.store import Connection


@dataclass(frozen=True, slots=True)
class Counted:
    """What one request added to one counter."""

    decision: str
    agent_id: str
    run: str
    """The run, where the window is one; else empty."""
    key: str
    window: Window
    at: datetime
    amount: Fraction


def insert(connection: Connection, counted: Iterable[Counted]) -> None:
    """Note what was counted."""
    connection.executemany(
        "INSERT INTO limit_counts (decision, agent_id, run, counter, window, at, amount)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [_values(each) for each in counted],
    )


def _values(counted: Counted) -> tuple[str, ...]:
    return (
        counted.decision,
        counted.agent_id,
        counted.run,
        counted.key,
        counted.window.value,
        _text(counted.at),
        str(counted.amount),
    )


def delete(connection: Connection, decision: str) -> None:
    """Forget what was counted for a request."""
    connection.execute("DELETE FROM limit_counts WHERE decision = ?", (decision,))


def prune(connection: Connection, before: datetime) -> None:
    """Forget what no window holds any more: what is older than `before`, and runs that have ended."""
    connection.execute("DELETE FROM limit_counts WHERE window <> 'run' AND at < ?", (_text(before),))
    connection.execute(
        "DELETE FROM limit_counts WHERE window = 'run'"
        " AND run NOT IN (SELECT id FROM runs WHERE ended IS NULL)"
    )


def every(connection: Connection) -> list[Counted]:
    """Everything that counts, oldest first."""
    found = connection.execute("SELECT * FROM limit_counts ORDER BY at, rowid")
    return [
        Counted(
            row["decision"],
            row["agent_id"],
            row["run"],
            row["counter"],
            Window(row["window"]),
            datetime.fromisoformat(row["at"]),
            Fraction(row["amount"]),
        )
        for row in found
    ]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
