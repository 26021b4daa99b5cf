"""What decisions are made with at this moment: one configuration, the agents' states, the secrets in use.

Swapped whole by a reload, in one step. The generation goes up with every change that could make a
decision already made come out otherwise; a permit carries the one it was made at.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from wharfinger.audit.events import Who
from wharfinger.clock import Clock
from wharfinger.credentials import issued, signing
from wharfinger.credentials.jars import Jars
from wharfinger.credentials.registry import CredentialUnavailable
from wharfinger.credentials.sealed_values import Ended, SealedValues
from wharfinger.deciding.echoes import Echoes
from wharfinger.deciding.gate import Session
from wharfinger.deciding.origins import Origins
from wharfinger.deciding.redirects import Redirects
from wharfinger.isolation.choice import ISOLATED, UNCONFINED
from wharfinger.keeping.keys import Purpose
from wharfinger.rules import decide as deciding
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.policies.limits import UNCOUNTED
from wharfinger.rules.recognition import redirecting
from wharfinger.rules.recognition.redirecting import Pass
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Decision, Facts, Origin, Placement, Request
from wharfinger.secret import Secret

if TYPE_CHECKING:
    from wharfinger.approvals.grants import Grants
    from wharfinger.credentials.registry import Credentials
    from wharfinger.keeping.agents import Agent
    from wharfinger.keeping.keys import Keys
    from wharfinger.limits.ledger import Ledger
    from wharfinger.rules.policies.denials import Denial
    from wharfinger.rules.recognition.recognise import Streamed


logger = logging.getLogger(__name__)

PROBE = "(self-test)"
"""Who asks in the self-test; no agent can have that name."""
LARGE_BODY = 16 * 1024
"""Bytes of a body from which on a decision is made off the event loop."""
ASIDE = 2
"""Decisions of one agent that are made in threads at the same time; there are at least five of those."""
LONG_SEARCH = 2_000_000
"""Nanoseconds that patterns may take at worst from which on it is, too."""


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
        self._keys = keys
        self._grants = grants
        self._ledger = ledger
        self._denials: tuple[Denial, ...] = ()
        self._credentials = credentials
        self._clock = clock
        self._confinement = confinement
        self._approved_tools: frozenset[str] = frozenset()
        self._runs: dict[str, OpenRun] = {}
        self.begun = 0
        """How many runs there have been."""
        self.redirects = Redirects(clock.now)
        """What agents may follow of what answers led to."""
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._stopped: str | None = None
        self._closed: str | None = None
        self.probe = (PROBE, token_urlsafe(32))
        """Name and token by which this proxy knows its own self-test."""
        self._on_change: Callable[[], object] = lambda: None
        self._all: tuple[int, SecretSet] | None = None
        self._concealed: Mapping[str, str] = {}
        self._marks: Placeholders | None = None
        self._sets: dict[str, SecretSet] = {}
        self._echoes = Echoes()
        self.generation = 0
        self.sealed = SealedValues(lambda: clock.now().timestamp())
        """Secrets that APIs have made for agents."""
        self.jars = Jars(lambda name, value: credentials.conceal(Secret(name, value)))
        """Cookies that are kept for agents."""
        self.swap(configuration, agents)

    def swap(self, configuration: Configuration, agents: Mapping[str, Agent]) -> None:
        """Decide by `configuration` from now on; permits given before no longer hold."""
        configuration.tools.prepare()
        self.configuration = configuration
        # An agent that is known already is known better here: it may have been suspended meanwhile.
        known = getattr(self, "agents", {})
        self.agents = {
            name: known[name] if name in known and known[name].id == agent.id else agent
            for name, agent in agents.items()
        }
        self._observing = self._observes()
        self._origins = Origins(configuration.agents)
        self._issue()
        self._on_change()

    def _issue(self) -> None:
        """Make the placeholders of all agents; permits given before no longer hold."""
        ids = {name: agent.id for name, agent in self.agents.items()}
        self._own_placeholders = issued.placeholders(self.configuration, ids, self._keys)
        self._give_out()
        self.generation += 1

    def _give_out(self) -> None:
        """Put those of what APIs have made beside them."""
        ids = {name: agent.id for name, agent in self.agents.items()}
        others = issued.sealed(self.configuration, ids, self.sealed)
        self.placeholders: Placeholders = self._own_placeholders.with_others(others)
        self._sets.clear()

    def seal(self, who: Who, credential: str, parts: Mapping[str, str], until: object) -> str:
        """Keep a secret that an API has made for an agent: what the agent gets in its stead.

        No permit is any the less for it: no request can have held what there was not.
        """
        declared = self.configuration.credentials.get(credential)
        prefix = declared.placeholder if declared is not None else ""
        value = parts["value"] if "value" in parts else signing.Keys(**parts).text()
        held = self.sealed.add(
            who.agent_id, credential, value, until,
            lambda text: self._keys.placeholder(who.agent_id, text, prefix),
        )  # fmt: skip
        for text in parts.values():
            self._credentials.conceal(Secret(held.name, text))
        self._give_out()
        return held.placeholder

    def cookies(self, session: Session, request: Request, decision: Decision) -> str:
        """What to send in `Cookie`, of what is kept for this agent and the tool's API."""
        kept = decision.response.kept
        return self.jars.header(session.who.agent_id, kept, _url(request)) if kept else ""

    def keep_cookies(
        self, session: Session, request: Request, decision: Decision, fields: Iterable[str]
    ) -> None:
        """Keep what an answer sets, where its tool has it so."""
        if decision.response.kept:
            self.jars.keep(session.who.agent_id, decision.response.kept, _url(request), fields)

    def current(self, name: str) -> Secret:
        """The value of a credential now. Raises `CredentialUnavailable`."""
        return self._credentials.current(name)

    def secret(self, placement: Placement) -> tuple[Secret, int]:
        """What is put in at a place now, and its generation. Raises `CredentialUnavailable`."""
        if not placement.sealed:
            name = placement.credential
            return self._credentials.current(name), self._credentials.generation(name)
        try:
            return self.sealed.current(placement.sealed), 0
        except Ended as ended:
            raise CredentialUnavailable(str(ended)) from None

    def _observes(self) -> frozenset[str]:
        now = self._clock.now()
        return frozenset(name for name, policy in self.configuration.policies.items() if policy.observes(now))

    def pass_time(self) -> None:
        """Have everything decided again once a policy that only observed is in force: called now and then."""
        if self.sealed.end():
            self._give_out()
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
        self.agents[agent.name] = agent
        if known is None or known.id != agent.id:
            self._issue()
        self._on_change()

    def retire_agent(self, agent: Agent) -> None:
        """Refuse everything of an agent for good."""
        known = self.agents.get(agent.name)
        if known is not None and known.id == agent.id:
            del self.agents[agent.name]
            self.jars.drop(agent.id)
        self.generation += 1
        self._on_change()

    def approve_tools(self, digests: frozenset[str]) -> None:
        """Let proposed tools of these digests be used from now on, and of no others."""
        self._approved_tools = digests
        self.generation += 1
        self._on_change()

    def begin_run(
        self, run_id: str, agent: str, reason: str | None, *, confinement: str = UNCONFINED
    ) -> None:
        """Accept tokens of this run; of one that is isolated, at its own door only."""
        self._runs[run_id] = OpenRun(agent, reason, confinement)
        self.begun += 1

    def end_run(self, run_id: str) -> None:
        """Refuse tokens of this run from now on."""
        self._runs.pop(run_id, None)
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
    def runs(self) -> int:
        """How many runs are open."""
        return len(self._runs)

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

    def identify(self, name: str, token: str, address: str = "") -> Session | None:
        """The session of whoever presents this name and token from that address, None for anyone unknown."""
        if name == PROBE:
            known = hmac.compare_digest(token.encode(), self.probe[1].encode())
            return Session(Who(PROBE, identified_by="self-test"), origin=Origin.TEST) if known else None
        agent = self.agents.get(name)
        if agent is None or name not in self.configuration.agents or not self._origins.agrees(name, address):
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
        if agent is None or found is None or found.agent != name or name not in self.configuration.agents:
            return False
        identity = self._keys.verify_token(token, agent.id, agent.generation, self._clock.now())
        return identity is not None and identity.run_id == run_id

    def has_run(self, run_id: str, *, isolated: bool) -> bool:
        """Whether this run is open, and is isolated or not as said."""
        found = self._runs.get(run_id)
        return found is not None and found.isolated is isolated

    def barred(self, session: Session) -> str | None:
        """Why this agent may do nothing at the moment, if so."""
        who = session.who
        if self._stopped is not None:
            return self._stopped
        if self._closed is not None and session.origin is not Origin.TEST:
            return self._closed
        agent = self.agents.get(who.agent)
        if agent is None or agent.id != who.agent_id or who.agent not in self.configuration.agents:
            return "this agent is no longer registered"
        if agent.suspended is not None:
            return f"this agent is suspended: {agent.suspended}"
        declared = self.configuration.agents[who.agent].status
        if declared != "active":
            return f"this agent is {declared}"
        if session.address and not self._origins.agrees(who.agent, session.address):
            return "the agent does not come from its own network"
        if session.generation not in {0, agent.generation}:
            return "the agent's token has been replaced"
        if who.run and who.run not in self._runs:
            return "the run has ended"
        return None

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
            placeholders=self.placeholders,
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
            marks=self._marks,
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

    def all_secrets(self) -> SecretSet:
        """Every value in use, and every value that has been."""
        version = self._credentials.version
        if self._all is None or self._all[0] != version:
            known = {**self._credentials.redactions(), **self._concealed}
            self._all = (version, SecretSet.of(known, self._all and self._all[1]))
            self._sets.clear()
        return self._all[1]

    async def conceal(self, texts: Mapping[str, str]) -> None:
        """Keep these texts, and no others but secrets, from every agent: from text to what it is.

        Returns once it holds. What takes time is done in a thread, so that no request waits for it.
        """
        while True:
            version = self._credentials.version
            known = {**self._credentials.redactions(), **texts}
            everything = await asyncio.to_thread(SecretSet.of, known, self._all and self._all[1])
            if version == self._credentials.version:
                break
        self._concealed, self._all = dict(texts), (version, everything)
        self._marks = Placeholders({text: Owner("", what) for text, what in texts.items()}) if texts else None
        self._sets.clear()

    def pseudonyms(self, agent: str) -> bytes:
        """The key that values are hashed by in answers to `agent`: pseudonyms are of no use to others."""
        known = self.agents.get(agent)
        of = (known.id if known is not None else agent).encode("utf-8")
        return hmac.digest(self._keys.derive(Purpose.PSEUDONYMS), of, "sha256")

    def secrets_for(self, agent: str) -> SecretSet:
        """Everything that must not reach `agent`, each shown as its placeholder where it has one."""
        everything = self.all_secrets()
        if agent not in self._sets:
            own = {
                name: placeholder
                for name in self._credentials.names()
                if (placeholder := self.placeholders.of(agent, name)) is not None
            }
            if agent in self.agents:
                own |= self.sealed.shown_to(self.agents[agent].id)
            self._sets[agent] = everything.shown_as(own)
        return self._sets[agent]


def _url(request: Request) -> str:
    """Where a request goes, without what may be secret in it."""
    return f"{request.scheme}://{request.host}:{request.port}{request.target.partition('?')[0]}"
