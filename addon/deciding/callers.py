"""Who calls: the agents as they are now, the runs that are open, and how either is known."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from wharfinger.audit.event import Who
from wharfinger.clock import Clock
from wharfinger.deciding.origins import Origins
from wharfinger.deciding.permits import Session
from wharfinger.isolation.choice import ISOLATED, UNCONFINED
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.types import Origin

if TYPE_CHECKING:
    from wharfinger.keeping.agents import Agent
    from wharfinger.keeping.keys import Keys

PROBE = "(self-test)"
"""Who asks in the self-test; no agent can have that name."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that has not ended."""

    agent: str
    reason: str | None
    confinement: str

    @property
    def isolated(self) -> bool:
        """Whether its tokens count at its own door only."""
        return self.confinement == ISOLATED


class Callers:
    """See the module's head. Used from the event loop only."""

    agents: dict[str, Agent]
    """Those that are registered and declared, by name; one that is suspended is among them."""

    def __init__(self, keys: Keys, clock: Clock, confinement: str) -> None:
        """`confinement`: of whoever has not been confined by a run of its own."""
        self._keys = keys
        self._clock = clock
        self._confinement = confinement
        self._runs: dict[str, OpenRun] = {}
        self.agents = {}
        self.begun = 0
        """How many runs there have been."""
        self.probe = (PROBE, token_urlsafe(32))
        """Name and token by which this proxy knows its own self-test."""

    def swap(self, configuration: Configuration, agents: Mapping[str, Agent]) -> None:
        """Take what is declared from now on.

        An agent that is known already is known better here: it may have been suspended meanwhile.
        """
        known = self.agents
        self.agents = {
            name: known[name] if name in known and known[name].id == agent.id else agent
            for name, agent in agents.items()
        }
        self._declared = configuration.agents
        self._origins = Origins(configuration.agents)

    # Runs

    @property
    def runs(self) -> int:
        """How many runs are open."""
        return len(self._runs)

    def begin_run(
        self, run_id: str, agent: str, reason: str | None, *, confinement: str = UNCONFINED
    ) -> None:
        """Accept tokens of this run; of one that is isolated, at its own door only."""
        self._runs[run_id] = OpenRun(agent, reason, confinement)
        self.begun += 1

    def end_run(self, run_id: str) -> None:
        """Refuse tokens of this run from now on."""
        self._runs.pop(run_id, None)

    def has_run(self, run_id: str, *, isolated: bool) -> bool:
        """Whether this run is open, and is isolated or not as said."""
        found = self._runs.get(run_id)
        return found is not None and found.isolated is isolated

    # Who it is

    def identify(self, name: str, token: str, address: str = "") -> Session | None:
        """The session of whoever presents this name and token from that address, None for anyone unknown."""
        if name == PROBE:
            known = hmac.compare_digest(token.encode(), self.probe[1].encode())
            return Session(Who(PROBE, identified_by="self-test"), origin=Origin.TEST) if known else None
        agent = self.agents.get(name)
        if agent is None or name not in self._declared or not self._origins.agrees(name, address):
            return None
        identity = self._keys.verify_token(token, agent.id, agent.generation, self._clock.now())
        if identity is None:
            return None
        run, how, reason, confinement = "", "token", None, self._confinement
        if identity.run_id is not None:
            found = self._runs.get(identity.run_id)
            if found is None or found.isolated or found.agent != name:
                return None
            run, how, reason = identity.run_id, "run token", found.reason
            confinement = found.confinement if found.confinement != UNCONFINED else confinement
        who = Who(name, agent.id, run, how, confinement)
        return Session(who, reason, generation=agent.generation, address=address)

    def identify_by_address(self, address: str) -> Session | None:
        """The session of the agent that alone comes from there, None where there is none."""
        name = self._origins.agent_at(address)
        agent = self.agents.get(name) if name is not None else None
        if name is None or agent is None:
            return None
        return Session(Who(name, agent.id, "", "address", self._confinement), address=address)

    def identify_at_door(self, run_id: str, name: str, token: str) -> Session | None:
        """The session of an isolated run, whose agent and token these must be, at its own door."""
        if not self.has_run(run_id, isolated=True) or not self.knows_token(run_id, name, token):
            return None
        if not self._origins.agrees(name, ""):
            return None
        agent = self.agents[name]
        who = Who(name, agent.id, run_id, "socket", ISOLATED)
        return Session(who, self._runs[run_id].reason, generation=agent.generation)

    def knows_token(self, run_id: str, name: str, token: str) -> bool:
        """Whether this is the token of that open run, and the run is of that agent."""
        agent, found = self.agents.get(name), self._runs.get(run_id)
        if agent is None or found is None or found.agent != name or name not in self._declared:
            return False
        identity = self._keys.verify_token(token, agent.id, agent.generation, self._clock.now())
        return identity is not None and identity.run_id == run_id

    def gone(self, session: Session) -> str | None:
        """Why this caller is not to be served any more, if so."""
        who = session.who
        agent = self.agents.get(who.agent)
        if agent is None or agent.id != who.agent_id or who.agent not in self._declared:
            return "this agent is no longer registered"
        if agent.suspended is not None:
            return f"this agent is suspended: {agent.suspended}"
        declared = self._declared[who.agent].status
        if declared != "active":
            return f"this agent is {declared}"
        if session.address and not self._origins.agrees(who.agent, session.address):
            return "the agent does not come from its own network"
        if session.generation not in {0, agent.generation}:
            return "the agent's token has been replaced"
        if who.run and who.run not in self._runs:
            return "the run has ended"
        return None
