"""Grants in the store, and what has been used of them. For `Store.run`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from wharfinger.approvals.granted import GrantError, GrantState, StoredGrant
from wharfinger.approvals.rows import Transaction
from wharfinger.rules.policies.grants import Use


def insert(conn: Transaction, grant: StoredGrant) -> None:
    """Add a new grant."""
    conn.execute(
        "INSERT INTO grants (id, agent_id, state, created, document) VALUES (?, ?, ?, ?, ?)",
        (
            grant.id,
            grant.draft.rests_on.agent_id,
            grant.state.value,
            _moment(grant.created),
            json.dumps(grant.as_json()),
        ),
    )


def change(conn: Transaction, before: StoredGrant, grant: StoredGrant) -> None:
    """Change a grant that still is as it was `before`; raises `GrantError` if it is not."""
    stored = get(conn, grant.id)
    if stored is None or (stored.state, stored.given) != (before.state, before.given):
        raise GrantError(f"grant {grant.id} is no longer {before.state.value}")
    conn.execute(
        "UPDATE grants SET state = ?, document = ? WHERE id = ?",
        (grant.state.value, json.dumps(grant.as_json()), grant.id),
    )


def get(conn: Transaction, grant_id: str) -> StoredGrant | None:
    """One grant by its whole id."""
    row = conn.execute("SELECT document FROM grants WHERE id = ?", (grant_id,)).fetchone()
    return None if row is None else StoredGrant.from_json(json.loads(row[0]))


def newest(conn: Transaction, *, everything: bool, limit: int) -> tuple[StoredGrant, ...]:
    """The newest grants, newest first; those that have ended only with `everything`."""
    found = conn.execute(
        "SELECT document FROM grants WHERE ? OR state <> ? ORDER BY created DESC, id LIMIT ?",
        (everything, GrantState.ENDED.value, limit),
    )
    return tuple(StoredGrant.from_json(json.loads(row[0])) for row in found.fetchall())


def use(conn: Transaction, decision: str, uses: Iterable[Use], at: datetime) -> None:
    """Note what a request takes."""
    for each in uses:
        conn.execute(
            "INSERT INTO grant_uses (grant_id, decision, calls, at) VALUES (?, ?, ?, ?)",
            (each.grant, decision, each.calls, _moment(at)),
        )


def forget(conn: Transaction, decision: str) -> None:
    """The request was not sent."""
    conn.execute("DELETE FROM grant_uses WHERE decision = ?", (decision,))


def used(conn: Transaction) -> dict[str, int]:
    """How many calls have been made under each grant."""
    found = conn.execute("SELECT grant_id, SUM(calls) FROM grant_uses GROUP BY grant_id")
    return {row[0]: int(row[1]) for row in found.fetchall()}


def prune(conn: Transaction, older_than: datetime) -> None:
    """Forget what has ended and was proposed before `older_than`; the book keeps the record of it."""
    conn.execute(
        "DELETE FROM grants WHERE state = ? AND created < ?", (GrantState.ENDED.value, _moment(older_than))
    )
    conn.execute("DELETE FROM grant_uses WHERE grant_id NOT IN (SELECT id FROM grants)")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
