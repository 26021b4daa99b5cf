"""What the files of a configuration say of one another: every name that is used must exist.

Run after every file was read for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.names import Declared
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean
from wharfinger.rules.models.agents import AgentsFile, PeopleFile
from wharfinger.rules.models.auth import Auth
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.selections import Selection
from wharfinger.rules.models.settings import Network
from wharfinger.rules.models.tools import ToolDef, ToolFile
from wharfinger.rules.policies.asking import for_agent, lacking
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools.places import Endpoint
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import Place

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration


_PLACES: Final = {"aws": Place.SIGV4, "mtls": Place.TLS}
"""Kinds whose value is no text to be put into a request, and the one place of each."""
_KINDS: Final = {place: kind for kind, place in _PLACES.items()}


def check_references(  # noqa: PLR0917 - every file, once
    built: Configuration,
    agents: AgentsFile,
    people: PeopleFile,
    files: Iterable[ToolFile],
    policies: Collection[Policy],
    declared: Declared,
    problems: Problems,
) -> None:
    """Report every name that does not exist, and hosts that do not meet."""
    _agents(agents, built, declared, problems)
    _origins(agents, problems)
    _teams(people, declared, problems)
    _absences(people, declared, problems)
    for file in files:
        _Tools(built, file, policies, declared, problems).check()
    for policy in policies:
        _approvers(policy, declared, problems)
        _viewers(policy, people, problems)
        _environments(policy, agents, problems)
        _open_hosts(built, policy, problems)
    _proxy(built, declared, problems)
    _separate(built, declared, problems)
    _variables(built, problems)


# People and agents


def _agents(file: AgentsFile, built: Configuration, declared: Declared, problems: Problems) -> None:
    for name, agent in file.agents.items():
        declared.people.check(agent.owner, agent.at("owner"), problems)
        for index, policy in enumerate(agent.policies):
            declared.policies.check(policy, agent.at("policies", index), problems)
            if policy in built.policies and built.policies[policy].model.abstract:
                problems.error(
                    agent.at("policies", index),
                    f'the policy "{policy}" is abstract, and there to be extended only',
                    "name a policy that extends it",
                )
        if not agent.policies:
            problems.warning(
                file.at("agents", name, key=True), f'the agent "{name}" has no policy, so it can do nothing',
                "add `policies: […]`", kinds.NO_POLICY,
            )  # fmt: skip


def _origins(file: AgentsFile, problems: Problems) -> None:
    """Networks of several agents: an address must say who speaks."""
    seen: list[tuple[Network, str]] = []
    for name, agent in file.agents.items():
        for network in agent.source.cidr if agent.source is not None else ():
            other = next((o for n, o in seen if n.version == network.version and n.overlaps(network)), None)
            if other is not None:
                problems.error(
                    agent.at("from", "cidr"),
                    f'"{network}" is where "{other}" comes from, too',
                    "give each agent addresses of its own",
                )
            seen.append((network, name))


def _teams(file: PeopleFile, declared: Declared, problems: Problems) -> None:
    for name, members in file.teams.items():
        if name in declared.people.known:
            problems.error(
                file.at("teams", name, key=True), f'"{name}" is a person and a team', "rename the team"
            )
        for index, member in enumerate(members):
            declared.people.check(member, file.at("teams", name, index), problems)


def _absences(file: PeopleFile, declared: Declared, problems: Problems) -> None:
    for name, person in file.people.items():
        if person.away is None:
            continue
        declared.people.check(person.away.to, person.away.at("to"), problems)
        if person.away.to == name:
            problems.error(
                person.away.at("to"), f'"{name}" cannot answer for "{name}" while away', "name another person"
            )


def _viewers(policy: Policy, people: PeopleFile, problems: Problems) -> None:
    """Those who are named as approvers and may only look."""
    named = [(name, policy.at("approvers", i)) for i, name in enumerate(policy.approvers)]
    for limit in policy.limits:
        named += [(name, limit.at("approvers", i)) for i, name in enumerate(limit.approvers)]
    for rule in policy.ask:
        named += [(name, rule.at("approvers", i)) for i, name in enumerate(rule.approvers)]
        to = rule.escalate.to if rule.escalate is not None else ()
        named += [(name, rule.at("escalate", "to", i)) for i, name in enumerate(to)]
    for name, at in named:
        if name in people.people and people.people[name].role == "viewer":
            problems.error(
                at, f'"{name}" is a viewer, and approves nothing', "name another, or change the role"
            )


def _approvers(policy: Policy, declared: Declared, problems: Problems) -> None:
    known = declared.approvers
    for index, name in enumerate(policy.approvers):
        known.check(name, policy.at("approvers", index), problems)
    for rule in policy.ask:
        for index, name in enumerate(rule.approvers):
            known.check(name, rule.at("approvers", index), problems)
        for index, name in enumerate(rule.escalate.to if rule.escalate is not None else ()):
            known.check(name, rule.at("escalate", "to", index), problems)
    for limit in policy.limits:
        for index, name in enumerate(limit.approvers):
            known.check(name, limit.at("approvers", index), problems)


def _separate(built: Configuration, declared: Declared, problems: Problems) -> None:
    """Rules that keep the owner from answering, and leave too few people for an agent."""
    for name, agent in built.agents.items() if declared.approvers.whole else ():
        for policy in agent.policies:
            compiled = built.policies.get(policy)
            found = {} if compiled is None else {id(r): r for rules in compiled.rules.values() for r in rules}
            for rule in found.values():
                if rule.ask is None or not rule.ask.separate or not rule.holds_in(agent.environment):
                    continue
                if rule.ask.everyone and (lack := lacking(for_agent(rule.ask, agent.owner))) is not None:
                    problems.error(
                        Position(rule.ref.file, rule.ref.line, rule.ref.column),
                        f'without the owner of "{name}" ({agent.owner}), {lack}',
                        "name more approvers, or drop `separate`",
                    )


def _environments(policy: Policy, agents: AgentsFile, problems: Problems) -> None:
    """An environment that no agent is in, and agents in none that a denial passes by."""
    known = {agent.environment for agent in agents.agents.values() if agent.environment is not None}
    for where in (policy, *policy.rules):
        for index, name in enumerate(where.environments or ()):
            if name not in known:
                hint = did_you_mean(name, known) or "see `environment:` in agents.yaml"
                at = where.at("environments", index)
                problems.warning(at, f'no agent is in the environment "{name}"', hint, kinds.NO_ENVIRONMENT)
    if not (policy.deny or policy.deny_patterns or policy.limits):
        return
    restricting = any(rule.environments for rule in policy.deny) or policy.environments
    if restricting:
        for name, agent in agents.agents.items():
            if agent.environment is None and policy.policy in agent.policies:
                problems.warning(
                    agent.position,
                    f'"{name}" is in no environment, and the policy "{policy.policy}" denies by environment',
                    "add `environment:` to the agent",
                    kinds.PASSED_BY,
                )


# Tools and credentials


class _Tools:
    """Checks the tools of one file against the credentials.

    What is wrong with a user's tool is an error. A built-in tool that cannot be used as things are is a
    warning, if a rule would let it out: its calls are denied.
    """

    def __init__(
        self,
        built: Configuration,
        file: ToolFile,
        policies: Collection[Policy],
        declared: Declared,
        problems: Problems,
    ) -> None:
        self._built = built
        self._file = file
        self._policies = policies
        self._declared = declared
        self._problems = problems

    def check(self) -> None:
        """Report all that is wrong."""
        undeclared: dict[str, list[str]] = {}
        out_of_reach: dict[tuple[str, str], list[str]] = {}
        for definition in self._file.tools:
            tool = self._built.tools.get(definition.tool)
            if tool is None or tool.builtin is not self._file.builtin:
                continue  # it has errors, or another has taken its place
            if tool.placements and all(endpoint.scheme != "https" for endpoint in tool.endpoints):
                at = definition.run.at("url")
                self._problems.error(at, "a credential goes out over https only", "write https://…")
            for placement in tool.placements:
                credential = self._built.credentials.get(placement.credential)
                if credential is None:
                    if self._declared.credentials.missing(placement.credential):
                        undeclared.setdefault(placement.credential, []).append(tool.name)
                elif _PLACES.get(credential.kind, placement.place) is not placement.place or (
                    placement.place in _KINDS and credential.kind != _KINDS[placement.place]
                ):
                    self._problems.error(
                        definition.run.at("auth"),
                        f"the credential {placement.credential} is of the kind {credential.kind}, "
                        f"which does not go with `in: {placement.place}`",
                        "sigv4 takes aws, and tls takes mtls; neither goes anywhere else",
                    )
                elif not any(meets(endpoint, credential) for endpoint in tool.endpoints):
                    where = ", ".join(sorted(tool.hosts)) or "the tool's host"
                    out_of_reach.setdefault((placement.credential, where), []).append(tool.name)
        if self._file.builtin:
            self._warn(undeclared, out_of_reach)
        else:
            self._report(undeclared, out_of_reach)

    def _report(
        self, undeclared: dict[str, list[str]], out_of_reach: dict[tuple[str, str], list[str]]
    ) -> None:
        definitions = {definition.tool: definition for definition in self._file.tools}
        for name, tools in undeclared.items():
            at = self._secret_at(definitions[tools[0]])
            self._declared.credentials.check(name, at, self._problems)
        for (name, where), tools in out_of_reach.items():
            for tool in tools:
                self._problems.error(
                    definitions[tool].position,
                    f"the credential {name} may not go to {where}",
                    "add the host to `hosts:` of the credential, or use another",
                )

    def _secret_at(self, definition: ToolDef) -> Position:
        own, shared = definition.run.auth, self._file.auth
        if isinstance(own, Auth):
            return own.at("secret")
        return shared.at("secret") if shared is not None else self._file.position

    def _warn(self, undeclared: dict[str, list[str]], out_of_reach: dict[tuple[str, str], list[str]]) -> None:
        for name, tools in undeclared.items():
            for at, opened in _opened(self._policies, self._needing(tools)):
                self._problems.warning(
                    at,
                    f"{_list(opened)} cannot be called: the credential {name} is not declared",
                    f"declare {name} in credentials.yaml",
                    kinds.UNDECLARED,
                )
        for (name, where), tools in out_of_reach.items():
            opened = sorted(
                {tool for _, each in _opened(self._policies, self._needing(tools)) for tool in each}
            )
            if opened:
                self._problems.warning(
                    self._built.credentials[name].at("hosts"),
                    f"{_list(opened)} cannot be called: the credential {name} may not go to {where}",
                    "add the host, if it may",
                    kinds.OUT_OF_REACH,
                )

    def _needing(self, names: Iterable[str]) -> list[Tool]:
        """Those of the tools that cannot do without their credential."""
        return [tool for name in names if not (tool := self._built.tools[name]).auth_optional]


def _opened(policies: Iterable[Policy], tools: Collection[Tool]) -> Iterator[tuple[Position, list[str]]]:
    """Where policies let any of these tools out, and which."""
    for policy in policies if tools else ():
        named: list[tuple[str | Selection, Position]] = [
            (name, policy.at("tools", index)) for index, name in enumerate(policy.tools)
        ]
        named += [(rule.tool, rule.at("tool")) for rule in (*policy.allow, *policy.ask)]
        for pattern, at in named:
            if found := [tool.name for tool in tools if _picked(pattern, tool)]:
                yield at, found


def _picked(by: str | Selection, tool: Tool) -> bool:
    """Whether a rule's `tool` stands for this one."""
    return by.picks(tool.api, tool.effect) if isinstance(by, Selection) else fnmatchcase(tool.name, by)


