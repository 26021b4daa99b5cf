"""Links, and what was posted where, in the store; the tables are in `wharfinger.keeping.schema`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wharfinger.approvals.rows import Transaction
from wharfinger.channels.links import TRIES, Link

_LINK = "id, approval, person, digest, expires, used, tries"


def add_link(conn: Transaction, link: Link) -> None:
    """Keep a new link."""
    conn.execute(
        f"INSERT INTO approval_links ({_LINK}) VALUES (?, ?, ?, ?, ?, NULL, 0)",  # noqa: S608
        (link.id, link.approval, link.person, link.digest, _moment(link.expires)),
    )


def link(conn: Transaction, link_id: str) -> Link | None:
    """One link."""
    row = conn.execute(f"SELECT {_LINK} FROM approval_links WHERE id = ?", (link_id,)).fetchone()  # noqa: S608
    return None if row is None else _read(row)


def live_links(conn: Transaction, now: datetime) -> tuple[Link, ...]:
    """All links that have neither ended nor been used."""
    found = conn.execute(
        f"SELECT {_LINK} FROM approval_links WHERE used IS NULL AND expires > ?",  # noqa: S608
        (_moment(now),),
    )
    return tuple(_read(row) for row in found.fetchall())


def with_link(conn: Transaction, approval: str) -> frozenset[str]:
    """The people who were sent a link for this approval."""
    found = conn.execute("SELECT person FROM approval_links WHERE approval = ?", (approval,))
    return frozenset(row[0] for row in found.fetchall())


def take_try(conn: Transaction, link_id: str, now: datetime) -> bool:
    """Count one try of a code, before it is looked at; False where the link has ended or has had its tries.

    So that of many at once no more than the limit are looked at.
    """
    changed = conn.execute(
        "UPDATE approval_links SET tries = tries + 1 "
        "WHERE id = ? AND tries < ? AND used IS NULL AND expires > ?",
        (link_id, TRIES, _moment(now)),
    )
    return changed.rowcount == 1


def use(conn: Transaction, link_id: str, now: datetime) -> bool:
    """Use up a link; True for one caller only."""
    changed = conn.execute(
        "UPDATE approval_links SET used = ? WHERE id = ? AND used IS NULL", (_moment(now), link_id)
    )
    return changed.rowcount == 1


def posted(conn: Transaction, channel: str, approval: str, place: Mapping[str, str], now: datetime) -> None:
    """Keep where a question was posted; one that was posted again is answered at the newer place."""
    conn.execute(
        "INSERT OR REPLACE INTO channel_posts (approval, channel, place, at) VALUES (?, ?, ?, ?)",
        (approval, channel, _place(place), _moment(now)),
    )


def place(conn: Transaction, channel: str, approval: str) -> dict[str, str] | None:
    """Where a question was posted."""
    row = conn.execute(
        "SELECT place FROM channel_posts WHERE approval = ? AND channel = ?", (approval, channel)
    ).fetchone()
    return None if row is None else json.loads(row[0])


def told(conn: Transaction, approval: str) -> bool:
    """Whether anybody was told of this approval by any channel."""
    found = conn.execute("SELECT 1 FROM channel_posts WHERE approval = ? LIMIT 1", (approval,))
    return found.fetchone() is not None


def prune(conn: Transaction, older_than: datetime) -> None:
    """Forget links and places of a time when no approval can be open any more."""
    moment = _moment(older_than)
    conn.execute("DELETE FROM approval_links WHERE expires < ?", (moment,))
    conn.execute("DELETE FROM channel_posts WHERE at < ?", (moment,))


def _read(row: Sequence[Any]) -> Link:
    used = None if row[5] is None else datetime.fromisoformat(row[5])
    return Link(row[0], row[1], row[2], row[3], datetime.fromisoformat(row[4]), used, row[6])


def _place(place: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(place.items())), separators=(",", ":"))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
