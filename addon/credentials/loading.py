"""Having the values of many credentials fetched at once, off the event loop, with nothing put in place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wharfinger.credentials.fetching import Fetched, Unusable, fetch
from wharfinger.credentials.sources import Asked
from wharfinger.credentials.standings import CredentialProblem
from wharfinger.faults import Fault
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.types import Placement
from wharfinger.secret import Secret

_AT_ONCE: Final = 4
"""Sources asked at the same time: each may be a command that asks a person."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Values that have been fetched and not been put in place."""

    declared: Mapping[str, Credential]
    asked: Asked
    placements: Mapping[str, tuple[Placement, ...]]
    fetched: Mapping[str, Fetched]
    problems: tuple[CredentialProblem, ...]
    """Everything that is wrong, by name; a credential with a problem is not among `values`."""

    @property
    def values(self) -> Mapping[str, Secret]:
        """The values alone."""
        return {name: each.secret for name, each in self.fetched.items()}


async def prepare(
    declared: Mapping[str, Credential], asked: Asked, placements: Iterable[Placement]
) -> Prepared:
    """Fetch the values of all `declared`; `placements` are those of all tools."""
    gate = asyncio.Semaphore(_AT_ONCE)
    values: dict[str, Fetched] = {}
    problems: list[CredentialProblem] = []

    async def one(name: str, credential: Credential) -> None:
        async with gate:
            fetched = await asyncio.to_thread(attempt, name, credential, asked)
        if isinstance(fetched, Fetched):
            values[name] = fetched
        else:
            problems.extend(fetched)

    await asyncio.gather(*(one(name, credential) for name, credential in declared.items()))
    problems.sort(key=lambda problem: problem.name)
    return Prepared(dict(declared), asked, _by_credential(placements), values, tuple(problems))


def attempt(name: str, credential: Credential, asked: Asked) -> Fetched | tuple[CredentialProblem, ...]:
    """The value of one credential, or all that is wrong. Never raises; may block for seconds."""
    try:
        return fetch(name, credential, asked)
    except Unusable as unusable:
        return tuple(CredentialProblem(name, *each) for each in unusable.found)
    except Fault as fault:
        return (CredentialProblem(name, fault.message, fault.hint),)
    except Exception as error:  # noqa: BLE001 - whatever failed may hold the value in its message
        kind = type(error).__name__
        return (CredentialProblem(name, f"its source failed: {kind}", "see that the source works"),)


def recipe(credential: Credential, asked: Asked) -> object:
    """What a value is made by: while it is the same, a value made before is still good."""
    written = credential.model_dump(exclude={"hosts", "placeholder", "weak", "multi_tenant", "env"})
    return written, [asked.declared.get(origin.scheme) for origin in credential.origins.values()]


def _by_credential(placements: Iterable[Placement]) -> dict[str, tuple[Placement, ...]]:
    found: dict[str, dict[Placement, None]] = {}
    for placement in placements:
        found.setdefault(placement.credential, {})[placement] = None
    return {name: tuple(own) for name, own in found.items()}
