"""Who is asked, and who has agreed, as plain JSON for the store and for those who look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from wharfinger.rules.policies.asking import Seat
from wharfinger.rules.types import Absence, Ask, Escalation


@dataclass(frozen=True, slots=True)
class Given:
    """One person's yes."""

    seat: Seat
    at: datetime
    comment: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON of this: `person` gave it, in the stead of `principal`."""
        return {
            "person": self.seat.person,
            "principal": self.seat.principal,
            "at": self.at.isoformat(),
            "comment": self.comment,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Given:
        """Read back what `as_json` gave."""
        return cls(Seat(data["person"], data["principal"]), moment(data["at"]), data["comment"])


def as_json(ask: Ask) -> dict[str, Any]:
    """Plain JSON of what a rule asks."""
    return {
        "approvers": list(ask.approvers),
        "people": sorted(ask.people),
        "expires": ask.expires.total_seconds(),
        "quorum": ask.quorum,
        "separate": ask.separate,
        "escalations": [
            {
                "after": each.after.total_seconds(),
                "approvers": list(each.approvers),
                "people": sorted(each.people),
            }
            for each in ask.escalations
        ],
        "absences": [
            {"person": each.person, "deputy": each.deputy, "until": each.until.isoformat()}
            for each in ask.absences
        ],
    }


def from_json(data: Mapping[str, Any]) -> Ask:
    """Read back what `as_json` gave."""
    return Ask(
        tuple(data["approvers"]),
        frozenset(data["people"]),
        timedelta(seconds=data["expires"]),
        data["quorum"],
        data["separate"],
        tuple(
            Escalation(timedelta(seconds=each["after"]), tuple(each["approvers"]), frozenset(each["people"]))
            for each in data["escalations"]
        ),
        tuple(Absence(each["person"], each["deputy"], moment(each["until"])) for each in data["absences"]),
    )


def moment(text: str) -> datetime:
    """An instant as the store has it."""
    return datetime.fromisoformat(text).astimezone(UTC)
