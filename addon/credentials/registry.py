"""All credentials of the runtime: the current value of each, and every value that must never be shown.

Values change in two steps. `prepare` fetches them, off the event loop, and changes nothing; `adopt` puts
them in place at once, in the same synchronous step in which a reload swaps the configuration. Whatever a
value is replaced by, it stays in the redaction set as long as the process lives: it has been sent.

A value that ends is fetched again ahead of its end, when it is used (`ready`) or has to be kept (`keep`): by
one flight, for which nobody waits while the value still holds. One that has ended is not given out. Whoever
`watch`es is told of every value that changed, could not be had, or can be had again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wharfinger.credentials import loading
from wharfinger.credentials.concealed import Concealed
from wharfinger.credentials.fetching import Fetched
from wharfinger.credentials.loading import Prepared, recipe
from wharfinger.credentials.sources import Asked, Environment, Means
from wharfinger.credentials.standings import CredentialProblem, Happened, Standing, Turn
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.sources import DeclaredSource
from wharfinger.rules.types import Placement
from wharfinger.secret import Secret

if TYPE_CHECKING:
    from wharfinger.credentials.own_store import OwnStore

logger = logging.getLogger(__name__)

_SOON = 2.0
"""Seconds before its end in which a value is not relied on: a request may take as long to be sent."""
_AGAIN = 5.0
"""Seconds after a failed fetch in which no other is tried."""


class CredentialUnavailable(Exception):
    """A credential has no value at the moment; the message is one line, fit for the agent's eyes."""


