"""A whole configuration: every file read, checked against every other, and compiled.

All problems of all files are reported at once: what is left of a file without its broken entries is still
checked, so that one mistake hides no other. What comes out is immutable, and all that decisions are made
from; it holds no value of any credential.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from wharfinger.rules import catalogue, digests, doors
from wharfinger.rules.channels import check_channels
from wharfinger.rules.documents.names import Declared, misspelt, tools_of
from wharfinger.rules.documents.problems import Position, Problem, Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.agents import Agent, AgentsFile, CredentialsFile, PeopleFile, Person
from wharfinger.rules.models.base import Written
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.doors import Base
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.reading import Part, read_part
from wharfinger.rules.models.settings import Settings
from wharfinger.rules.models.sources import DeclaredSource
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.policies.compiling import compile_policy
from wharfinger.rules.policies.extending import ordered
from wharfinger.rules.policies.policy import CompiledPolicy, People
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.references import check_references
from wharfinger.rules.sources import check_sources
from wharfinger.rules.types import Absence

SETTINGS: Final = "wharfinger.yaml"


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a configuration folder by relative path, and the built-in tool files by name."""

    files: Mapping[str, bytes]
    catalogue: Mapping[str, bytes] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    """Paths of files and folders that are there and could not be read; whoever tried has reported it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that decisions are made from, except the live facts."""

    settings: Settings
    agents: Mapping[str, Agent]
    people: Mapping[str, Person]
    teams: Mapping[str, tuple[str, ...]]
    credentials: Mapping[str, Credential]
    tools: Toolset
    policies: Mapping[str, CompiledPolicy]
    sources: Mapping[str, DeclaredSource] = MappingProxyType({})
    """Where credentials may be fetched from, beside the places that are always there."""
    base_urls: Mapping[str, Base] = doors.NONE
    """Variables that clients of the APIs read a base URL from."""
    digest: str = ""
    warnings: tuple[Problem, ...] = ()


