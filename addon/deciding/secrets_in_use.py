"""The secrets in use: what is put in for whom, what no agent may see, and what stands in its stead."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from wharfinger.audit.event import Who
from wharfinger.clock import Clock
from wharfinger.credentials import issued, signing
from wharfinger.credentials.jars import Jars
from wharfinger.credentials.registry import CredentialUnavailable
from wharfinger.credentials.sealed_values import Ended, SealedValues
from wharfinger.keeping.keys import Purpose
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Decision, Placement, Request
from wharfinger.secret import Secret

if TYPE_CHECKING:
    from wharfinger.credentials.registry import Credentials
    from wharfinger.deciding.permits import Session
    from wharfinger.keeping.agents import Agent
    from wharfinger.keeping.keys import Keys


class SecretsInUse:
    """See the module's head. Used from the event loop only."""

    placeholders: Placeholders
    """Of all agents."""

    def __init__(self, keys: Keys, credentials: Credentials, clock: Clock) -> None:
        self._keys = keys
        self._credentials = credentials
        self._all: tuple[int, SecretSet] | None = None
        self._concealed: Mapping[str, str] = {}
        self._sets: dict[str, SecretSet] = {}
        self.marks: Placeholders | None = None
        """Links and codes that people decide by, which no request may hold."""
        self.sealed = SealedValues(lambda: clock.now().timestamp())
        """Secrets that APIs have made for agents."""
        self.jars = Jars(lambda name, value: credentials.conceal(Secret(name, value)))
        """Cookies that are kept for agents."""

    def issue(self, configuration: Configuration, agents: Mapping[str, Agent]) -> None:
        """Make the placeholders of all these agents, in place of those there were."""
        self._configuration, self._agents = configuration, agents
        ids = {name: agent.id for name, agent in agents.items()}
        self._own_placeholders = issued.placeholders(configuration, ids, self._keys)
        self._give_out()

    def _give_out(self) -> None:
        """Put those of what APIs have made beside them."""
        ids = {name: agent.id for name, agent in self._agents.items()}
        others = issued.sealed(self._configuration, ids, self.sealed)
        self.placeholders = self._own_placeholders.with_others(others)
        self._sets.clear()

    def pass_time(self) -> None:
        """Let what APIs have made end when it does: called now and then."""
        if self.sealed.end():
            self._give_out()

    # What is put in

    def current(self, name: str) -> Secret:
        """The value of a credential now. Raises `CredentialUnavailable`."""
        return self._credentials.current(name)

    def at(self, placement: Placement) -> tuple[Secret, int]:
        """What is put in at a place now, and its generation. Raises `CredentialUnavailable`."""
        if not placement.sealed:
            name = placement.credential
            return self._credentials.current(name), self._credentials.generation(name)
        try:
            return self.sealed.current(placement.sealed), 0
        except Ended as ended:
            raise CredentialUnavailable(str(ended)) from None

    def cookies(self, session: Session, request: Request, decision: Decision) -> str:
        """What to send in `Cookie`, of what is kept for this agent and the tool's API."""
        kept = decision.response.kept
        return self.jars.header(session.who.agent_id, kept, _url(request)) if kept else ""

    # What answers bring

    def seal(self, who: Who, credential: str, parts: Mapping[str, str], until: object) -> str:
        """Keep a secret that an API has made for an agent: what the agent gets in its stead.

        No permit is any the less for it: no request can have held what there was not.
        """
        declared = self._configuration.credentials.get(credential)
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

    def keep_cookies(
        self, session: Session, request: Request, decision: Decision, fields: Iterable[str]
    ) -> None:
        """Keep what an answer sets, where its tool has it so."""
        if decision.response.kept:
            self.jars.keep(session.who.agent_id, decision.response.kept, _url(request), fields)

    # What no agent may see

    def all(self) -> SecretSet:
        """Every value in use, and every value that has been."""
        version = self._credentials.version
        if self._all is None or self._all[0] != version:
            known = {**self._credentials.redactions(), **self._concealed}
            self._all = (version, SecretSet.of(known, self._all and self._all[1]))
            self._sets.clear()
        return self._all[1]

    def kept_from(self, agent: str) -> SecretSet:
        """Everything that must not reach `agent`, each shown as its placeholder where it has one."""
        everything = self.all()
        if agent not in self._sets:
            own = {
                name: placeholder
                for name in self._credentials.names()
                if (placeholder := self.placeholders.of(agent, name)) is not None
            }
            if agent in self._agents:
                own |= self.sealed.shown_to(self._agents[agent].id)
            self._sets[agent] = everything.shown_as(own)
        return self._sets[agent]

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
        self.marks = Placeholders({text: Owner("", what) for text, what in texts.items()}) if texts else None
        self._sets.clear()

    def pseudonyms(self, agent: str) -> bytes:
        """The key that values are hashed by in answers to `agent`: pseudonyms are of no use to others."""
        known = self._agents.get(agent)
        of = (known.id if known is not None else agent).encode("utf-8")
        return hmac.digest(self._keys.derive(Purpose.PSEUDONYMS), of, "sha256")


def _url(request: Request) -> str:
    """Where a request goes, without what may be secret in it."""
    return f"{request.scheme}://{request.host}:{request.port}{request.target.partition('?')[0]}"