@dataclass(slots=True)
class _Current:
    fetched: Fetched
    generation: int
    since: float
    """When this value was put in place, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Trouble:
    why: str
    not_before: float
    """When it may be tried again to fetch it."""


class Credentials:
    """The credentials in use. Only `prepare`, `load` and `refresh` do I/O."""

    def __init__(
        self,
        environment: Environment | None = None,
        now: Callable[[], float] = time.time,
        store: OwnStore | None = None,
    ) -> None:
        """Without any credential; `environment` is the process's own unless a test brings another."""
        self._now = now
        self.means = Means(environment, store, now)
        self._flights: dict[str, asyncio.Task[tuple[CredentialProblem, ...]]] = {}
        self._declared: Mapping[str, Credential] = {}
        self._asked = Asked(Path(), self.means)
        self._current: dict[str, _Current] = {}
        self._troubles: dict[str, _Trouble] = {}
        self._used: dict[str, float] = {}
        self._concealed = Concealed()
        self._generations = 0
        self._watchers: list[Callable[[Happened], None]] = []
        self.failures: Counter[str] = Counter()
        """How often each could not be fetched."""

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._current))})"

    @property
    def version(self) -> int:
        """Changes when, and only when, `redactions` does."""
        return len(self._concealed)

    def redactions(self) -> Mapping[str, str]:
        """Every text that gives a secret away, past values included, to the name of its credential.

        What `SecretSet.of` takes. Build a new one when `version` has changed.
        """
        return self._concealed.texts

    def conceal(self, secret: Secret) -> None:
        """Never show this value either: a secret that is no credential of agents."""
        self._concealed.add(secret)

    def names(self) -> tuple[str, ...]:
        """The credentials that have a value, sorted."""
        return tuple(sorted(self._current))

    def held(self) -> tuple[Secret, ...]:
        """All values in hand, and those of them that have ended: they are not to be shown, either."""
        return tuple(each.fetched.secret for each in self._current.values())

    def current(self, name: str) -> Secret:
        """The value to put in now; raises `CredentialUnavailable`."""
        found, trouble = self._current.get(name), self._troubles.get(name)
        if found is None:
            reason = "it is not declared" if trouble is None else trouble.why
            raise CredentialUnavailable(f'the credential "{name}" is not available: {reason}')
        expires = found.fetched.expires
        if expires is not None and expires <= self._now():
            reason = "no new one has been fetched" if trouble is None else trouble.why
            raise CredentialUnavailable(f'the credential "{name}" has expired: {reason}')
        return found.fetched.secret

    def declared(self, name: str) -> Credential | None:
        """A credential as the configuration in force declares it."""
        return self._declared.get(name)

    def had_from(self, scheme: str, text: str) -> tuple[str, ...]:
        """The credentials that have something from this place, sorted."""
        wanted = (scheme, text)
        return tuple(
            name
            for name, each in sorted(self._declared.items())
            if any((origin.scheme, origin.text) == wanted for origin in each.origins.values())
        )

    def generation(self, name: str) -> int:
        """A number that changes with the value of `name`, never to return; 0 while it has none."""
        found = self._current.get(name)
        return 0 if found is None else found.generation

    def standings(self) -> tuple[Standing, ...]:
        """How every declared credential stands, by name."""
        return tuple(self._standing(name) for name in sorted(self._declared))

    def _standing(self, name: str) -> Standing:
        held, now = self._current.get(name), self._now()
        trouble = self._troubles.get(name)
        problem = "" if trouble is None else trouble.why
        if held is None:
            return Standing(name, 0, None, None, problem)
        expires, used = held.fetched.expires, self._used.get(name)
        left = None if expires is None else expires - now
        since = None if used is None else now - used
        return Standing(name, held.generation, now - held.since, left, problem, held.fetched.version, since)

    def watch(self, told: Callable[[Happened], None]) -> None:
        """Have `told` called with whatever happens to a credential from now on."""
        self._watchers.append(told)

    def _tell(self, name: str, turn: Turn, reason: str = "") -> None:
        happened = Happened(name, turn, self.generation(name), reason, self._is_usable(name))
        for told in self._watchers:
            told(happened)

    def _is_usable(self, name: str, seconds: float = 0.0) -> bool:
        """Whether there is a value that holds for so long."""
        held = self._current.get(name)
        if held is None:
            return False
        return held.fetched.expires is None or held.fetched.expires > self._now() + seconds

    async def ready(self, names: Iterable[str]) -> None:
        """Have those of `names` fetched again that are due; wait for those without a value that lasts.

        They are about to be used. Never raises.
        """
        now = self._now()
        for name in dict.fromkeys(names):
            self._used[name] = now
            if name in self._flights or self._is_due(name, now):
                flight = self._flight(name)
                if not self._is_usable(name, _SOON):
                    await asyncio.wait([flight])

    def keep(self) -> None:
        """Have those fetched again that are due and must not wait for their use. Called now and then."""
        now = self._now()
        for name, held in tuple(self._current.items()):
            if held.fetched.kept and self._is_due(name, now):
                self._flight(name)

    def _is_due(self, name: str, now: float) -> bool:
        held, trouble = self._current.get(name), self._troubles.get(name)
        if name not in self._declared or (trouble is not None and now < trouble.not_before):
            return False
        return held is None or (held.fetched.due is not None and now >= held.fetched.due)

    def _flight(self, name: str) -> asyncio.Task[tuple[CredentialProblem, ...]]:
        """The one fetch of `name` that is under way."""
        flight = self._flights.get(name)
        if flight is None:
            loop = asyncio.get_running_loop()
            flight = loop.create_task(self._refetch(name), context=Context())  # it is for all who wait
            self._flights[name] = flight
            flight.add_done_callback(lambda _: self._flights.pop(name, None))
        return flight

    async def _refetch(self, name: str) -> tuple[CredentialProblem, ...]:
        declared, asked = self._declared[name], self._asked
        fetched = await asyncio.to_thread(loading.attempt, name, declared, asked)
        if self._declared.get(name) is not declared:  # a reload has decided on it meanwhile
            return ()
        if isinstance(fetched, Fetched):
            self._put(name, fetched)
            self._concealed.hide(fetched)
            return ()
        self._failed(name, fetched[0].message)
        return fetched

    def _failed(self, name: str, why: str) -> None:
        self.failures[name] += 1
        before = self._troubles.get(name)
        self._troubles[name] = _Trouble(why, self._now() + _AGAIN)
        logger.error("the credential %s could not be fetched: %s", name, why)
        if before is None or before.why != why:
            self._tell(name, Turn.FAILED, why)

    async def prepare(
        self,
        declared: Mapping[str, Credential],
        folder: Path,
        placements: Iterable[Placement] = (),
        sources: Mapping[str, DeclaredSource] | None = None,
    ) -> Prepared:
        """Fetch the values of all `declared`, and change nothing yet.

        `folder` is the configuration's, `placements` are those of all its tools, `sources` its `sources:`.
        """
        return await loading.prepare(declared, Asked(folder, self.means, sources or {}), placements)

    def adopt(self, prepared: Prepared) -> None:
        """Put prepared values in place, in one step.

        A credential whose source failed keeps its value if that is the source it came from (one that is
        down for a moment stops nothing); else it has none.
        """
        before, asked_before = self._declared, self._asked
        self._declared, self._asked = prepared.declared, prepared.asked
        for name in set(self._current) - set(prepared.fetched):
            declared = prepared.declared.get(name)
            if declared is None or recipe(declared, self._asked) != recipe(before[name], asked_before):
                del self._current[name]
        self._troubles = {name: held for name, held in self._troubles.items() if name in prepared.declared}
        for name, fetched in prepared.fetched.items():
            self._put(name, fetched)
        for problem in {problem.name: problem for problem in reversed(prepared.problems)}.values():
            self._failed(problem.name, problem.message)
        self._concealed.placements = prepared.placements
        for held in self._current.values():
            self._concealed.hide(held.fetched)

    async def load(
        self,
        declared: Mapping[str, Credential],
        folder: Path,
        placements: Iterable[Placement] = (),
        sources: Mapping[str, DeclaredSource] | None = None,
    ) -> tuple[CredentialProblem, ...]:
        """Fetch and put in place all `declared`; what is wrong comes back."""
        prepared = await self.prepare(declared, folder, placements, sources)
        self.adopt(prepared)
        return prepared.problems

    async def refresh(self, name: str) -> tuple[CredentialProblem, ...]:
        """Fetch one credential again, as after a rotation; a failure leaves the value as it is.

        Raises `CredentialUnavailable` if it is not declared.
        """
        declared = self._declared.get(name)
        if declared is None:
            self.current(name)
            return ()
        if (under_way := self._flights.get(name)) is not None:
            await asyncio.wait([under_way])  # it may have read the value that was there before
        return await self._flight(name)

    def _put(self, name: str, fetched: Fetched) -> None:
        held, trouble = self._current.get(name), self._troubles.pop(name, None)
        if held is not None and held.fetched.secret.same_as(fetched.secret):
            held.fetched = fetched
        else:
            self._generations += 1
            self._current[name] = _Current(fetched, self._generations, self._now())
            if held is not None:
                self._tell(name, Turn.CHANGED)
        if trouble is not None:
            self._tell(name, Turn.RECOVERED)