def load(sources: Sources) -> Configuration:
    """Read, check and compile a configuration. Raises `ConfigurationError` with all its problems."""
    problems = Problems()
    with _uncollected():
        loaded = _Loader(sources, problems).configuration()
    problems.check()
    return replace(loaded, digest=digests.policy_digest(loaded), warnings=problems.warnings)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking again and again through what is here to stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Loader:
    def __init__(self, sources: Sources, problems: Problems) -> None:
        self._sources = sources
        self._problems = problems
        self._declared = Declared()

    def configuration(self) -> Configuration:
        """What can be made of the files; of use only if there were no errors."""
        settings = self._settings()
        agents = self._file(AgentsFile, "agents.yaml").model or AgentsFile()
        people = self._people()
        credentials = self._credentials()
        files = [*self._own_tools(), *self._built_in(settings)]
        tools = Toolset.compile(files, self._problems)
        written = self._policies()
        declared = self._declared
        approvers = People(
            declared.people.known - viewers(people), people.teams, declared.approvers.whole, _absences(people)
        )
        compiled: dict[str, CompiledPolicy] = {}
        for policy in ordered(written, declared.policies, self._problems):
            compiled[policy.policy] = compile_policy(
                policy, tools, approvers, settings.approvals.expires, self._problems, named=declared.tools,
                bases=[compiled[name] for name in policy.extends if name in compiled],
            )  # fmt: skip
        built = Configuration(
            settings,
            MappingProxyType(dict(agents.agents)),
            MappingProxyType(dict(people.people)),
            MappingProxyType(dict(people.teams)),
            MappingProxyType(dict(credentials.credentials)),
            tools,
            MappingProxyType(compiled),
            MappingProxyType(dict(credentials.sources)),
            doors.base_urls(files, self._problems),
        )
        check_sources(built, declared, self._problems)
        check_references(built, agents, people, files, written, declared, self._problems)
        check_channels(built, people, self._problems)
        return built

    # Files

    def _file[T: Written](self, kind: type[T], name: str, *, secret: bool = False) -> Part[T]:
        if name not in self._sources.files:
            return Part(None, None)
        return read_part(kind, Source(name, self._sources.files[name], secret=secret), self._problems)

    def _absent(self, name: str) -> bool:
        """Whether there is no such file, readable or not."""
        return name not in self._sources.files and name not in self._sources.unread

    def _settings(self) -> Settings:
        if self._absent(SETTINGS):
            self._problems.error(
                Position(SETTINGS),
                "there is no such file in the configuration folder",
                "make one: wharfinger init",
            )
        part = self._file(Settings, SETTINGS)
        self._declared.tools.whole = _knows_catalogue(part)
        return part.model or Settings(version=1)

    def _people(self) -> PeopleFile:
        name, people, teams = "people.yaml", self._declared.people, self._declared.teams
        if self._absent(name):
            return PeopleFile()
        part = self._file(PeopleFile, name)
        people.add_keys(part.node, "people", PeopleFile.keys())
        teams.add_keys(part.node, "teams", PeopleFile.keys())
        return part.model or PeopleFile()

    def _credentials(self) -> CredentialsFile:
        name = "credentials.yaml"
        if self._absent(name):
            return CredentialsFile()
        part = self._file(CredentialsFile, name, secret=True)
        self._declared.credentials.add_keys(part.node, "credentials", CredentialsFile.keys())
        self._declared.sources.add_keys(part.node, "sources", CredentialsFile.keys())
        return part.model or CredentialsFile()

    def _folder[T: Written](self, folder: str, kind: type[T]) -> Iterator[Part[T]]:
        """The files of a folder; an empty part stands for those that could not be read."""
        for name in sorted(self._sources.files):
            if name.startswith(f"{folder}/") and name.endswith(".yaml"):
                yield self._file(kind, name)
        for name in sorted(self._sources.unread):
            if name == folder or name.startswith(f"{folder}/"):
                yield Part(None, None)

    def _own_tools(self) -> Iterator[ToolFile]:
        for part in self._folder("tools", ToolFile):
            self._declared.tools.add_texts(tools_of(part.node))
            if (file := part.model) is None:
                continue
            if file.parameters:
                at = file.at("parameters", key=True)
                self._problems.error(at, "parameters are for built-in tool files", "write the value itself")
            yield file

    def _built_in(self, settings: Settings) -> Iterator[ToolFile]:
        for part in catalogue.tool_files(settings, self._sources.catalogue, self._problems):
            self._declared.tools.add_texts(tools_of(part.node))
            if part.model is not None:
                yield part.model

    def _policies(self) -> list[Policy]:
        found: dict[str, Policy] = {}
        for part in self._folder("policies", Policy):
            self._declared.policies.add_texts([part.node.get("policy") if part.node is not None else None])
            if (policy := part.model) is None:
                continue
            first = found.setdefault(policy.policy, policy)
            if first is not policy:
                self._problems.error(
                    policy.at("policy"),
                    f'the policy "{policy.policy}" is also at {first.at("policy")}',
                    "rename one of them",
                )
        return list(found.values())


def viewers(file: PeopleFile) -> set[str]:
    """The people who change nothing, and so never answer."""
    return {name for name, person in file.people.items() if person.role == "viewer"}


def _absences(file: PeopleFile) -> tuple[Absence, ...]:
    return tuple(
        Absence(name, person.away.to, person.away.until)
        for name, person in sorted(file.people.items())
        if person.away is not None
    )


def _knows_catalogue(part: Part[Settings]) -> bool:
    """Whether every built-in tool file that is meant could be read from the settings."""
    if part.node is None or part.model is None:
        return False
    listed = part.node.get("catalogue", [])
    whole = isinstance(listed, list) and len(listed) == len(part.model.catalogue)
    return whole and not misspelt(part.node, "catalogue", Settings.keys())


__all__ = ["Configuration", "Sources", "load"]
