"""The graph as a picture: five columns from agents to credentials, laid out here, without a script.

Each column is put in the order of what its nodes are joined to in the columns beside it (the barycentre
method of Sugiyama, Tagawa and Toda, 1981), so that few lines cross.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from wharfinger.authoring.graphing import Drawing
from wharfinger.rules.policies.reach import Way
from wharfinger.rules.types import Verdict

COLUMNS = ("agent", "policy", "tool", "host", "credential")
TITLES = ("Agents", "Policies", "Tools", "Hosts", "Credentials")
_WIDTHS = (180, 180, 270, 220, 220)
_GAP = 70
_TOP = 34
_ROW = 38
_HEIGHT = 28
_LETTER = 7.4
"""Width of a character, at most about: beyond it the label is cut."""
_BADGE = 26
_SWEEPS = 4
MOST = 120
"""Nodes of a column; a picture of more says nothing."""
LETTERS = {"read": "R", "write": "W", "destructive": "D", "unknown": "?"}


@dataclass(slots=True)
class Node:
    """A box."""

    kind: str
    label: str
    link: str
    says: str
    """All of it, for whoever points at it or cannot see it."""
    effect: str
    """Of tools."""
    x: float
    width: float
    y: float = 0

    @property
    def letter(self) -> str:
        """What stands for the effect, beside its colour and shape."""
        return LETTERS.get(self.effect, "")

    @property
    def height(self) -> int:
        """Of every box."""
        return _HEIGHT

    @property
    def shown(self) -> str:
        """As much of the label as there is room for."""
        room = int((self.width - 18 - (_BADGE if self.effect else 0)) / _LETTER)
        return self.label if len(self.label) <= room else f"{self.label[: room - 1]}…"


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two boxes."""

    path: str
    kind: str
    """`allow`, `ask`, or empty."""
    conditional: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The graph, ready to be drawn."""

    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    width: int
    height: int

    @property
    def heads(self) -> list[tuple[float, str]]:
        """The titles of the columns, and where they begin."""
        return list(zip(_lefts(), TITLES, strict=True))


def picture(found: Iterable[Way], query: Mapping[str, str]) -> Picture | None:
    """The picture of these ways; None where it would be too large. `query` are the filters in use."""
    drawing = Drawing.of(found)
    columns: list[list[str]] = [[] for _ in COLUMNS]
    nodes: dict[str, Node] = {}
    for (kind, key), name in drawing.nodes.items():
        columns[COLUMNS.index(kind)].append(name)
        nodes[name] = _node(drawing, kind, key, query)
    if max(map(len, columns)) > MOST:
        return None
    edges = _edges(drawing)
    _order(columns, edges)
    tallest = max(map(len, columns))
    for column in columns:
        start = _TOP + (tallest - len(column)) * _ROW / 2
        for index, name in enumerate(column):
            nodes[name].y = start + index * _ROW
    lines = tuple(
        Line(_curve(nodes[start], nodes[end]), str(verdict or ""), conditional)
        for (start, end), (verdict, conditional) in edges.items()
    )
    width = int(_lefts()[-1] + _WIDTHS[-1])
    return Picture(tuple(nodes.values()), lines, width, _TOP + tallest * _ROW)


def _lefts() -> list[float]:
    return [sum(_WIDTHS[:index]) + index * _GAP for index in range(len(COLUMNS))]


def _node(drawing: Drawing, kind: str, key: str, query: Mapping[str, str]) -> Node:
    name, column = drawing.nodes[kind, key], COLUMNS.index(kind)
    members = list(drawing.members.get((kind, key), ()))
    effect = drawing.kinds.get(name, "")
    label = drawing.label(kind, key)
    if len(members) > 1:
        label = label.rpartition(", ")[0]  # the effect is told by the badge
    says = f"{kind} {label}" + (f", {effect}" if effect else "")
    if len(members) > 1:
        says += f": {', '.join(members[:8])}{' …' if len(members) > 8 else ''}"
    link = _link(kind, key, members, effect, query)
    return Node(kind, label, link, says, effect, _lefts()[column], _WIDTHS[column])


def _link(kind: str, key: str, members: list[str], effect: str, query: Mapping[str, str]) -> str:
    """The node's page: of what has none, the graph of it alone."""
    if kind in {"agent", "policy"}:
        return f"/{'agents' if kind == 'agent' else 'policies'}/{quote(key, safe='')}"
    if kind in {"host", "credential"}:
        return f"/graph?{urlencode({**query, kind: key})}"
    if len(members) > 1:
        return f"/tools?{urlencode({'q': key.partition(' ')[0], 'effect': effect})}"
    return f"/tools/{quote(key, safe='')}" if effect != "unknown" else "/policies"


def _edges(drawing: Drawing) -> dict[tuple[str, str], tuple[Verdict | None, bool]]:
    """The lines to draw: to a credential from the hosts that it goes to."""
    kinds = {name: kind for (kind, _), name in drawing.nodes.items()}
    hosts: dict[str, list[str]] = {}
    for start, end in drawing.edges:
        if kinds[end] == "host":
            hosts.setdefault(start, []).append(end)
    found: dict[tuple[str, str], tuple[Verdict | None, bool]] = {}
    for start, end in drawing.edges:
        if kinds[end] == "credential":
            for host in hosts.get(start, ()):
                found.setdefault((host, end), (None, False))
        else:
            found.setdefault((start, end), drawing.verdicts.get((start, end), (None, False)))
    return found


def _order(columns: list[list[str]], edges: Iterable[tuple[str, str]]) -> None:
    """Put each column in the order of the middle of its neighbours."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for start, end in edges:
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    for sweep in range(_SWEEPS):
        forwards = sweep % 2 == 0
        order = range(1, len(columns)) if forwards else range(len(columns) - 2, -1, -1)
        for index in order:
            beside = columns[index - 1 if forwards else index + 1]
            places = {name: place / max(1, len(beside)) for place, name in enumerate(beside)}
            joined = before if forwards else after
            own = {name: place / max(1, len(columns[index])) for place, name in enumerate(columns[index])}
            columns[index].sort(key=lambda name: _middle(joined.get(name, ()), places, own[name]))


def _middle(names: Iterable[str], places: Mapping[str, float], otherwise: float) -> float:
    found = [places[name] for name in names if name in places]
    return sum(found) / len(found) if found else otherwise


def _curve(start: Node, end: Node) -> str:
    x1, y1 = start.x + start.width, start.y + _HEIGHT / 2
    x2, y2 = end.x, end.y + _HEIGHT / 2
    bend = (x2 - x1) / 2
    return f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
