"""A whole configuration: every file read, checked against every other, and compiled.

All problems of all files are reported at once. What comes out is immutable, and all that decisions are
made from; it holds no value of any credential.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from wharfinger.rules import digests
from wharfinger.rules.documents import MappingNode, Source, read
from wharfinger.rules.models.agents import Agent, AgentsFile, Credential, CredentialsFile, PeopleFile, Person
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.reading import read_model, validated
from wharfinger.rules.models.settings import Settings
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.policy import CompiledPolicy, People, compile_policy
from wharfinger.rules.problems import Position, Problem, Problems, did_you_mean
from wharfinger.rules.recognise import Toolset
from wharfinger.rules.references import check_references

SETTINGS: Final = "wharfinger.yaml"
_PARAMETER: Final = re.compile(r"\$\{param\.([A-Za-z_][A-Za-z0-9_]*)\}")
_PARAMETER_VALUE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a configuration folder by relative path, and the built-in tool files by name."""

    files: Mapping[str, bytes]
    catalogue: Mapping[str, bytes] = field(default_factory=dict)


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
    digest: str = ""
    warnings: tuple[Problem, ...] = ()


def load(sources: Sources) -> Configuration:
    """Read, check and compile a configuration. Raises `ConfigurationError` with all its problems."""
    problems = Problems()
    loaded = _Loader(sources, problems).configuration()
    problems.check()
    if loaded is None:  # pragma: no cover - then there were errors
        raise AssertionError("a configuration without errors was not built")
    return replace(loaded, digest=digests.policy_digest(loaded), warnings=problems.warnings)


class _Loader:
    def __init__(self, sources: Sources, problems: Problems) -> None:
        self._sources = sources
        self._problems = problems

    def configuration(self) -> Configuration | None:
        settings = self._settings()
        agents = self._model(AgentsFile, "agents.yaml")
        people = self._model(PeopleFile, "people.yaml")
        credentials = self._model(CredentialsFile, "credentials.yaml", quote=False)
        tool_files = [*self._own_tools(), *self._built_in(settings)]
        tools = Toolset.compile(tool_files, self._problems)
        written = self._policies()
        teams = people.teams if people is not None else {}
        names = people.people if people is not None else {}
        expires = (settings or Settings(version=1)).approvals.expires
        compiled = {
            policy.policy: compile_policy(policy, tools, People(tuple(names), teams), expires, self._problems)
            for policy in written
        }
        built = Configuration(
            settings or Settings(version=1),
            MappingProxyType(dict(agents.agents) if agents is not None else {}),
            MappingProxyType(dict(names)),
            MappingProxyType(dict(teams)),
            MappingProxyType(dict(credentials.credentials) if credentials is not None else {}),
            tools,
            MappingProxyType(compiled),
        )
        unread = {
            name
            for name, model in (
                ("agents.yaml", agents), ("people.yaml", people), ("credentials.yaml", credentials),
            )
            if model is None and name in self._sources.files
        }  # fmt: skip
        check_references(built, agents, people, tool_files, written, unread, self._problems)
        return None if settings is None else built

    def _source(self, name: str) -> Source:
        return Source(name, self._sources.files[name])

    def _settings(self) -> Settings | None:
        if SETTINGS not in self._sources.files:
            self._problems.error(
                Position(SETTINGS),
                "there is no such file in the configuration folder",
                "make one: wharfinger init",
            )
            return None
        return read_model(Settings, self._source(SETTINGS), self._problems)

    def _model[T: (AgentsFile, PeopleFile, CredentialsFile)](
        self, kind: type[T], name: str, *, quote: bool = True
    ) -> T | None:
        if name not in self._sources.files:
            return None
        return read_model(kind, self._source(name), self._problems, quote=quote)

    def _folder(self, folder: str) -> Iterator[Source]:
        for name in sorted(self._sources.files):
            if name.startswith(f"{folder}/") and name.endswith(".yaml"):
                yield self._source(name)

    def _own_tools(self) -> Iterator[ToolFile]:
        for source in self._folder("tools"):
            if (file := read_model(ToolFile, source, self._problems)) is not None:
                if file.parameters:
                    at = file.at("parameters", key=True)
                    self._problems.error(
                        at, "parameters are for built-in tool files", "write the value itself"
                    )
                yield file

    def _policies(self) -> list[Policy]:
        found: dict[str, Policy] = {}
        for source in self._folder("policies"):
            policy = read_model(Policy, source, self._problems)
            if policy is None:
                continue
            if policy.policy in found:
                first = found[policy.policy].at("policy")
                self._problems.error(
                    policy.at("policy"),
                    f'the policy "{policy.policy}" is also at {first}',
                    "rename one of them",
                )
                continue
            found[policy.policy] = policy
        return list(found.values())

    def _built_in(self, settings: Settings | None) -> Iterator[ToolFile]:
        seen: set[str] = set()
        for index, entry in enumerate(settings.catalogue if settings is not None else ()):
            at = settings.at("catalogue", index) if settings is not None else Position(SETTINGS)
            if entry.name not in self._sources.catalogue:
                known = tuple(self._sources.catalogue)
                hint = did_you_mean(entry.name, known) or f"there are: {', '.join(sorted(known))}"
                self._problems.error(at, f'there is no built-in tool file "{entry.name}"', hint)
                continue
            if entry.name in seen:
                self._problems.error(at, f'"{entry.name}" is listed twice', "remove one of them")
                continue
            seen.add(entry.name)
            content = self._sources.catalogue[entry.name]
            source = Source(f"builtin:{entry.name}.yaml", content, builtin=True)
            file = self._with_parameters(source, entry.parameters, at)
            if file is not None:
                file._builtin = True
                yield file

    def _with_parameters(self, source: Source, given: Mapping[str, str], at: Position) -> ToolFile | None:
        node = read(source, self._problems)
        if node is None:
            return None
        declared = node.get("parameters")
        names = set(declared) if isinstance(declared, dict) else set()
        for name in sorted(set(given) - names):
            hint = did_you_mean(name, names) or f"it takes: {', '.join(sorted(names)) or 'none'}"
            self._problems.error(at, f'"{name}" is not a parameter of this tool file', hint)
        for name in sorted(names - set(given)):
            self._problems.error(at, f'the parameter "{name}" is missing', f"write it like {{{name}: …}}")
        for value in given.values():
            if not _PARAMETER_VALUE.fullmatch(value):
                self._problems.error(
                    at, f'"{value}" is not a host label', "letters, digits and hyphens, in lower case"
                )
                return None
        if names - set(given):
            return None
        _fill(node, given)
        return validated(ToolFile, node, self._problems)


def _fill(node: MappingNode, given: Mapping[str, str]) -> None:
    """Put parameters into `base`."""

    def filled(text: Any) -> Any:
        return _PARAMETER.sub(lambda m: given.get(m[1], m[0]), text) if isinstance(text, str) else text

    base = node.get("base")
    if isinstance(base, str):
        dict.__setitem__(node, "base", filled(base))
    elif isinstance(base, list):
        base[:] = [filled(item) for item in base]


__all__ = ["Configuration", "Sources", "load"]
