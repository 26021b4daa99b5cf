"""The proxy's side of alarms: whom misuse by an agent is told to, by the channels that questions go by.

Told are its owner and all who administer. Nothing here waits: what does not fit into the queue of the
channels' process is dropped, counted and told there, and stands in the audit log in any case.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wharfinger.channels.alarm import Alarm, Misused
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.models.agents import Person

if TYPE_CHECKING:
    from wharfinger.channels.notices import Notice
    from wharfinger.deciding.misuses import Alert

_log = logging.getLogger(__name__)


class Peer(Protocol):
    """The process of the channels, or what stands in for it."""

    def say(self, notice: Notice) -> bool:
        """Queue a notice for it; False where it was dropped."""
        ...


@dataclass(frozen=True, slots=True)
class Alarming:
    """See the module's head."""

    configuration: Callable[[], Configuration]
    peer: Peer

    def tell(self, alert: Alert) -> None:
        """Tell people. Returns at once."""
        configuration = self.configuration()
        settings = configuration.settings
        channels = tuple(name for name in settings.approvals.notify if name in settings.channels.declared)
        if not channels:
            return
        agents = configuration.agents
        found = tuple(
            Misused(
                each.agent,
                agents[each.agent].owner if each.agent in agents else "",
                each.reason,
                each.count,
                each.decision,
            )
            for each in alert.found
        )
        people = self._concerned(configuration, {each.owner for each in found})
        alarm = Alarm(
            channels, found, alert.at, alert.sum, alert.more,
            tuple(person.email for person in people if person.email),
            tuple(person.slack for person in people if person.slack),
        )  # fmt: skip
        if not self.peer.say(alarm):
            _log.error("misuse could not be told by the channels: their queue is full")

    @staticmethod
    def _concerned(configuration: Configuration, owners: set[str]) -> list[Person]:
        return [
            person
            for name, person in configuration.people.items()
            if name in owners or person.role == "admin"
        ]
