"""Events of the book as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wharfinger.audit.reader import Record


@dataclass(frozen=True, slots=True)
class Row:
    """One event in a line."""

    seq: int
    at: datetime
    kind: str
    agent: str
    what: str
    """The tools called, or the action commanded."""
    where: str
    verdict: str
    result: str
    """How it ended, or where it came to."""
    why: str
    who: str
    """The person."""
    reference: str
    """What leads to its whole life."""
    members: Mapping[str, Any]


def row(record: Record, end: Mapping[str, Any] | None = None) -> Row:
    """An event in a line; `end` is the outcome of its decision, if it is known."""
    held = record.members
    outcome = end or held
    result = " ".join(
        str(outcome[name]) for name in ("outcome", "status", "state") if outcome.get(name) not in {None, ""}
    )
    where = f"{held.get('method', '')} {held.get('host', '')}{held.get('path', '')}" if "host" in held else ""
    return Row(
        seq=record.seq,
        at=record.time,
        kind=record.kind,
        agent=str(held.get("agent", "")),
        what=", ".join(record.tools) or str(held.get("action", "")),
        where=where,
        verdict=str(held.get("verdict", "")),
        result=result,
        why=str(held.get("reason", "")),
        who=str(held.get("person", "")),
        reference=str(held.get("decision") or held.get("approval") or record.seq),
        members=held,
    )
