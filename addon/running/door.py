"""The environment that puts a process behind the proxy as one agent: proxy, trust and placeholders.

Made from the configuration, the installation key and the agents' ids; no credential is touched.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wharfinger.certs.authority import Authority
from wharfinger.certs.environment import UNSET, ClientFiles, client_environment
from wharfinger.credentials import issued
from wharfinger.keeping.keys import Keys
from wharfinger.rules import doors
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.types import Place
from wharfinger.running.desk import DataFolder
from wharfinger.secret import PASSPHRASE


@dataclass(frozen=True, slots=True)
class Door:
    """Where one agent goes out, and as whom."""

    agent: str
    token: str | None
    """None where the socket or the address says who it is."""
    proxy: str
    """`http://host:port`, without credentials."""

    @property
    def url(self) -> str:
        """The proxy's URL, with the agent's credentials where it needs any."""
        if self.token is None:
            return self.proxy
        parts = urlsplit(self.proxy)
        return f"{parts.scheme}://{self.agent}:{self.token}@{parts.netloc}"

    def base_urls(self, configuration: Configuration) -> Iterator[tuple[str, str]]:
        """The variables that name a door to an API, with its URL for this agent.

        There are none for an agent that reaches the proxy elsewhere than on its own loopback.
        """
        if not _on_loopback(urlsplit(self.proxy).hostname or ""):
            return
        login = "" if self.token is None else doors.login_path(self.agent, self.token)
        for name, door, path in doors.told(configuration):
            yield name, f"{door.url}{login}{path}"


def _on_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client_files(data: DataFolder, configuration: Configuration, folder: Path) -> ClientFiles:
    """The files that the environment names, written if they are not there as they must be."""
    extra = tuple(folder / name for name in sorted(set(configuration.settings.upstream.ca.values())))
    return ClientFiles.write(data.client, Authority.open_or_create(data.ca), extra)


def environment(
    door: Door,
    configuration: Configuration,
    files: ClientFiles,
    placeholders: Placeholders,
    existing: Mapping[str, str],
) -> dict[str, str]:
    """The variables to set over `existing`."""
    git = dict(_git_logins(configuration, placeholders, door.agent))
    variables = client_environment(door.url, files, existing, git)
    return (
        dict(door.base_urls(configuration))
        | variables
        | issued.environment(configuration, placeholders, door.agent)
    )


def placeholders_of(configuration: Configuration, ids: Mapping[str, str], keys: Keys) -> Placeholders:
    """All placeholders, by the agents' ids."""
    return issued.placeholders(configuration, ids, keys)


def _git_logins(
    configuration: Configuration, placeholders: Placeholders, agent: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    """For each host where a tool takes Basic credentials with a fixed user: that user and the placeholder."""
    reached = issued.reach(configuration, agent)
    for tool in configuration.tools:
        for placement in tool.placements:
            user, colon, rest = placement.format.partition(":")
            if placement.place is not Place.BASIC or placement.credential not in reached:
                continue
            text = placeholders.of(agent, placement.credential)
            if colon and user and rest == "${secret}" and text is not None:
                for host in tool.hosts:
                    yield host, (user, text)


def without(existing: Mapping[str, str], removed: frozenset[str] = frozenset()) -> dict[str, str]:
    """`existing` without what would lead round the proxy or open its store, and without `removed`."""
    gone = UNSET | removed | {PASSPHRASE}
    return {name: value for name, value in existing.items() if name not in gone}
