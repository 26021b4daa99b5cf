"""What clients are told of doors: which variable names which door, with which path, and who asks there.

A tool file knows the variables that clients of its API read a base URL from (`base_env`); `doors` in the
settings says which API has a door. Where both meet, the variable is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.models.doors import Base, Door
from wharfinger.rules.models.tools import ToolFile

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration

_LOGIN: Final = "/wharfinger-agent/"
_READ: Final = re.compile(rf"{_LOGIN}([A-Za-z0-9_.-]{{1,64}})/([A-Za-z0-9_-]{{1,256}})(?=[/?]|$)", re.ASCII)
UNKNOWN: Final = ("", "")
"""A login that is none: no agent has it."""

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


def login_path(agent: str, token: str) -> str:
    """What a base URL begins its path with to say who asks: a client of one URL has no other place for it."""
    return f"{_LOGIN}{agent}/{token}"


def read_login(target: str) -> tuple[tuple[str, str] | None, str]:
    """Agent and token in a request's target, None where there are none, and the target without them."""
    if not target.startswith(_LOGIN):
        return None, target
    found = _READ.match(target)
    if found is None:
        return UNKNOWN, "/"
    rest = target[found.end() :]
    return (found[1], found[2]), rest if rest.startswith("/") else f"/{rest}"
