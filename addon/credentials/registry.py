"""All credentials of the runtime: the current value of each, and every value that must never be shown.

Values change in two steps. `prepare` fetches them, off the event loop, and changes nothing; `adopt` puts
them in place at once, in the same synchronous step in which a reload swaps the configuration. Whatever a
value is replaced by, it stays in the redaction set as long as the process lives: it has been sent.

A value that ends is fetched again ahead of its end, when it is used (`ready`): by one flight, for which
nobody waits while the value still holds. One that has ended is not given out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from wharfinger.credentials.fetching import Fetched, Unusable, fetch
from wharfinger.credentials.kinds import traces
from wharfinger.credentials.sources import Environment
from wharfinger.faults import Fault
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.types import Placement
from wharfinger.secret import Secret

logger = logging.getLogger(__name__)

_AT_ONCE = 4
"""Sources asked at the same time: each may be a command that asks a person."""
_AGAIN = 5.0
"""Seconds after a failed fetch in which no other is tried."""


class CredentialUnavailable(Exception):
    """A credential has no value at the moment; the message is one line, fit for the agent's eyes."""


@dataclass(frozen=True, slots=True)
class CredentialProblem:
    """One thing that keeps a credential from being used."""

    name: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"credential {self.name}: {self.message}\n  hint: {self.hint}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Values that have been fetched and not been put in place."""

    declared: Mapping[str, Credential]
    folder: Path
    placements: Mapping[str, tuple[Placement, ...]]
    fetched: Mapping[str, Fetched]
    problems: tuple[CredentialProblem, ...]
    """Everything that is wrong, by name; a credential with a problem is not among `values`."""

    @property
    def values(self) -> Mapping[str, Secret]:
        """The values alone."""
        return {name: each.secret for name, each in self.fetched.items()}


@dataclass(slots=True)
class _Current:
    fetched: Fetched
    generation: int
    since: float
    """When this value was put in place, in seconds since 1970."""
    not_before: float = 0.0
    """When it may be tried again to fetch it, after a failure."""
    failed: str = ""
    """Why the last fetch failed; empty if it did not."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a credential stands, without a word of its value."""

    name: str
    generation: int
    age: float | None
    """Seconds since its value changed; None where it has none."""
    left: float | None
    """Seconds that the value holds; None for one that does not end."""
    problem: str = ""


