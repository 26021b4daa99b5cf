"""The built-in tool files: which there are, what is in them, and a tool's own lines in its file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source, read

_TITLE = re.compile(r"^title: *(.*)$", re.MULTILINE)
_TOOL = re.compile(r"^ *(?:- *)?tool: *(\S+) *$", re.MULTILINE)
_LINES = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """One built-in tool file, as the list shows it."""

    name: str
    title: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One tool of a built-in file, as it is written there."""

    name: str
    description: str
    effect: str
    method: str
    url: str


@dataclass(frozen=True, slots=True)
class Opened:
    """One built-in tool file, read."""

    title: str
    description: str
    base: str
    parameters: Mapping[str, str]
    tools: tuple[Shown, ...]


class Shelf:
    """See the module's head. What is shipped does not change while this runs."""

    def __init__(self, catalogue: Mapping[str, bytes]) -> None:
        self._catalogue = catalogue

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All of them, by name: their lines are looked through, for reading all of it takes seconds."""
        return tuple(self._entry(name) for name in sorted(self._catalogue))

    def open(self, name: str) -> Opened | None:
        """One of them; None where there is none."""
        if name not in self._catalogue:
            return None
        source = Source(f"builtin:{name}.yaml", self._catalogue[name], builtin=True)
        node: Mapping[str, Any] = read(source, Problems()) or {}
        return Opened(
            str(node.get("title", name)),
            str(node.get("description", "")),
            _text(node.get("base", "")),
            {str(key): str(value) for key, value in (node.get("parameters") or {}).items()},
            tuple(_shown(tool) for tool in node.get("tools") or [node]),
        )

    def _entry(self, name: str) -> Entry:
        text = self._catalogue[name].decode("utf-8", "replace")
        title = _TITLE.search(text)
        return Entry(name, title[1].strip("\"' ") if title else name, tuple(_TOOL.findall(text)))


def _shown(tool: Mapping[str, Any]) -> Shown:
    run = tool.get("run") or {}
    return Shown(
        str(tool.get("tool", "")),
        str(tool.get("description", "")),
        str(tool.get("effect", "")),
        _text(run.get("method", "")),
        str(run.get("url", "")),
    )


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def declaration(text: str, line: int) -> list[tuple[int, str]]:
    """The lines of the tool that is written from `line` on, with their numbers."""
    lines = text.split("\n")
    first = lines[line - 1] if 0 < line <= len(lines) else ""
    if not first.lstrip().startswith("-"):
        return list(enumerate(lines[:_LINES], start=1))
    indent = len(first) - len(first.lstrip())
    end = line
    while end < len(lines) and end - line < _LINES and not _ends(lines[end], indent):
        end += 1
    while end > line and not lines[end - 1].strip():
        end -= 1
    return list(enumerate(lines[line - 1 : end], start=line))


def _ends(line: str, indent: int) -> bool:
    return bool(line.strip()) and len(line) - len(line.lstrip()) <= indent
