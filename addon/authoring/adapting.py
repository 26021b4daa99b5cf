"""Fit the built-in YAML to one configuration, line by line, so that comments and layout stay as they are.

A starter policy is written for all tools of its API and for an agent named `agent`. Here rules and tests
about tools that are not loaded are taken out, and the tests are given the agent's own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

import yaml

RULES = ("allow", "ask", "deny")
_ANY = frozenset({"*", "unmatched"})


def tool_names(text: str) -> tuple[str, ...]:
    """The names of the tools in a tool file."""
    return tuple(name.value for item in _items(_root(text), "tools") if (name := _value(item, "tool")))


def policy(text: str, agent: str, tools: frozenset[str]) -> str:
    """The policy with what is about `tools` alone, its tests run as `agent`."""
    root = _root(text)
    lines = text.splitlines()

    def loaded(node: yaml.Node | None) -> bool:
        return node is None or node.value in _ANY or any(fnmatchcase(tool, node.value) for tool in tools)

    for item in _items(root, "tests"):
        name = _value(item, "agent")
        if name is not None:
            line, start, end = name.start_mark.line, name.start_mark.column, name.end_mark.column
            lines[line] = lines[line][:start] + agent + lines[line][end:]
    gone: set[int] = set()
    for key, names_tool in (*((rule, "tool") for rule in RULES), ("tests", "call")):
        gone |= _drop(root, key, lambda item, at=names_tool: loaded(_value(item, at)))  # type: ignore[misc]
    kept = [line for number, line in enumerate(lines) if number not in gone]
    return "\n".join(line.replace("`agent`", f"`{agent}`") for line in _tidy(kept)) + "\n"


def without_login(text: str, keep: Callable[[str], bool]) -> str:
    """A tool file without credentials and head comment, with only the tools whose name `keep` is true of."""
    root = _root(text)
    gone = _drop(root, "tools", lambda item: keep(str(getattr(_value(item, "tool"), "value", ""))))
    first = root.start_mark.line
    lines = [
        line
        for number, line in enumerate(text.splitlines())
        if number >= first and number not in gone and not line.lstrip().startswith("auth:")
    ]
    return "\n".join(_tidy(lines)) + "\n"


def _root(text: str) -> yaml.MappingNode:
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("a built-in file is not a mapping")
    return node


def _pair(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((pair for pair in pairs if pair[0].value == key), None)


def _value(node: yaml.Node, key: str) -> yaml.Node | None:
    pair = _pair(node, key)
    return None if pair is None else pair[1]


def _items(root: yaml.MappingNode, key: str) -> list[yaml.Node]:
    node = _value(root, key)
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _drop(root: yaml.MappingNode, key: str, keep: Callable[[yaml.Node], bool]) -> set[int]:
    """Numbers of the lines of the items under `key` that are not kept; of the key as well if none is."""
    items = _items(root, key)
    gone = {line for item in items if not keep(item) for line in _lines(item)}
    if items and not any(map(keep, items)):
        pair = _pair(root, key)
        gone |= {pair[0].start_mark.line} if pair is not None else set()
    return gone


def _lines(node: yaml.Node) -> range:
    # A text over several lines (`|`, `>`) ends at the beginning of the line behind it.
    last = max(mark.line - (mark.column == 0) for mark in _ends(node))
    return range(node.start_mark.line, last + 1)


def _ends(node: yaml.Node) -> Iterator[yaml.Mark]:
    """Where the node's scalars end: a block's own end mark stands at whatever comes next."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        yield node.end_mark
        return
    for item in node.value:
        for part in item if isinstance(node, yaml.MappingNode) else (item,):
            yield from _ends(part)


def _tidy(lines: list[str]) -> Iterator[str]:
    """The lines without blank ones at the ends or two in a row."""
    before = ""
    for line in "\n".join(lines).strip("\n").split("\n"):
        if line or before:
            yield line
        before = line
