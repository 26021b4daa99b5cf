"""Names that the files of a configuration declare and use of one another.

Names of entries with errors count as declared, and where a file could not be read far enough to know its
names, none of that kind is reported as missing: one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from wharfinger.rules.documents.nodes import MappingNode
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean

MAX_LISTED: Final = 12
"""How many names a hint lists."""


@dataclass(slots=True)
class Names:
    """The names of one kind."""

    what: str
    """The kind, as a message names it."""
    known: set[str] = field(default_factory=set)
    whole: bool = True
    """False where a file could not be read far enough to know what it declares."""

    def missing(self, name: str) -> bool:
        """Whether `name` is certainly not declared."""
        return self.whole and name not in self.known

    def matched(self, pattern: str) -> bool:
        """Whether a name that is declared, or may be, fits the glob."""
        return not self.whole or any(fnmatchcase(name, pattern) for name in self.known)

    def check(self, name: str, at: Position, problems: Problems) -> None:
        """Report a name that does not exist."""
        if self.missing(name):
            problems.error(
                at, f'there is no {self.what} "{name}"', did_you_mean(name, self.known) or self._all()
            )

    def _all(self) -> str:
        if not self.known:
            return "declare it first"
        listed = sorted(self.known)
        more = f" and {len(listed) - MAX_LISTED} more" if len(listed) > MAX_LISTED else ""
        return f"there are: {', '.join(listed[:MAX_LISTED])}{more}"

    def add_keys(self, node: MappingNode | None, key: str, keys: Collection[str]) -> None:
        """Add the keys of the mapping that stands under `key` of a file; None is a file that was not read.

        `keys` are those that the file may have.
        """
        held = None if node is None else node.get(key, {})
        if isinstance(held, dict):
            self.known.update(held)
        if node is None or not isinstance(held, dict) or misspelt(node, key, keys):
            self.whole = False

    def add_texts(self, texts: Iterable[object]) -> None:
        """Add what are names; what is none stands for one that is not known."""
        for text in texts:
            if isinstance(text, str):
                self.known.add(text)
            else:
                self.whole = False


def misspelt(node: MappingNode, key: str, keys: Collection[str]) -> bool:
    """Whether a key that is not there may be one that is unknown; `keys` are those that may be there."""
    return key not in node and not set(keys).issuperset(node)


def tools_of(node: MappingNode | None) -> list[object]:
    """The names of the tools in a file; None stands for one that cannot be told."""
    if node is None:
        return [None]
    if "tools" not in node:
        return [node.get("tool")]
    tools = node["tools"]
    if not isinstance(tools, list):
        return [None]
    return [tool.get("tool") if isinstance(tool, dict) else None for tool in tools]


@dataclass(frozen=True, slots=True)
class Declared:
    """All names of a configuration."""

    people: Names = field(default_factory=lambda: Names("person"))
    teams: Names = field(default_factory=lambda: Names("team"))
    credentials: Names = field(default_factory=lambda: Names("credential"))
    sources: Names = field(default_factory=lambda: Names("source"))
    tools: Names = field(default_factory=lambda: Names("tool"))
    policies: Names = field(default_factory=lambda: Names("policy"))

    @property
    def approvers(self) -> Names:
        """People and teams."""
        people, teams = self.people, self.teams
        return Names("person or team", people.known | teams.known, people.whole and teams.whole)
