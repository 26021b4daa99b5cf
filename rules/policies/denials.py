"""The emergency deny list: what a running proxy refuses from one moment to the next, whatever policy says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from wharfinger.rules.types import UNMATCHED


@dataclass(frozen=True, slots=True)
class Denial:
    """One entry. All that it names must be the request's; it names at least one thing."""

    id: str
    tool: str = ""
    """A glob over the names of tools; `*` includes `unmatched`."""
    host: str = ""
    """A canonical host; `*.` and a host for all below it, however deep; `*` for any."""
    agent: str = ""
    because: str = ""
    person: str = ""
    """Who made it."""
    created: datetime | None = None
    ends: datetime | None = None
    """From when on it no longer holds; None: until it is removed."""

    def in_force(self, now: datetime) -> bool:
        """Whether its time has not run out."""
        return self.ends is None or now < self.ends

    def is_about(self, agent: str, host: str, tools: Iterable[str]) -> bool:
        """Whether it is about a request of `agent` to `host`, which may be any of `tools`."""
        return (
            (not self.agent or self.agent == agent)
            and (not self.host or _below(self.host, host))
            and (not self.tool or any(self.names(tool) for tool in tools))
        )

    def names(self, tool: str) -> bool:
        """Whether its glob stands for this tool."""
        if tool == UNMATCHED:
            return self.tool in {"*", UNMATCHED}
        return fnmatchcase(tool, self.tool)

    @property
    def reason(self) -> str:
        """What the agent is told."""
        return self.because or "this is denied for now"


def _below(pattern: str, host: str) -> bool:
    """Unlike what opens something, a denial of `*.example.com` is about every name below."""
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def governing(
    denials: Iterable[Denial], agent: str, host: str, tools: Iterable[str], now: datetime
) -> Denial | None:
    """The first entry that is about this request, if any is."""
    names = tuple(tools)
    for denial in denials:
        if denial.in_force(now) and denial.is_about(agent, host, names):
            return denial
    return None
