"""The graph of who can reach what, for people: chosen by filters, drawn as Mermaid.

The text is Mermaid's flowchart syntax (https://mermaid.js.org/syntax/flowchart.html). Many tools of one API
with the same effect and verdict are drawn as one node, so that a picture stays one that can be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Self

from wharfinger.rules.policies.reach import Way, ways
from wharfinger.rules.types import Verdict

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration

FEW = 24
"""Tools that are drawn one by one; beyond, those of an API that are alike stand together."""
_STYLES = (
    "classDef agent stroke-width:3px",
    "classDef read stroke:#2da44e,stroke-width:2px",
    "classDef write stroke:#d4a72c,stroke-width:2px",
    "classDef destructive stroke:#cf222e,stroke-width:2px",
    "classDef unknown stroke:#8250df,stroke-width:2px,stroke-dasharray:4",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked at; each a glob, None for all."""

    agent: str | None = None
    tool: str | None = None
    host: str | None = None
    credential: str | None = None
    effect: str | None = None

    def lets(self, way: Way) -> bool:
        """Whether this way is looked at; its agent has been chosen before."""
        return (
            (self.tool is None or fnmatchcase(way.tool, self.tool))
            and (self.host is None or any(fnmatchcase(host, self.host) for host in way.hosts))
            and (self.credential is None or any(fnmatchcase(c, self.credential) for c in way.credentials))
            and (self.effect is None or (way.effect is not None and way.effect.value == self.effect))
        )


def chosen(configuration: Configuration, looked: Filter) -> list[Way]:
    """The ways that a filter lets through, by agent and tool."""
    found = names(configuration, looked)
    return [way for name in found for way in ways(configuration, name) if looked.lets(way)]


def names(configuration: Configuration, looked: Filter) -> list[str]:
    """The agents that a filter is about, by name."""
    wanted = looked.agent
    return sorted(name for name in configuration.agents if wanted is None or fnmatchcase(name, wanted))


def listed(found: Iterable[Way]) -> Iterator[str]:
    """A line for each tool below a line for each agent."""
    agent = None
    found = list(found)
    width = max((len(way.tool) for way in found), default=0)
    for way in found:
        if way.agent != agent:
            agent = way.agent
            yield f"{agent}{' (its policies only observe)' if way.observed else ''}"
        effect = "by method" if way.effect is None else way.effect.value
        verdict = way.verdict.value + (" if" if way.conditional else "")
        to = ", ".join(way.hosts) or "any host"
        key = f" with {', '.join(way.credentials)}" if way.credentials else ""
        rules = ", ".join(map(str, way.rules))
        yield f"  {way.tool:<{width}}  {effect:<11}  {verdict:<8}  {to}{key}  ({rules})"


def mermaid(found: Iterable[Way]) -> str:
    """A flowchart from agents over policies and tools to hosts and credentials."""
    return "\n".join(Drawing.of(found).lines()) + "\n"


class Drawing:
    """The nodes and edges of a graph of ways."""

    def __init__(self, *, together: bool) -> None:
        """With `together`, tools of one API that are alike are one node."""
        self.together = together
        self.nodes: dict[tuple[str, str], str] = {}
        """Kind (`agent`, `policy`, `tool`, `host`, `credential`) and key of each node, and its id."""
        self.members: dict[tuple[str, str], dict[str, None]] = {}
        """The tools that stand together, by node."""
        self.kinds: dict[str, str] = {}
        """The effect of each tool, by its node's id."""
        self.edges: dict[tuple[str, str], str] = {}
        """Mermaid's arrow between two nodes, by their ids."""
        self.verdicts: dict[tuple[str, str], tuple[Verdict, bool]] = {}
        """Of the edges from policies to tools: the verdict, and whether it depends on anything."""

    @classmethod
    def of(cls, found: Iterable[Way]) -> Self:
        """All that is to be drawn of these ways."""
        found = list(found)
        drawing = cls(together=len({way.tool for way in found}) > FEW)
        for way in found:
            drawing.add(way)
        return drawing

    def add(self, way: Way) -> None:
        """Draw one way."""
        agent = self.node("agent", way.agent)
        effect = "unknown" if way.effect is None else way.effect.value
        key = way.tool
        if self.together and way.effect is not None:
            key = f"{way.api} {effect} {way.verdict} {' '.join((*way.hosts, *way.credentials))}"
        tool = self.node("tool", key)
        self.members.setdefault(("tool", key), {})[way.tool] = None
        self.kinds[tool] = effect
        for name in way.policies:
            policy = self.node("policy", name)
            self.edges.setdefault((agent, policy), "-->")
            label = way.verdict.value + (" if" if way.conditional else "")
            arrow = f"-. {label} .->" if way.verdict is Verdict.ASK else f"-- {label} -->"
            self.edges.setdefault((policy, tool), arrow)
            self.verdicts.setdefault((policy, tool), (way.verdict, way.conditional))
        for host in way.hosts:
            self.edges.setdefault((tool, self.node("host", host)), "-->")
        for credential in way.credentials:
            self.edges.setdefault((tool, self.node("credential", credential)), "-. with .->")

    def node(self, kind: str, key: str) -> str:
        """The id of a node, made on first sight."""
        return self.nodes.setdefault((kind, key), f"{kind[0]}{len(self.nodes)}")

    def label(self, kind: str, key: str) -> str:
        """What a node is called: the tool, or how many it stands for."""
        names = list(self.members.get((kind, key), (key,)))
        return names[0] if len(names) == 1 else self.summary(key, len(names))

    def lines(self) -> Iterator[str]:
        """The graph as Mermaid writes it."""
        yield "flowchart LR"
        for (kind, key), name in self.nodes.items():
            yield f"  {name}{self.shape(kind, key)}"
        for (start, end), arrow in self.edges.items():
            yield f"  {start} {arrow} {end}"
        for style in _STYLES:
            yield f"  {style}"
        for (kind, _), name in self.nodes.items():
            if kind == "agent":
                yield f"  class {name} agent"
            elif kind == "tool":
                yield f"  class {name} {self.kinds[name]}"

    def shape(self, kind: str, key: str) -> str:
        """A node as Mermaid writes it."""
        match kind:
            case "agent":
                return f"([{_text(key)}])"
            case "tool":
                return f"[{_text(self.label(kind, key))}]"
            case "host":
                return f"{{{{{_text(key)}}}}}"
            case "credential":
                return f"[({_text(key)})]"
            case _:
                return f"[/{_text(key)}/]"

    @staticmethod
    def summary(key: str, number: int) -> str:
        """Tools that stand together, in words."""
        api, effect, *_ = key.split(" ")
        return f"{api}: {number} tools, {effect}"


def _text(text: str) -> str:
    """A label: quoted, with what Mermaid would read in it written as its entities."""
    return '"' + "".join(c if c.isalnum() or c in " _-./:,$" else f"#{ord(c)};" for c in text) + '"'
