"""What each agent can reach, and by which rules: agents, policies, tools, hosts and credentials as a graph.

Read off the compiled rules, without a request: a tool is in reach where some rule lets it out and none
forbids it always. Whether one call is let out depends on its inputs; `decide` says that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wharfinger.rules.policies.policy import CompiledPolicy, Rule
from wharfinger.rules.requests.spelling import DEFAULT_PORTS
from wharfinger.rules.types import UNMATCHED, Effect, RuleRef, Verdict

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.tools.places import Endpoint
    from wharfinger.rules.tools.template import Text
    from wharfinger.rules.tools.tool import Tool


@dataclass(frozen=True, slots=True)
class Way:
    """A tool in an agent's reach, and how it comes to be."""

    agent: str
    tool: str
    """Its name, or `unmatched`: requests to some hosts that no tool fits."""
    api: str
    effect: Effect | None
    """None for `unmatched`, whose effect is that of its method."""
    verdict: Verdict
    """`allow`, or `ask` where nothing passes without a person."""
    conditional: bool
    """Whether it depends on inputs, the reason or the time: a condition that cannot be evaluated denies."""
    observed: bool
    """Whether all of the agent's policies only observe, so that rules keep nothing from passing."""
    policies: tuple[str, ...]
    """Those with a rule that lets it out."""
    rules: tuple[RuleRef, ...]
    """The rules that let it out, or ask."""
    forbidding: tuple[RuleRef, ...]
    """The rules that forbid some of its calls."""
    hosts: tuple[str, ...]
    credentials: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON of this."""
        return {
            "agent": self.agent,
            "tool": self.tool,
            "api": self.api,
            "effect": None if self.effect is None else self.effect.value,
            "verdict": self.verdict.value,
            "conditional": self.conditional,
            "observed": self.observed,
            "policies": list(self.policies),
            "rules": [str(rule) for rule in self.rules],
            "forbidding": [str(rule) for rule in self.forbidding],
            "hosts": list(self.hosts),
            "credentials": list(self.credentials),
        }


def ways(configuration: Configuration, agent: str) -> Iterator[Way]:
    """The tools in an agent's reach, by name, and after them what it may send that no tool fits.

    `KeyError` for an agent that is not there.
    """
    reader = _Reader(configuration, agent)
    for tool in sorted(configuration.tools, key=lambda tool: tool.name):
        if (way := reader.way(tool)) is not None:
            yield way
    if (way := reader.unmatched()) is not None:
        yield way


def way(configuration: Configuration, agent: str, tool: Tool) -> Way | None:
    """How one tool comes to be in an agent's reach; None where it is not."""
    return _Reader(configuration, agent).way(tool)


def address(tool: Tool) -> str:
    """Where the tool's requests go, as its template writes it; the first place of several."""
    endpoint = tool.endpoints[0]
    path = "".join(f"/{_written(segment)}" for segment in tool.path.segments)
    return f"{endpoint.scheme}://{_shown(endpoint)}{path}"


class _Reader:
    def __init__(self, configuration: Configuration, agent: str) -> None:
        self.agent = agent
        declared = configuration.agents[agent]
        self.environment = declared.environment
        own = [configuration.policies[name] for name in declared.policies]
        enforced = [policy for policy in own if policy.model.until is None]
        self.observed = bool(own) and not enforced
        self.policies = enforced or own

    def way(self, tool: Tool) -> Way | None:
        """How the tool comes to be in reach; None where it is not."""
        hosts = tuple(dict.fromkeys(map(_shown, tool.endpoints)))
        credentials = tuple(dict.fromkeys(placement.credential for placement in tool.placements))
        return self._way(tool.name, tool.api, tool.effect, hosts, credentials)

    def unmatched(self) -> Way | None:
        """The same for requests that no tool fits."""
        rules = [rule for _, rule in self._about(UNMATCHED)]
        opened = (host for rule in rules if rule.ref.verdict is not Verdict.DENY for host in rule.hosts)
        return self._way(UNMATCHED, "", None, tuple(dict.fromkeys(opened)), ())

    def _about(self, name: str) -> Iterator[tuple[CompiledPolicy, Rule]]:
        for policy in self.policies:
            for rule in policy.rules.get(name, ()):
                if rule.holds_in(self.environment):
                    yield policy, rule

    def _way(
        self,
        name: str,
        api: str,
        effect: Effect | None,
        hosts: tuple[str, ...],
        credentials: tuple[str, ...],
    ) -> Way | None:
        about = list(self._about(name))
        allowing, asking, denying = (
            [(policy, rule) for policy, rule in about if rule.ref.verdict is verdict]
            for verdict in (Verdict.ALLOW, Verdict.ASK, Verdict.DENY)
        )
        forbidden = any(_always(rule) and not rule.hosts for _, rule in denying)
        if not (allowing or asking) or (forbidden and not self.observed):
            return None
        asked = not allowing or any(_always(rule) for _, rule in asking)
        opening = asking if asked else [*allowing, *asking]
        return Way(
            self.agent,
            name,
            api,
            effect,
            Verdict.ASK if asked else Verdict.ALLOW,
            bool(denying) or not all(_always(rule) for _, rule in about),
            self.observed,
            tuple(dict.fromkeys(policy.name for policy, _ in opening)),
            tuple(dict.fromkeys(rule.ref for _, rule in opening)),
            tuple(dict.fromkeys(rule.ref for _, rule in denying)),
            hosts,
            credentials,
        )


def _always(rule: Rule) -> bool:
    return rule.condition is None


def _shown(endpoint: Endpoint) -> str:
    """The host as a template writes it, with its port where that is not the scheme's own."""
    usual = DEFAULT_PORTS.get(endpoint.scheme) == endpoint.port
    return ".".join(map(_written, endpoint.labels)) + ("" if usual else f":{endpoint.port}")


def _written(text: Text) -> str:
    """A text as a template writes it."""
    return "".join(part if isinstance(part, str) else f"${{{part.name}}}" for part in text.parts)
