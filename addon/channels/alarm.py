"""What people are told of misuse, in words: who did what and how often, and nothing of what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from wharfinger.channels.shown import cut

_LONGEST = 300
"""Characters of one name or reason."""


@dataclass(frozen=True, slots=True)
class Misused:
    """The misuse of one agent."""

    agent: str
    owner: str
    reason: str
    count: int
    decision: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Tell people of misuse, by the named channels."""

    channels: tuple[str, ...]
    found: tuple[Misused, ...]
    at: datetime
    sum: bool = False
    """Whether it adds up what happened since the alarm before it."""
    more: int = 0
    """Agents beyond those that are named."""
    addresses: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    """Ids in Slack of those whom it concerns."""


def title(alarm: Alarm) -> str:
    """What happened, in one line."""
    names = ", ".join(cut(each.agent, 80).text for each in alarm.found[:3])
    others = len(alarm.found[3:]) + alarm.more
    return f"{'Misuse goes on' if alarm.sum else 'Misuse'}: {names}" + (
        f" and {others} more" if others > 0 else ""
    )


def lines(alarm: Alarm) -> Iterator[str]:
    """What each agent did, a line for each, safe wherever plain text is."""
    for each in alarm.found:
        agent, owner = cut(each.agent, 80).text, cut(each.owner, 80).text
        times = "" if each.count == 1 else f", {each.count} times"
        whose = f" (owner {owner})" if owner else ""
        yield f"{agent}{whose}{times}: {cut(each.reason, _LONGEST).text} [{cut(each.decision, 40).text}]"
    if alarm.more:
        yield f"{alarm.more} more agents"


REFUSED = (
    "It was refused. A placeholder or a code that turns up where it does not belong means that somebody "
    "tries to use what the agent holds: see what it was doing, and suspend it if in doubt."
)
"""Stands below what happened."""
