"""Approvals in the store: one row each, and one row of history for each change.

The tables are in `wharfinger.keeping.schema`. A row is only ever changed from the state it was read in, so of
two that race one finds nothing to change and fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from wharfinger.approvals.approval import Approval
from wharfinger.approvals.states import ApprovalError, Move, State


class Rows(Protocol):
    """What a statement gives back; `sqlite3.Cursor` is one."""

    @property
    def rowcount(self) -> int:
        """Rows changed."""
        ...

    def fetchone(self) -> Any:
        """The next row or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows left."""
        ...


class Transaction(Protocol):
    """What is needed of a database connection; `sqlite3.Connection` is one."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Rows:
        """Execute one statement."""
        ...


class Store(Protocol):
    """What is needed of the store: a transaction in its one writer."""

    async def run[T](self, work: Callable[[Transaction], T], /) -> T:
        """Do `work` in one transaction that is durable when this returns."""
        ...


def insert(conn: Transaction, approval: Approval) -> None:
    """Add a new approval."""
    conn.execute(
        "INSERT INTO approvals (id, agent_id, state, created, document) VALUES (?, ?, ?, ?, ?)",
        (
            approval.id,
            approval.agent_id,
            approval.state.value,
            _moment(approval.created),
            _document(approval),
        ),
    )
    _remember(conn, approval, "ask", approval.created)


def change(conn: Transaction, before: Approval, approval: Approval, move: Move) -> None:
    """Change an approval that still is as it was `before`; raises `ApprovalError` if it is not."""
    stored = get(conn, approval.id)
    if stored is None or _standing(stored) != _standing(before):
        raise ApprovalError(f"approval {approval.id} is no longer {before.state.value}")
    changed = conn.execute(
        "UPDATE approvals SET state = ?, document = ? WHERE id = ? AND state = ?",
        (approval.state.value, _document(approval), approval.id, before.state.value),
    )
    if changed.rowcount != 1:
        raise ApprovalError(f"approval {approval.id} is no longer {before.state.value}")
    _remember(conn, approval, move.value, approval.changed or approval.created)


def _standing(approval: Approval) -> tuple[object, ...]:
    return approval.state, approval.step, approval.given


def get(conn: Transaction, approval_id: str) -> Approval | None:
    """One approval by its whole id."""
    row = conn.execute("SELECT document FROM approvals WHERE id = ?", (approval_id,)).fetchone()
    return None if row is None else _read(row)


def newest(conn: Transaction, states: Iterable[State], limit: int) -> tuple[Approval, ...]:
    """The newest `limit` approvals in any of `states`, newest first."""
    wanted = [state.value for state in states]
    marks = ", ".join("?" * len(wanted))
    found = conn.execute(
        f"SELECT document FROM approvals WHERE state IN ({marks}) ORDER BY created DESC, id LIMIT ?",  # noqa: S608
        (*wanted, limit),
    )
    return tuple(_read(row) for row in found.fetchall())


def history(conn: Transaction, approval_id: str) -> tuple[dict[str, Any], ...]:
    """Every change of one approval, oldest first, as plain JSON."""
    found = conn.execute(
        "SELECT at, move, state, person, comment FROM approval_history WHERE approval = ? ORDER BY rowid",
        (approval_id,),
    )
    names = ("at", "move", "state", "person", "comment")
    return tuple(dict(zip(names, row, strict=True)) for row in found.fetchall())


def prune(conn: Transaction, older_than: datetime) -> None:
    """Forget what ended and was asked before `older_than`; the book keeps the record of it."""
    ended = [state.value for state in State if not state.live]
    marks = ", ".join("?" * len(ended))
    conn.execute(
        f"DELETE FROM approvals WHERE state IN ({marks}) AND created < ?",  # noqa: S608
        (*ended, _moment(older_than)),
    )
    conn.execute("DELETE FROM approval_history WHERE approval NOT IN (SELECT id FROM approvals)")


def _remember(conn: Transaction, approval: Approval, move: str, at: datetime) -> None:
    conn.execute(
        "INSERT INTO approval_history (approval, at, move, state, person, comment) VALUES (?, ?, ?, ?, ?, ?)",
        (approval.id, _moment(at), move, approval.state.value, approval.person, approval.comment),
    )


def _document(approval: Approval) -> str:
    return json.dumps(approval.as_json())


def _read(row: Sequence[Any]) -> Approval:
    return Approval.from_json(json.loads(row[0]))


def _moment(moment: datetime) -> str:
    """As all of the store writes moments, so that text sorts as time passes."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
