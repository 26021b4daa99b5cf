"""What decisions are made with at this moment: one configuration, who calls, the secrets in use.

Swapped whole by a reload, in one step. The generation goes up with every change that could make a
decision already made come out otherwise; a permit carries the one it was made at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wharfinger.clock import Clock
from wharfinger.deciding.callers import Callers
from wharfinger.deciding.echoes import Echoes
from wharfinger.deciding.permits import Session
from wharfinger.deciding.redirects import Redirects
from wharfinger.deciding.secrets_in_use import SecretsInUse
from wharfinger.rules import decide as deciding
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.policies.limits import UNCOUNTED
from wharfinger.rules.recognition import redirecting
from wharfinger.rules.recognition.redirecting import Pass
from wharfinger.rules.types import Decision, Facts, Origin, Request

if TYPE_CHECKING:
    from wharfinger.approvals.grants import Grants
    from wharfinger.credentials.registry import Credentials
    from wharfinger.keeping.agents import Agent
    from wharfinger.keeping.keys import Keys
    from wharfinger.limits.ledger import Ledger
    from wharfinger.rules.policies.denials import Denial
    from wharfinger.rules.recognition.recognise import Streamed


logger = logging.getLogger(__name__)

LARGE_BODY = 16 * 1024
"""Bytes of a body from which on a decision is made off the event loop."""
ASIDE = 2
"""Decisions of one agent that are made in threads at the same time; there are at least five of those."""
LONG_SEARCH = 2_000_000
"""Nanoseconds that patterns may take at worst from which on it is, too."""


class Live:
    """See the module's head. Used from the event loop only."""

    def __init__(
        self,
        configuration: Configuration,
        agents: Mapping[str, Agent],
        *,
        keys: Keys,
        credentials: Credentials,
        clock: Clock,
        ledger: Ledger,
        grants: Grants,
        confinement: str = "none",
    ) -> None:
        self._grants = grants
        self._ledger = ledger
        self._denials: tuple[Denial, ...] = ()
        self._clock = clock
        self._approved_tools: frozenset[str] = frozenset()
        self.redirects = Redirects(clock.now)
        """What agents may follow of what answers led to."""
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._stopped: str | None = None
        self._closed: str | None = None
        self._on_change: Callable[[], object] = lambda: None
        self._echoes = Echoes()
        self.generation = 0
        self.callers = Callers(keys, clock, confinement)
        self.secrets = SecretsInUse(keys, credentials, clock)
        self.swap(configuration, agents)

    def swap(self, configuration: Configuration, agents: Mapping[str, Agent]) -> None:
        """Decide by `configuration` from now on; permits given before no longer hold."""
        configuration.tools.prepare()
        self.configuration = configuration
        self.callers.swap(configuration, agents)
        self._observing = self._observes()
        self._issue()
        self._on_change()

    @property
    def agents(self) -> Mapping[str, Agent]:
        """Those that are registered and declared, by name."""
        return self.callers.agents

    def _issue(self) -> None:
        """Make the placeholders of all agents; permits given before no longer hold."""
        self.secrets.issue(self.configuration, self.agents)
        self.generation += 1

    def _observes(self) -> frozenset[str]:
        now = self._clock.now()
        return frozenset(name for name, policy in self.configuration.policies.items() if policy.observes(now))

    def pass_time(self) -> None:
        """Have everything decided again once a policy that only observed is in force: called now and then."""
        self.secrets.pass_time()
        observing = self._observes()
        if observing != self._observing:
            self._observing = observing
            self.generation += 1
            self._on_change()

    def watch(self, changed: Callable[[], object]) -> None:
        """Have `changed` called in the same step as every change."""
        self._on_change = changed

    @property
    def policy_digest(self) -> str:
        """Digest of the policy in force."""
        return self.configuration.digest

    def update_agent(self, agent: Agent) -> None:
        """Take an agent's new state: suspended, resumed, rotated, or added anew under a name of before."""
        known = self.agents.get(agent.name)
        self.callers.agents[agent.name] = agent
        if known is None or known.id != agent.id:
            self._issue()
        self._on_change()

    def retire_agent(self, agent: Agent) -> None:
        """Refuse everything of an agent for good."""
        known = self.agents.get(agent.name)
        if known is not None and known.id == agent.id:
            del self.callers.agents[agent.name]
            self.secrets.jars.drop(agent.id)
        self.generation += 1
        self._on_change()

    def approve_tools(self, digests: frozenset[str]) -> None:
        """Let proposed tools of these digests be used from now on, and of no others."""
        self._approved_tools = digests
        self.generation += 1
        self._on_change()

    def end_run(self, run_id: str) -> None:
        """Refuse tokens of this run from now on."""
        self.callers.end_run(run_id)
        self._ledger.end_run(run_id)
        self._on_change()

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The emergency deny list."""
        return self._denials

    def deny(self, denials: Iterable[Denial]) -> None:
        """Hold these emergency denials from now on; permits given before no longer hold."""
        self._denials = tuple(denials)
        self.generation += 1
        self._on_change()

    @property
    def stopped(self) -> bool:
        """Whether everything is refused because a person stopped it."""
        return self._stopped is not None

    def stop_all(self, reason: str | None) -> None:
        """Refuse everything of everyone (None lifts it)."""
        self._stopped = reason
        self._on_change()

    def close(self, reason: str | None) -> None:
        """Refuse everything of everyone while the self-test has not passed (None: it has).

        But for the self-test's own request, which is never sent and is refused for another reason.
        """
        self._closed = reason
        self._on_change()

    def barred(self, session: Session) -> str | None:
        """Why this agent may do nothing at the moment, if so."""
        if self._stopped is not None:
            return self._stopped
        if self._closed is not None and session.origin is not Origin.TEST:
            return self._closed
        return self.callers.gone(session)

    def met(self, agent: str, findings: Mapping[str, int]) -> None:
        """Take up what was found in an answer to this agent."""
        before = self._echoing(agent)
        self._echoes.note(agent, findings, self._clock.monotonic())
        if before is None and self._echoing(agent) is not None:
            logger.warning("answers to the agent %s hold secrets too often: its requests wait", agent)

    def _echoing(self, agent: str) -> str | None:
        """Why this agent has to wait: what is masked tells whether a guess at a secret is right."""
        if self._echoes.too_many(agent, self._clock.monotonic()):
            return "too many answers to this agent held secrets within a minute"
        return None

    def facts(self, session: Session, *, counted: bool = True, granted: bool = True) -> Facts:
        """Everything live that a decision may know; `counted` and `granted`: limits and grants among it."""
        who = session.who
        agent = self.agents.get(who.agent)
        return Facts(
            placeholders=self.secrets.placeholders,
            agent_id=session.who.agent_id,
            suspended=self.barred(session) or self._echoing(who.agent),
            reason=session.reason,
            origin=session.origin,
            confinement=who.confinement,
            run=who.run,
            counters=self._ledger.view(who.agent_id, who.run) if counted else UNCOUNTED,
            passes=self.redirects.of(who.agent_id),
            denials=self._denials,
            approved_tools=self._approved_tools,
            grants=self._grants.of(who.agent_id, agent.generation) if granted and agent is not None else (),
            marks=self.secrets.marks,
        )

    def decide(
        self,
        request: Request,
        session: Session,
        *,
        explain: bool = False,
        counted: bool = True,
        granted: bool = True,
        led: Pass | None = None,
    ) -> Decision:
        """Decide `request` now; one that is under way already, and so was `counted`, without limits.

        One that people have been asked about is decided without what was `granted` in advance.

        `led` is the redirect that it follows, which then holds for as long as it takes.
        """
        facts = self.facts(session, counted=counted, granted=granted)
        if led is not None:
            facts = replace(facts, passes=(replace(led, until=datetime.max.replace(tzinfo=UTC)),))
        return deciding.decide(self.configuration, request, facts, self._clock.now(), explain=explain)

    def let_follow(self, session: Session, location: str, decision: Decision) -> None:
        """Let the agent follow the redirect of its call, if it leads where the call's tool says it may."""
        given = redirecting.followed(location, decision, self._clock.now())
        if given is not None:
            self.redirects.add(session.who.agent_id, given)

    def may_stream(self, host: str) -> bool:
        """Whether some tool of this host (in canonical form) streams its body: else `streams` is False."""
        return self.configuration.tools.may_stream(host)

    async def decide_aside(self, request: Request, session: Session, *, granted: bool = True) -> Decision:
        """The same; what may take long is looked through in a thread, so that nobody else waits for it."""
        if self._may_take_long(request):
            async with self._turns.setdefault(session.who.agent_id, asyncio.Semaphore(ASIDE)):
                return await asyncio.to_thread(self.decide, request, session, granted=granted)
        return self.decide(request, session, granted=granted)

    def _may_take_long(self, request: Request) -> bool:
        size = len(request.body or b"")
        if size > LARGE_BODY:
            return True
        agent = self.configuration.agents.get(request.agent)
        policies = [self.configuration.policies[name] for name in agent.policies] if agent is not None else []
        if not any(policy.patterns for policy in policies):
            return False
        size += len(request.target) + sum(len(value) for _, value in request.headers)
        return sum(policy.search_time(size) for policy in policies) > LONG_SEARCH

    def streams(self, request: Request) -> Streamed | None:
        """How the body of a request with this head is to pass; None where it is read whole."""
        return deciding.streams(self.configuration, request)