class Credentials:
    """The credentials in use. Only `prepare`, `load` and `refresh` do I/O."""

    def __init__(self, environment: Environment | None = None, now: Callable[[], float] = time.time) -> None:
        """Without any credential; `environment` is the process's own unless a test brings another."""
        self._now = now
        self._flights: dict[str, asyncio.Task[tuple[CredentialProblem, ...]]] = {}
        self._environment = environment or Environment()
        self._declared: Mapping[str, Credential] = {}
        self._folder = Path()
        self._placements: Mapping[str, tuple[Placement, ...]] = {}
        self._current: dict[str, _Current] = {}
        self._why_not: dict[str, str] = {}
        self._shown_by: dict[str, str] = {}
        self._generations = 0
        self.failures: Counter[str] = Counter()
        """How often the value of each could not be had, by name."""

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._current))})"

    @property
    def version(self) -> int:
        """Changes when, and only when, `redactions` does."""
        return len(self._shown_by)

    def redactions(self) -> Mapping[str, str]:
        """Every text that gives a secret away, past values included, to the name of its credential.

        What `SecretSet.of` takes. Build a new one when `version` has changed.
        """
        return MappingProxyType(self._shown_by)

    def conceal(self, secret: Secret) -> None:
        """Never show this value either: a secret that is no credential of agents."""
        self._shown_by.setdefault(secret.reveal(), secret.name)

    def names(self) -> tuple[str, ...]:
        """The credentials that have a value, sorted."""
        return tuple(sorted(self._current))

    def current(self, name: str) -> Secret:
        """The value to put in now; raises `CredentialUnavailable`."""
        found = self._current.get(name)
        if found is None:
            reason = self._why_not.get(name, "it is not declared")
            raise CredentialUnavailable(f'the credential "{name}" is not available: {reason}')
        expires = found.fetched.expires
        if expires is not None and expires <= self._now():
            reason = found.failed or "no new one has been fetched"
            raise CredentialUnavailable(f'the credential "{name}" has expired: {reason}')
        return found.fetched.secret

    def generation(self, name: str) -> int:
        """A number that changes with the value of `name`, never to return; 0 while it has none."""
        found = self._current.get(name)
        return 0 if found is None else found.generation

    def standings(self) -> tuple[Standing, ...]:
        """How every declared credential stands, by name."""
        return tuple(self._standing(name) for name in sorted(self._declared))

    def _standing(self, name: str) -> Standing:
        held, now = self._current.get(name), self._now()
        if held is None:
            return Standing(name, 0, None, None, self._why_not.get(name, ""))
        expires = held.fetched.expires
        left = None if expires is None else expires - now
        return Standing(name, held.generation, now - held.since, left, held.failed)

    async def ready(self, names: Iterable[str]) -> None:
        """Have those of `names` fetched again that are due; wait for those that have ended. Never raises."""
        now = self._now()
        for name in dict.fromkeys(names):
            held = self._current.get(name)
            if held is None or held.fetched.due is None or now < max(held.fetched.due, held.not_before):
                continue
            flight = self._flight(name)
            if held.fetched.expires is not None and held.fetched.expires <= now:
                await asyncio.wait([flight])

    def _flight(self, name: str) -> asyncio.Task[tuple[CredentialProblem, ...]]:
        """The one fetch of `name` that is under way."""
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = asyncio.get_running_loop().create_task(self._refetch(name))
            flight.add_done_callback(lambda _: self._flights.pop(name, None))
        return flight

    async def _refetch(self, name: str) -> tuple[CredentialProblem, ...]:
        declared = self._declared[name]
        fetched = await asyncio.to_thread(self._fetch, name, declared, self._folder)
        if self._declared.get(name) is not declared:  # a reload has decided on it meanwhile
            return ()
        if isinstance(fetched, Fetched):
            self._put(name, fetched)
            self._hide(fetched)
            return ()
        problem = fetched[0]
        self.failures[name] += 1
        logger.error("the credential %s could not be fetched: %s", name, problem.message)
        if (held := self._current.get(name)) is not None:
            held.failed, held.not_before = problem.message, self._now() + _AGAIN
        return fetched

    async def prepare(
        self, declared: Mapping[str, Credential], folder: Path, placements: Iterable[Placement] = ()
    ) -> Prepared:
        """Fetch the values of all `declared`, and change nothing yet.

        `folder` is the configuration's, `placements` are those of all its tools.
        """
        gate = asyncio.Semaphore(_AT_ONCE)
        values: dict[str, Fetched] = {}
        problems: list[CredentialProblem] = []

        async def one(name: str, credential: Credential) -> None:
            async with gate:
                fetched = await asyncio.to_thread(self._fetch, name, credential, folder)
            if isinstance(fetched, Fetched):
                values[name] = fetched
            else:
                problems.extend(fetched)

        await asyncio.gather(*(one(name, credential) for name, credential in declared.items()))
        problems.sort(key=lambda problem: problem.name)
        self.failures.update({problem.name for problem in problems})
        return Prepared(dict(declared), folder, _by_credential(placements), values, tuple(problems))

    def adopt(self, prepared: Prepared) -> None:
        """Put prepared values in place, in one step.

        A credential whose source failed keeps its value if that is the source it came from (one that is
        down for a moment stops nothing); else it has none.
        """
        before, self._declared = self._declared, prepared.declared
        self._folder, self._placements = prepared.folder, prepared.placements
        self._why_not = {problem.name: problem.message for problem in reversed(prepared.problems)}
        for name in set(self._current) - set(prepared.fetched):
            declared = prepared.declared.get(name)
            if declared is None or _recipe(declared) != _recipe(before[name]):
                del self._current[name]
        for name, fetched in prepared.fetched.items():
            self._put(name, fetched)
        for held in self._current.values():
            self._hide(held.fetched)

    async def load(
        self, declared: Mapping[str, Credential], folder: Path, placements: Iterable[Placement] = ()
    ) -> tuple[CredentialProblem, ...]:
        """Fetch and put in place all `declared`; what is wrong comes back."""
        prepared = await self.prepare(declared, folder, placements)
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
        return await self._flight(name)

    def _fetch(
        self, name: str, credential: Credential, folder: Path
    ) -> Fetched | tuple[CredentialProblem, ...]:
        try:
            return fetch(name, credential, folder, self._environment, self._now)
        except Unusable as unusable:
            return tuple(CredentialProblem(name, *each) for each in unusable.found)
        except Fault as fault:
            return (CredentialProblem(name, fault.message, fault.hint),)
        except Exception as error:  # noqa: BLE001 - whatever failed may hold the value in its message
            kind = type(error).__name__
            return (CredentialProblem(name, f"its source failed: {kind}", "see that the source works"),)

    def _put(self, name: str, fetched: Fetched) -> None:
        held = self._current.get(name)
        if held is not None and held.fetched.secret.same_as(fetched.secret):
            held.fetched, held.failed, held.not_before = fetched, "", 0.0
            return
        self._generations += 1
        self._current[name] = _Current(fetched, self._generations, self._now())

    def _hide(self, fetched: Fetched) -> None:
        name = fetched.secret.name
        for text in (*traces(fetched.secret, self._placements.get(name, ())), *fetched.hidden):
            self._shown_by.setdefault(text, name)


def _recipe(credential: Credential) -> object:
    """What a value is made by: while it is the same, a value made before is still good."""
    return credential.model_dump(exclude={"hosts", "placeholder", "weak", "multi_tenant", "env"})


def _by_credential(placements: Iterable[Placement]) -> dict[str, tuple[Placement, ...]]:
    found: dict[str, dict[Placement, None]] = {}
    for placement in placements:
        found.setdefault(placement.credential, {})[placement] = None
    return {name: tuple(own) for name, own in found.items()}
