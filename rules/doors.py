"""What clients are told of doors: which variable names which door, and with which path.

A tool file knows the variables that clients of its API read a base URL from (`base_env`); `doors` in the
settings says which API has a door. Where both meet, the variable is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.models.doors import Base, Door
from wharfinger.rules.models.tools import ToolFile

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration

NONE: Mapping[str, Base] = MappingProxyType({})


def base_urls(files: Iterable[ToolFile], problems: Problems) -> Mapping[str, Base]:
    """The variables of all tool files, with the URL that each has by itself."""
    found: dict[str, tuple[ToolFile, Base]] = {}
    for file in files:
        for name, base in file.base_env.items():
            first, known = found.setdefault(name, (file, base))
            if known != base:
                at = first.at("base_env", name, key=True)
                problems.error(
                    file.at("base_env", name, key=True), f'the variable "{name}" is also at {at}',
                    "a client reads one URL from it: leave it to one of them",
                )  # fmt: skip
    return MappingProxyType({name: base for name, (_, base) in found.items()})


def told(configuration: Configuration) -> Iterator[tuple[str, Door, str]]:
    """Each variable that names a door: its name, the door, and the path to put behind the door's own URL."""
    doors = {door.to: door for door in configuration.settings.doors}
    for name, base in sorted(configuration.base_urls.items()):
        if base.origin in doors:
            yield name, doors[base.origin], base.path
