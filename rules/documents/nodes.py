"""The mappings and lists of a document, which remember where they and their entries were written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wharfinger.rules.documents.problems import Position

type Mark = tuple[int, int]
"""Line and column, from 1."""


class MappingNode(dict[str, Any]):
    """A YAML mapping that remembers where it and its entries were written."""

    __slots__ = ("file", "keys_at", "mark", "values_at")

    def __init__(self, file: str, mark: Mark) -> None:
        """Start an empty mapping that begins at `mark`."""
        super().__init__()
        self.file = file
        self.mark = mark
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}

    @property
    def position(self) -> Position:
        """Where the mapping begins."""
        return Position(self.file, *self.mark)

    def only(self, keep: Callable[[str], bool]) -> MappingNode:
        """A copy with the entries whose key is to be kept, positions included."""
        part = MappingNode(self.file, self.mark)
        for key in filter(keep, self):
            part.set(key, self.keys_at.get(key, self.mark), self[key], self.values_at.get(key, self.mark))
        return part

    def set(self, key: str, key_at: Mark, value: Any, value_at: Mark) -> None:
        """Add an entry with its positions."""
        self[key] = value
        self.keys_at[key] = key_at
        self.values_at[key] = value_at


class SequenceNode(list[Any]):
    """A YAML list that remembers where it and its items were written."""

    __slots__ = ("file", "items_at", "mark")

    def __init__(self, file: str, mark: Mark) -> None:
        """Start an empty list that begins at `mark`."""
        super().__init__()
        self.file = file
        self.mark = mark
        self.items_at: list[Mark] = []

    @property
    def position(self) -> Position:
        """Where the list begins."""
        return Position(self.file, *self.mark)

    def only(self, keep: Callable[[int], bool]) -> SequenceNode:
        """A copy with the items whose index is to be kept, positions included."""
        part = SequenceNode(self.file, self.mark)
        for index in filter(keep, range(len(self))):
            part.append(self[index])
            part.items_at.append(self.items_at[index])
        return part


def locate(node: object, path: tuple[int | str, ...], *, key: bool = False) -> Position | None:
    """Where the entry at `path` below `node` stands: its value, or its key.

    Goes as deep as `path` leads and gives the deepest place found; None if `node` has no positions.
    Steps that are not in the document (names that a validator put into an error's path) are skipped.
    """
    found: Position | None = node.position if isinstance(node, MappingNode | SequenceNode) else None
    for number, step in enumerate(path):
        last = number == len(path) - 1
        if isinstance(node, MappingNode) and step in node:
            name = str(step)
            mark = (node.keys_at if key and last else node.values_at)[name]
            found, node = Position(node.file, *mark), node[name]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node):
            found, node = Position(node.file, *node.items_at[step]), node[step]
    return found


def value_at(node: object, path: tuple[int | str, ...], otherwise: object = None) -> object:
    """What stands at `path` below `node`; `otherwise` where the document has nothing there."""
    for step in path:
        if isinstance(node, MappingNode) and step in node:
            node = node[str(step)]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return otherwise
    return node
