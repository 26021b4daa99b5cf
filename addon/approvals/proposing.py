"""Drafting a grant: like a call that was asked about, or for a tool with nothing sent yet.

Rules: those must agree whom the rules ask that it satisfies, as many of them. Of a tool, every rule of the
agent's policies that asks about it is taken to ask, so that nobody is left out.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from wharfinger.approvals.granted import Draft, GrantError
from wharfinger.approvals.question import safe_text
from wharfinger.rules.policies import asking, drafting
from wharfinger.rules.policies.drafting import CannotGrant, Predicate, Wish
from wharfinger.rules.policies.granting import credential_digests
from wharfinger.rules.policies.grants import How, Surroundings
from wharfinger.rules.types import Ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wharfinger.approvals.approval import Approval
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.policies.policy import Rule

_SHOWN = 200
"""Characters of a fixed value that are shown."""


class Agent(Protocol):
    """An agent, as the store has it."""

    @property
    def id(self) -> str:
        """Immutable."""
        ...

    @property
    def name(self) -> str:
        """As it is declared."""
        ...

    @property
    def generation(self) -> int:
        """Of its tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person grants, and for how long."""

    wish: Wish
    uses: int
    until: datetime


def like_call(approval: Approval, agent: Agent, terms: Terms) -> Draft:
    """A grant for calls like the one an approval is about. Raises `GrantError`."""
    sample = approval.sample
    if sample is None:
        raise GrantError(
            f"approval {approval.id} is not about one call of one tool that is read whole",
            "approve it, or see: wharfinger grants add --help",
        )
    predicate = _made(lambda: drafting.of_call(sample, terms.wish))
    (call,) = approval.question.calls
    return Draft(
        approval.agent,
        sample.tool,
        sample.salt,
        sample.place,
        predicate.inputs,
        predicate.extras,
        predicate.headers,
        _shown(predicate, call.inputs),
        terms.uses,
        terms.until,
        Surroundings(
            approval.agent_id, agent.generation, sample.template, sample.policies, sample.credentials
        ),
        replace(approval.ask, people=approval.people, approvers=approval.approvers, escalations=()),
        approval.id,
    )


def for_tool(configuration: Configuration, agent: Agent, tool_name: str, terms: Terms) -> Draft:
    """A grant for calls of a tool. Raises `GrantError`."""
    tool = configuration.tools.get(tool_name)
    declared = configuration.agents.get(agent.name)
    if tool is None or declared is None:
        what = f'tool "{tool_name[:100]}"' if tool is None else f'agent "{agent.name}"'
        raise GrantError(f"there is no {what}", "see: wharfinger tools list, wharfinger agents list")
    if tool.media is None:
        raise GrantError(
            f'"{tool.name}" has a body that is not read, and no grant could say what is in it',
            "approve its calls one by one",
        )
    asking_rules = [
        rule
        for name in declared.policies
        if name in configuration.policies
        for rule in configuration.policies[name].rules.get(tool.name, ())
        if rule.ask is not None and rule.holds_in(declared.environment)
    ]
    salt = secrets.token_hex(16)
    predicate = _made(lambda: drafting.of_tool(tool, terms.wish, salt))
    fixed = {
        name: "(sensitive: not shown)" if name in tool.sensitive else value
        for name, value in terms.wish.fixed.items()
    }
    return Draft(
        agent.name,
        tool.name,
        salt,
        None,
        predicate.inputs,
        predicate.extras,
        predicate.headers,
        _shown(predicate, fixed),
        terms.uses,
        terms.until,
        Surroundings(
            agent.id,
            agent.generation,
            tool.digest,
            {rule.ref.policy: configuration.policies[rule.ref.policy].digest for rule in asking_rules},
            credential_digests(configuration, tuple(each.credential for each in tool.placements)),
        ),
        _ask(asking_rules, tool.name, agent.name, declared.owner),
    )


def _ask(rules: list[Rule], tool: str, agent: str, owner: str) -> Ask:
    if not rules:
        raise GrantError(f'no rule asks about "{tool}" for "{agent}"', "a grant satisfies rules that ask")
    ask = asking.for_agent(asking.agreed([rule.ask for rule in rules if rule.ask is not None]), owner)
    ask = replace(ask, escalations=())
    if (lack := asking.lacking(ask)) is not None:
        raise GrantError(lack, f"propose it from a call: wharfinger approvals approve ID --grant … ({tool})")
    return ask


def _made(make: Callable[[], Predicate]) -> Predicate:
    try:
        return make()
    except CannotGrant as error:
        raise GrantError("the grant cannot be so: " + "; ".join(error.problems)) from error


def _shown(predicate: Predicate, values: Mapping[str, object]) -> dict[str, str]:
    """The values that are held fixed, as text that is safe to show."""
    texts = {
        name: safe_text(json.dumps(values[name], ensure_ascii=False))
        for name, bound in predicate.inputs.items()
        if bound.how is How.FIXED and name in values
    }
    return {name: text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…" for name, text in texts.items()}
