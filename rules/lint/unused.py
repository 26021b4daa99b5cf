"""What is declared and of no use: policies without an agent, tools without a rule, idle credentials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Position, Problem, Severity
from wharfinger.rules.lint.siblings import SHOWN
from wharfinger.rules.lint.view import View
from wharfinger.rules.references import meets
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import UNMATCHED, Verdict


def policies(view: View) -> Iterator[Problem]:
    """Remarks on policies that no agent has; one that is there to be extended needs none."""
    for name, policy in view.configuration.policies.items():
        if not view.holders[name] and not policy.model.abstract:
            at = policy.model.at("policy")
            yield _remark(at, f'no agent has the policy "{name}"', "name it in agents.yaml", kinds.NO_AGENT)


def named(view: View) -> set[str]:
    """The tools that some rule is about; what denies everything is about none."""
    found: set[str] = set()
    for policy in view.configuration.policies.values():
        all_denied = {
            id(rule) for rule in policy.rules.get(UNMATCHED, ()) if rule.ref.verdict is Verdict.DENY
        }
        for name, rules in policy.rules.items():
            if any(id(rule) not in all_denied for rule in rules):
                found.add(name)
    return found


def proposed(view: View, approved: frozenset[str]) -> Iterator[Problem]:
    """Remarks on tools that rules let out and nobody has approved, once for each file."""
    let_out = {name for standing in view if standing.verdict is not Verdict.DENY for name in standing.names}
    for waiting in _by_file(
        tool
        for tool in view.configuration.tools
        if tool.proposed and tool.name in let_out and tool.digest not in approved
    ):
        are = "is" if len(waiting) == 1 else "are"
        message = f"{_listed(waiting)} {are} proposed: calls are refused until a person has approved that"
        hint = f"look at what was imported, then: wharfinger tools approve --file {waiting[0].position.file}"
        yield _remark(waiting[0].position, message, hint, kinds.PROPOSED)


def tools(view: View) -> Iterator[Problem]:
    """Remarks on the user's own tools that no rule is about, once for each file."""
    about = named(view)
    own = (tool for tool in view.configuration.tools if not tool.builtin and tool.name not in about)
    for left in _by_file(own):
        message = f"no rule is about {_listed(left)}"
        yield _remark(left[0].position, message, "name them in a policy, or drop them", kinds.UNNAMED_TOOL)


def built_in(view: View) -> Mapping[str, int]:
    """How many tools of each built-in file no rule is about."""
    about = named(view)
    return dict(
        Counter(
            tool.position.file.removeprefix("builtin:").removesuffix(".yaml")
            for tool in view.configuration.tools
            if tool.builtin and tool.name not in about
        )
    )


def credentials(view: View) -> Iterator[Problem]:
    """Remarks on credentials that no tool uses, hosts at which none does, and bases they may not go to."""
    users: dict[str, list[Tool]] = {}
    for tool in view.configuration.tools:
        for placement in tool.placements:
            users.setdefault(placement.credential, []).append(tool)
    for name, credential in view.configuration.credentials.items():
        using = users.get(name)
        if not using:
            hint = "drop it, or name it in a tool's `auth`"
            yield _remark(credential.position, f"no tool uses the credential {name}", hint, kinds.NO_TOOL)
            continue
        endpoints = {(each.scheme, each.port, each.shape): each for tool in using for each in tool.endpoints}
        for index, host in enumerate(credential.hosts):
            alone = credential.model_copy(update={"hosts": (host,)})
            if not any(meets(endpoint, alone) for endpoint in endpoints.values()):
                message = f"{name} may go to {host}, where no tool uses it"
                yield _remark(credential.at("hosts", index), message, "take it out", kinds.IDLE_HOST)
        far = {key for key, endpoint in endpoints.items() if not meets(endpoint, credential)}
        for tool in using if far else ():
            out = [each for each in tool.endpoints if (each.scheme, each.port, each.shape) in far]
            if out and len(out) < len(tool.endpoints) and not tool.builtin:
                message = f'"{tool.name}" has a base to which its credential {name} may not go'
                hint = "add the host to `hosts:` of the credential, or take the base out"
                yield _remark(tool.position, message, hint, kinds.PARTLY)


def _by_file(tools: Iterable[Tool]) -> list[list[Tool]]:
    """The tools of each file, in the order in which they stand there."""
    found: dict[str, list[Tool]] = {}
    for tool in sorted(tools, key=lambda tool: tool.position):
        found.setdefault(tool.position.file, []).append(tool)
    return list(found.values())


def _listed(tools: list[Tool]) -> str:
    """The first few by name."""
    shown = ", ".join(f'"{tool.name}"' for tool in tools[:SHOWN])
    return shown + (f" and {len(tools) - SHOWN} more" if len(tools) > SHOWN else "")


def _remark(at: Position, message: str, hint: str, code: str) -> Problem:
    return Problem(at, message, hint, Severity.WARNING, code)
