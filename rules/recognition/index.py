"""Find the templates that fit a request's method, host and path, at a cost that grows with the path.

A trie of path segments for each host: constants are looked up, only variables are tried. Hosts without
variables are looked up; the few templates with variables in the host are tried by their number of labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.requests.spelling import Path
from wharfinger.rules.tools.places import Endpoint
from wharfinger.rules.tools.template import Text
from wharfinger.rules.tools.tool import Tool


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool at one of its endpoints."""

    rank: tuple[object, ...]
    """Sorts the more specific template first: see `rank`."""
    tool: Tool
    endpoint: Endpoint


@dataclass(slots=True)
class Surface:
    """A URL and method at which one protocol above HTTP is spoken, and the tools that are declared there."""

    protocol: Protocol
    by_key: dict[str, list[Entry]] = field(default_factory=dict)
    """By what chooses among the operations; the more specific first."""
    tools: list[Tool] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Declare one more tool here."""
        alike = self.by_key.setdefault(entry.tool.key, [])
        alike.append(entry)
        alike.sort(key=_by_rank)
        self.tools.append(entry.tool)


@dataclass(slots=True)
class _Node:
    constants: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    """For `${x}` and `${x:encoded}` alone."""
    mixed: dict[str, tuple[Text, _Node]] = field(default_factory=dict)
    """Segments of constants and variables, by shape."""
    ends: dict[str, list[Entry]] = field(default_factory=dict)
    """Templates that end here, by method."""
    rests: dict[str, list[Entry]] = field(default_factory=dict)
    """Templates whose `${x...}` begins below here, by method."""
    spoken: dict[str, dict[Protocol, Surface]] = field(default_factory=dict)
    """Protocols that are spoken here, by method."""

    def below(self, segment: Text) -> _Node:
        """The node for a template's next segment, made if need be."""
        constant = segment.constant
        if constant is not None:
            return self.constants.setdefault(constant, _Node())
        if segment.single is not None:
            self.variable = self.variable or _Node()
            return self.variable
        return self.mixed.setdefault(segment.shape, (segment, _Node()))[1]


class Index:
    """All templates of a configuration. Built once, then only read."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str, int], _Node] = {}
        self._patterns: dict[tuple[str, int, int], dict[str, tuple[Endpoint, _Node]]] = {}

    def add(self, tool: Tool) -> None:
        """Make a tool findable at all its endpoints."""
        for one in (tool, *tool.others):
            self._add(one)

    def _add(self, tool: Tool) -> None:
        for endpoint in tool.endpoints:
            node = self._root(endpoint)
            segments = tool.path.segments if tool.path.rest is None else tool.path.segments[:-1]
            for segment in segments:
                node = node.below(segment)
            held = node.ends if tool.path.rest is None else node.rests
            entry = Entry(rank(tool, endpoint), tool, endpoint)
            for method in tool.methods:
                if tool.speech is None:
                    held.setdefault(method, []).append(entry)
                else:
                    here = node.spoken.setdefault(method, {})
                    here.setdefault(tool.protocol, Surface(tool.protocol)).add(entry)

    def _root(self, endpoint: Endpoint) -> _Node:
        host = endpoint.host
        if host is not None:
            return self._exact.setdefault((endpoint.scheme, host, endpoint.port), _Node())
        alike = self._patterns.setdefault((endpoint.scheme, endpoint.port, len(endpoint.labels)), {})
        return alike.setdefault(endpoint.shape, (endpoint, _Node()))[1]

    def _roots(self, scheme: str, host: str, port: int) -> list[_Node]:
        exact = self._exact.get((scheme, host, port))
        found = [] if exact is None else [exact]
        if self._patterns and not host.startswith("["):
            labels = host.split(".")
            for endpoint, node in self._patterns.get((scheme, port, len(labels)), {}).values():
                if all(text.fits(label) for text, label in zip(endpoint.labels, labels, strict=True)):
                    found.append(node)
        return found

    def find(
        self, scheme: str, host: str, port: int, method: str, path: Path
    ) -> tuple[list[Entry], list[Surface]]:
        """The templates of this method, host and path, the most specific first; and what is spoken there."""
        found: list[Entry] = []
        surfaces: list[Surface] = []
        nodes = self._roots(scheme, host, port)
        for segment in path.segments:
            if segment:
                for node in nodes:
                    if node.rests:
                        found.extend(node.rests.get(method, ()))
            below: list[_Node] = []
            for node in nodes:
                constant = node.constants.get(segment)
                if constant is not None:
                    below.append(constant)
                if segment:
                    if node.variable is not None:
                        below.append(node.variable)
                    if node.mixed:
                        below.extend(deeper for text, deeper in node.mixed.values() if text.fits(segment))
            nodes = below
            if not nodes:
                break
        for node in nodes:
            found.extend(node.ends.get(method, ()))
            if node.spoken:
                surfaces.extend(node.spoken.get(method, {}).values())
        if path.encoded:  # only a template that declares it takes an encoded slash
            found = [entry for entry in found if entry.tool.path.admits(path.encoded)]
            surfaces = [each for each in surfaces if each.tools[0].path.admits(path.encoded)]
        if len(found) > 1:
            found.sort(key=_by_rank)
        if len(surfaces) > 1:
            surfaces.sort(key=lambda surface: min(entries[0].rank for entries in surface.by_key.values()))
        return found, surfaces


def _by_rank(entry: Entry) -> tuple[object, ...]:
    return entry.rank


def rank(tool: Tool, endpoint: Endpoint) -> tuple[object, ...]:
    """Where a template stands in the total order of specificity; the least comes first.

    Compared in turn, until two differ:

    1. the host, label by label from the right: a constant, then constants with variables (the longer
       constants first), then a variable alone;
    2. the path, segment by segment from the left: the same, then `${x:encoded}`, then `${x...}`;
    3. constants in query, headers and body: the more of them the better, then by their text;
    4. the user's before the built-in; then by name.
    """
    return (
        tuple(_segment_rank(label) for label in reversed(endpoint.labels)),
        tuple(_segment_rank(segment) for segment in tool.path.segments),
        -len(tool.constants),
        tool.constants,
        tool.builtin,
        tool.name,
    )


def _segment_rank(segment: Text) -> tuple[int, int]:
    if segment.constant is not None:
        return 0, 0
    single = segment.single
    if single is None:
        return 1, -sum(len(constant) for constant in segment.constants)
    return 4 if single.rest else 3 if single.encoded else 2, 0
