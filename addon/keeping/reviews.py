"""The review queue: calls that were let out under `review: true`, for a person to look at afterwards.

An entry is durable before the call is sent, and learns its outcome when there is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wharfinger.approvals.question import Question, question
from wharfinger.faults import Fault
from wharfinger.rules.types import JSON, Decision, Request

if TYPE_CHECKING:
    from wharfinger.clock import Clock
    from wharfinger.keeping.store import Connection, Row, Store

KEPT = timedelta(days=90)
"""How long an entry that has been looked at is kept."""
UNKNOWN = "unknown"
"""Outcome of calls that were under way when the proxy ended."""


class UnknownReview(Fault):
    """The queue has no such entry, or it has been looked at."""


class Reviews:
    """The queue of one data folder."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def open(self) -> None:
        """Note of what an earlier run left under way that nobody knows how it ended."""
        await self._store.run(_open, self._clock.now() - KEPT)

    async def add(self, decision_id: str, request: Request, decision: Decision) -> None:
        """Queue a call that is about to be sent."""
        shown = question(request, decision)
        await self._store.run(_add, decision_id, request.agent, shown, self._clock.now())

    async def end(self, decision_id: str, outcome: str, status: int | None) -> None:
        """Note how it ended."""
        await self._store.run(_end, decision_id, outcome, status)

    async def list(self, *, everything: bool = False) -> list[JSON]:
        """What waits to be looked at, newest first; with `everything` what has been, too."""
        return await self._store.run(_list, everything)

    async def done(self, decision_id: str, person: str, comment: str) -> None:
        """A person has looked at it; raises `UnknownReview`."""
        await self._store.run(_done, decision_id, person, comment, self._clock.now())


def _open(connection: Connection, before: datetime) -> None:
    connection.execute("UPDATE reviews SET outcome = ? WHERE outcome IS NULL", (UNKNOWN,))
    connection.execute("DELETE FROM reviews WHERE reviewed < ?", (_text(before),))


def _add(connection: Connection, decision_id: str, agent: str, shown: Question, now: datetime) -> None:
    connection.execute(
        "INSERT INTO reviews (decision, agent, at, document) VALUES (?, ?, ?, ?)",
        (decision_id, agent, _text(now), json.dumps(shown.as_json())),
    )


def _end(connection: Connection, decision_id: str, outcome: str, status: int | None) -> None:
    connection.execute(
        "UPDATE reviews SET outcome = ?, status = ? WHERE decision = ?", (outcome, status, decision_id)
    )


def _list(connection: Connection, everything: bool) -> list[JSON]:
    rows: Iterable[Row] = connection.execute(
        "SELECT * FROM reviews WHERE ? OR reviewed IS NULL ORDER BY at DESC, decision LIMIT 500",
        (everything,),
    )
    return [
        {
            "decision": row["decision"],
            "agent": row["agent"],
            "at": row["at"],
            "outcome": row["outcome"],
            "status": row["status"],
            "reviewed": row["reviewed"],
            "person": row["person"],
            "comment": row["comment"],
            "request": json.loads(row["document"]),
        }
        for row in rows
    ]


def _done(connection: Connection, decision_id: str, person: str, comment: str, now: datetime) -> None:
    changed = connection.execute(
        "UPDATE reviews SET reviewed = ?, person = ?, comment = ? WHERE decision = ? AND reviewed IS NULL",
        (_text(now), person, comment, decision_id),
    )
    if changed.rowcount == 0:
        raise UnknownReview(
            f'no call "{decision_id[:100]}" waits to be looked at', "see: wharfinger approvals reviews"
        )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
