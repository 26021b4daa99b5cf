"""What the files of a configuration say of one another: every name that is used must exist.

Run after every file was read for itself; a file that could not be read is not held against the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from wharfinger.rules.models.agents import AgentsFile, PeopleFile
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.tools import Auth, ToolFile
from wharfinger.rules.problems import Position, Problems, did_you_mean
from wharfinger.rules.redact.fields import FieldPath, NotAPath

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration


def check_references(  # noqa: PLR0917 - every file, once
    built: Configuration,
    agents: AgentsFile | None,
    people: PeopleFile | None,
    files: Iterable[ToolFile],
    policies: Iterable[Policy],
    unread: Collection[str],
    problems: Problems,
) -> None:
    """Report every name that does not exist, and hosts that do not meet."""
    if agents is not None:
        _agents(built, agents, unread, problems)
    if people is not None:
        _teams(built, people, problems)
    for file in files:
        _tools(built, file, unread, problems)
    for policy in policies:
        _approvers(built, policy, unread, problems)
        _open_hosts(built, policy, problems)
    _claims(built, problems)


def _missing(problems: Problems, at: Position, what: str, name: str, known: Collection[str]) -> None:
    hint = did_you_mean(name, known) or (
        f"there are: {', '.join(sorted(known))}" if known else "declare it first"
    )
    problems.error(at, f'there is no {what} "{name}"', hint)


def _agents(built: Configuration, file: AgentsFile, unread: Collection[str], problems: Problems) -> None:
    for name, agent in file.agents.items():
        if agent.owner not in built.people and "people.yaml" not in unread:
            _missing(problems, agent.at("owner"), "person", agent.owner, built.people)
        for index, policy in enumerate(agent.policies):
            if policy not in built.policies and not problems.errors:
                _missing(problems, agent.at("policies", index), "policy", policy, built.policies)
        if not agent.policies:
            problems.warning(
                file.at("agents", name, key=True), f'the agent "{name}" has no policy, so it can do nothing',
                "add `policies: […]`",
            )  # fmt: skip


def _teams(built: Configuration, file: PeopleFile, problems: Problems) -> None:
    for name, members in file.teams.items():
        if name in built.people:
            problems.error(
                file.at("teams", name, key=True), f'"{name}" is a person and a team', "rename the team"
            )
        for index, member in enumerate(members):
            if member not in built.people:
                _missing(problems, file.at("teams", name, index), "person", member, built.people)


def _tools(built: Configuration, file: ToolFile, unread: Collection[str], problems: Problems) -> None:
    declared = built.credentials
    reported: set[str] = set()
    for definition in file.tools:
        for index, path in enumerate(definition.redact):
            try:
                FieldPath.compile(path)
            except NotAPath as error:
                problems.error(definition.at("redact", index), str(error), "write it like $.user.email")
        tool = built.tools.get(definition.tool)
        for placement in tool.placements if tool is not None else ():
            name = placement.credential
            if name not in declared:
                if name not in reported and not file.builtin and "credentials.yaml" not in unread:
                    _missing(problems, _secret_at(file, definition.run.auth), "credential", name, declared)
                    reported.add(name)
                continue
            if tool is not None and not any(_meets(host, declared[name].hosts) for host in tool.hosts):
                problems.error(
                    definition.position,
                    f"the credential {name} may not go to {', '.join(sorted(tool.hosts))}",
                    "add the host to `hosts:` of the credential, or use another",
                )


def _secret_at(file: ToolFile, own: object) -> Position:
    if isinstance(own, Auth):
        return own.at("secret")
    return file.auth.at("secret") if file.auth is not None else file.position


def _meets(host: str, allowed: Iterable[str]) -> bool:
    """Whether a tool's host (which may hold variables) and a credential's can be the same."""
    for pattern in allowed:
        if host == pattern or "$" in host or "*" in host:
            return True
        if pattern.startswith("*.") and host.endswith(pattern[1:]):
            return True
    return False


def _approvers(built: Configuration, policy: Policy, unread: Collection[str], problems: Problems) -> None:
    if "people.yaml" in unread:
        return
    known = {*built.people, *built.teams}
    for index, name in enumerate(policy.approvers):
        if name not in known:
            _missing(problems, policy.at("approvers", index), "person or team", name, known)
    for rule in policy.ask:
        for index, name in enumerate(rule.approvers):
            if name not in known:
                _missing(problems, rule.at("approvers", index), "person or team", name, known)


def _open_hosts(built: Configuration, policy: Policy, problems: Problems) -> None:
    for rule in (*policy.allow, *policy.ask):
        for index, host in enumerate(rule.hosts or ()):
            bound = [name for name, held in built.credentials.items() if _overlap(host, held.hosts)]
            if bound:
                problems.error(
                    rule.at("hosts", index),
                    f'"{host}" meets a host of the credential {bound[0]}, so it needs a tool',
                    "write a tool for what may be called there",
                )


def _overlap(one: str, others: Iterable[str]) -> bool:
    for other in others:
        a, b = one.removeprefix("*"), other.removeprefix("*")
        if one in {other, "*"}:
            return True
        if one.startswith("*.") and (b.endswith(a) or a.endswith(b)):
            return True
        if other.startswith("*.") and one.endswith(b):
            return True
    return False


def _claims(built: Configuration, problems: Problems) -> None:
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