def _list(names: Collection[str]) -> str:
    first = f'"{min(names)}"'
    return f"{first} and {len(names) - 1} more" if len(names) > 1 else first


def meets(endpoint: Endpoint, credential: Credential) -> bool:
    """Whether an endpoint, which may have variables in its host, and a credential's hosts can be the same."""
    for pattern in credential.hosts:
        host = pattern
        if pattern.startswith("*."):  # stands for one label, as certificates read it
            first = endpoint.labels[0]
            host = first.write({variable.name: "x" for variable in first.variables}) + pattern[1:]
        try:
            if endpoint.read(host) is not None:
                return True
        except Refused:
            continue
    return False


# Hosts and variables


def _open_hosts(built: Configuration, policy: Policy, problems: Problems) -> None:
    for rule in (*policy.allow, *policy.ask):
        for index, host in enumerate(rule.hosts or ()):
            bound = [name for name, held in built.credentials.items() if _overlap(host, held)]
            if bound:
                problems.error(
                    rule.at("hosts", index),
                    f'"{host}" meets a host of the credential {bound[0]}, so it needs a tool',
                    "write a tool for what may be called there",
                )


def _overlap(opened: str, credential: Credential) -> bool:
    """Whether what a rule opens holds a host that the credential may go to."""
    if opened == "*":
        return True
    if opened.startswith("*."):
        return any(bound.removeprefix("*").endswith(opened[1:]) for bound in credential.hosts)
    return credential.goes_to(opened)


def _proxy(built: Configuration, declared: Declared, problems: Problems) -> None:
    """The login of a proxy to go out through is there, is one, and may go there."""
    proxy = built.settings.upstream.proxy
    if proxy is None or not proxy.credential:
        return
    at, name = proxy.at("credential"), proxy.credential
    credential = built.credentials.get(name)
    if credential is None:
        declared.credentials.check(name, at, problems)
    elif credential.kind != "basic":
        problems.error(at, f"the credential {name} is not of the kind basic", "it takes user and password")
    elif not credential.goes_to(proxy.host):
        hint = "add the host to `hosts:` of the credential, or use another"
        problems.error(at, f"the credential {name} may not go to {proxy.host}", hint)


def _variables(built: Configuration, problems: Problems) -> None:
    """Two credentials may not claim one variable."""
    owner: dict[str, str] = {name: name for name in built.credentials}
    for name, credential in built.credentials.items():
        for index, variable in enumerate(credential.env):
            first = owner.setdefault(variable, name)
            if first != name:
                problems.error(
                    credential.at("env", index),
                    f'the variable "{variable}" is that of {first}',
                    "name another",
                )
