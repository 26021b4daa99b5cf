"""All credentials of the runtime: the current value of each, and every value that must never be shown.

Values change in two steps. `prepare` fetches them, off the event loop, and changes nothing; `adopt` puts
them in place at once, in the same synchronous step in which a reload swaps the configuration. Whatever a
value is replaced by, it stays in the redaction set as long as the process lives: it has been sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from wharfinger.credentials.kinds import traces
from wharfinger.credentials.sources import Environment, NotFetched, source
from wharfinger.credentials.values import faults
from wharfinger.rules.models.agents import Credential
from wharfinger.rules.types import Placement
from wharfinger.secret import Secret

_AT_ONCE = 4
"""Sources asked at the same time: each may be a command that asks a person."""


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
    values: Mapping[str, Secret]
    problems: tuple[CredentialProblem, ...]
    """Everything that is wrong, by name; a credential with a problem is not among `values`."""


@dataclass(frozen=True, slots=True)
class _Current:
    secret: Secret
    generation: int


class Credentials:
    """The credentials in use. Only `prepare`, `load` and `refresh` do I/O."""

    def __init__(self, environment: Environment | None = None) -> None:
        """Without any credential; `environment` is the process's own unless a test brings another."""
        self._environment = environment or Environment()
        self._declared: Mapping[str, Credential] = {}
        self._folder = Path()
        self._placements: Mapping[str, tuple[Placement, ...]] = {}
        self._current: dict[str, _Current] = {}
        self._why_not: dict[str, str] = {}
        self._shown_by: dict[str, str] = {}
        self._generations = 0

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
        return found.secret

    def generation(self, name: str) -> int:
        """A number that changes with the value of `name`, never to return; 0 while it has none."""
        found = self._current.get(name)
        return 0 if found is None else found.generation

    async def prepare(
        self, declared: Mapping[str, Credential], folder: Path, placements: Iterable[Placement] = ()
    ) -> Prepared:
        """Fetch the values of all `declared`, and change nothing yet.

        `folder` is the configuration's, `placements` are those of all its tools.
        """
        gate = asyncio.Semaphore(_AT_ONCE)
        values: dict[str, Secret] = {}
        problems: list[CredentialProblem] = []

        async def one(name: str, credential: Credential) -> None:
            async with gate:
                fetched = await asyncio.to_thread(self._fetch, name, credential, folder)
            if isinstance(fetched, Secret):
                values[name] = fetched
            else:
                problems.extend(fetched)

        await asyncio.gather(*(one(name, credential) for name, credential in declared.items()))
        problems.sort(key=lambda problem: problem.name)
        return Prepared(dict(declared), folder, _by_credential(placements), values, tuple(problems))

    def adopt(self, prepared: Prepared) -> None:
        """Put prepared values in place, in one step.

        A credential whose source failed keeps its value if that is the source it came from (one that is
        down for a moment stops nothing); else it has none.
        """
        before, self._declared = self._declared, prepared.declared
        self._folder, self._placements = prepared.folder, prepared.placements
        self._why_not = {problem.name: problem.message for problem in reversed(prepared.problems)}
        for name in set(self._current) - set(prepared.values):
            declared = prepared.declared.get(name)
            if declared is None or declared.source != before[name].source:
                del self._current[name]
        for name, secret in prepared.values.items():
            self._put(name, secret)
        for held in self._current.values():
            self._hide(held.secret)

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
        fetched = await asyncio.to_thread(self._fetch, name, declared, self._folder)
        if not isinstance(fetched, Secret):
            return fetched
        if self._declared.get(name) is declared:  # else a reload has decided on it meanwhile
            self._put(name, fetched)
            self._hide(fetched)
        return ()

    def _fetch(
        self, name: str, credential: Credential, folder: Path
    ) -> Secret | tuple[CredentialProblem, ...]:
        try:
            value = source(credential.source, folder, self._environment).fetch()
        except NotFetched as fault:
            return (CredentialProblem(name, fault.message, fault.hint),)
        except Exception as error:  # noqa: BLE001 - whatever failed may hold the value in its message
            kind = type(error).__name__
            return (CredentialProblem(name, f"its source failed: {kind}", "see that the source works"),)
        found = tuple(CredentialProblem(name, *fault) for fault in faults(value, credential))
        return found or Secret(name, value)

    def _put(self, name: str, secret: Secret) -> None:
        held = self._current.get(name)
        if held is not None and held.secret.same_as(secret):
            return
        self._generations += 1
        self._current[name] = _Current(secret, self._generations)

    def _hide(self, secret: Secret) -> None:
        for text in traces(secret, self._placements.get(secret.name, ())):
            self._shown_by.setdefault(text, secret.name)


def _by_credential(placements: Iterable[Placement]) -> dict[str, tuple[Placement, ...]]:
    found: dict[str, dict[Placement, None]] = {}
    for placement in placements:
        found.setdefault(placement.credential, {})[placement] = None
    return {name: tuple(own) for name, own in found.items()}
