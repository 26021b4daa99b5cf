"""The placeholders that agents hold: who is issued which, and under which names (DESIGN 5.4).

An agent has a placeholder for a credential only if its policies can reach it: an allow or ask rule of one
of them opens a tool that puts the credential in. Nothing here needs, or touches, a credential's value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from wharfinger.keeping.keys import Keys
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Verdict

if TYPE_CHECKING:
    from wharfinger.credentials.sealed_values import SealedValue
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.policies.policy import CompiledPolicy

_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Where AWS's clients look for a key; they sign with the placeholder in both."""


def reach(configuration: Configuration, agent: str) -> frozenset[str]:
    """The credentials that the agent's policies can reach; none for an agent that is not declared."""
    declared = configuration.agents.get(agent)
    if declared is None:
        return frozenset()
    opened = {tool for name in declared.policies for tool in _opened(configuration.policies[name])}
    return frozenset(
        placement.credential
        for tool in configuration.tools
        if tool.name in opened
        for placement in tool.placements
    )


def placeholders(configuration: Configuration, ids: Mapping[str, str], keys: Keys) -> Placeholders:
    """All placeholders of a configuration; `ids` are the agents' immutable ids by name."""
    return Placeholders(
        {
            keys.placeholder(ids[agent], name, configuration.credentials[name].placeholder): Owner(
                agent, name
            )
            for agent in configuration.agents
            if agent in ids
            for name in sorted(reach(configuration, agent))
        }
    )


def sealed(
    configuration: Configuration, ids: Mapping[str, str], values: Iterable[SealedValue]
) -> Mapping[str, Owner]:
    """The placeholders of what APIs have made for these agents, for credentials that are still declared."""
    names = {agent_id: agent for agent, agent_id in ids.items()}
    return {
        each.placeholder: Owner(names[each.agent_id], each.credential, each.name)
        for each in values
        if each.agent_id in names and each.credential in configuration.credentials
    }


def environment(configuration: Configuration, issued: Placeholders, agent: str) -> dict[str, str]:
    """The variables that give the agent its placeholders: each credential's name, and those of its `env:`.

    Where two credentials claim one variable, it is the one of that name, else the first by name.
    """
    held = {name: text for name in sorted(reach(configuration, agent)) if (text := issued.of(agent, name))}
    variables = dict(held)
    for name, text in held.items():
        declared = configuration.credentials[name]
        for variable in (*declared.env, *(_AWS if declared.kind == "aws" else ())):
            variables.setdefault(variable, text)
    return variables


def _opened(policy: CompiledPolicy) -> Iterator[str]:
    """The names of the tools that a policy's allow and ask rules are about."""
    for tool, rules in policy.rules.items():
        if any(rule.ref.verdict is not Verdict.DENY for rule in rules):
            yield tool
