"""The configuration in force as the office knows it: loaded here, from the files' texts that the proxy gives.

What is heavy to find out (who reaches what, the policies' tests, what another text would decide) is worked
out in this process, so that no request waits for it. The proxy is asked each time, in the visitor's session,
what is in force; the texts are fetched once for each configuration.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from starlette.concurrency import run_in_threadpool
from wharfinger.authoring.snapshot import Catalogue
from wharfinger.control.office.shelf import Shelf
from wharfinger.control.on_configuration import unpacked
from wharfinger.faults import Fault
from wharfinger.rules import cases
from wharfinger.rules.cases import CaseResult
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.documents.problems import ConfigurationError, Problem, Severity
from wharfinger.rules.policies import coverage, reach
from wharfinger.rules.policies.coverage import Exercised
from wharfinger.rules.policies.reach import Way

type Ask = Callable[..., Awaitable[Any]]
"""`Visit.ask`."""

KEPT = 8
"""Configurations whose files are kept, to compare with."""
KEPT_BYTES = 64 * 1024 * 1024
_ALTERED = 3
_WORKED_OUT = 64
"""Sets of policies whose reach is kept."""
_TRIES = 3


class Loaded:
    """One configuration, and what has been worked out from it so far. Used from threads."""

    def __init__(self, digest: str, files: Mapping[str, bytes], configuration: Configuration) -> None:
        self.digest = digest
        """Of the files."""
        self.files = files
        self.configuration = configuration
        self._lock = threading.RLock()
        self._ways: OrderedDict[tuple[tuple[str, ...], str | None], tuple[Way, ...]] = OrderedDict()

    @classmethod
    def load(cls, digest: str, files: Mapping[str, bytes], catalogue: Mapping[str, bytes]) -> Loaded:
        """Load it. Raises `ConfigurationError`."""
        return cls(digest, files, load(Sources(files, catalogue)))

    def ways(self, agent: str) -> tuple[Way, ...]:
        """What is in an agent's reach: worked out once for all agents of the same policies."""
        declared = self.configuration.agents[agent]
        key = tuple(declared.policies), declared.environment
        with self._lock:
            if key not in self._ways:
                self._ways[key] = tuple(reach.ways(self.configuration, agent))
            found = self._ways[key]
            self._ways.move_to_end(key)
            if len(self._ways) > _WORKED_OUT:
                self._ways.popitem(last=False)
        return found if not found or found[0].agent == agent else _for(found, agent)

    @cached_property
    def cases(self) -> tuple[CaseResult, ...]:
        """What came of the policies' tests."""
        return cases.run(self.configuration)

    @cached_property
    def exercised(self) -> tuple[Exercised, ...]:
        """Which rules the tests exercise."""
        return coverage.coverage(self.configuration, self.cases)

    def text(self, path: str) -> str | None:
        """The text of a file that is shown: of policies and tools, never of where credentials are kept."""
        content = self.files.get(path) if is_shown(path) else None
        return None if content is None else content.decode("utf-8", "replace")


def is_shown(path: str) -> bool:
    """Whether the text of a file is for everyone who signs in: not the settings, nor credentials.yaml."""
    return path.startswith(("policies/", "tools/")) or path in {"agents.yaml", "people.yaml"}


def _for(ways: tuple[Way, ...], agent: str) -> tuple[Way, ...]:
    return tuple(replace(way, agent=agent) for way in ways)


@dataclass(frozen=True, slots=True)
class Altered:
    """A configuration with one file in another text: loaded, or what is wrong with it."""

    loaded: Loaded | None
    problems: tuple[Problem, ...]


class Configurations:
    """See the module's head. Used from the event loop; what takes time is done in a thread."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.shelf = Shelf(self.catalogue)
        self._loaded: Loaded | None = None
        self._one = asyncio.Lock()
        self._altering = asyncio.Lock()
        self._packed: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        """By digest of the files: policy digest and packed files; the newest last."""
        self._altered: OrderedDict[tuple[str, str, str], Altered] = OrderedDict()

    async def current(self, ask: Ask) -> Loaded:
        """The configuration in force, for whoever may ask. Raises what `ask` raises, and `Fault`."""
        async with self._one:
            known = self._loaded
            told = await ask("configuration.files", digest=known.digest if known is not None else None)
            if known is not None and told["digest"] == known.digest:
                return known
            digest, content = await self._fetched(ask, told)
            files = unpacked(content)
            try:
                loaded = await run_in_threadpool(Loaded.load, digest, files, self.catalogue)
            except ConfigurationError as error:
                raise Fault(
                    "the configuration in force cannot be read here", str(error.problems[0])
                ) from error
            self._loaded = loaded
            return loaded

    async def altered(self, loaded: Loaded, path: str, text: str) -> Altered:
        """`loaded` with another text in one file."""
        key = loaded.digest, path, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        async with self._altering:
            if (known := self._altered.get(key)) is not None:
                return known
            made = await run_in_threadpool(self._alter, loaded, path, text)
            self._altered[key] = made
            while len(self._altered) > _ALTERED:
                self._altered.popitem(last=False)
            return made

    def files(self, policy_digest: str) -> Mapping[str, bytes] | None:
        """The files of an earlier configuration, as they last were; None where they are not known here."""
        for digest, content in reversed(self._packed.values()):
            if digest == policy_digest:
                return unpacked(content)
        return None

    @property
    def known(self) -> frozenset[str]:
        """The policy digests whose files are known."""
        return frozenset(digest for digest, _ in self._packed.values())

    def _alter(self, loaded: Loaded, path: str, text: str) -> Altered:
        files = {**loaded.files, path: text.replace("\r\n", "\n").encode("utf-8", "replace")}
        try:
            made = Loaded.load("", files, self.catalogue)
        except ConfigurationError as error:
            found = tuple(p for p in error.problems if p.severity is Severity.ERROR)
            return Altered(None, found)
        return Altered(made, tuple(p for p in made.configuration.warnings if p.position.file == path))

    async def _fetched(self, ask: Ask, told: Mapping[str, Any]) -> tuple[str, bytes]:
        for _ in range(_TRIES):
            digest, policy_digest = told["digest"], told["policy_digest"]
            if "part" not in told:
                told = await ask("configuration.files", after=0)
                continue
            content = bytearray(base64.b64decode(told["part"]))
            size = told["size"]
            while len(content) < size and told["digest"] == digest:
                told = await ask("configuration.files", after=len(content))
                content += base64.b64decode(told["part"])
            if told["digest"] == digest:
                self._keep(digest, policy_digest, bytes(content))
                return digest, bytes(content)
            told = await ask("configuration.files", after=0)
        raise Fault("the configuration changes while it is read", "try again")

    def _keep(self, digest: str, policy_digest: str, content: bytes) -> None:
        self._packed[digest] = (policy_digest, content)
        self._packed.move_to_end(digest)
        while len(self._packed) > KEPT or sum(len(c) for _, c in self._packed.values()) > KEPT_BYTES:
            if len(self._packed) == 1:
                break
            self._packed.popitem(last=False)
