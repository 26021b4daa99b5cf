"""wharfinger.yaml: where to listen, what to load, and how much of anything there may be (DESIGN 5.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator
from wharfinger.rules.models.audit import Audit
from wharfinger.rules.models.base import Text, Whole, Written, listed, wrong
from wharfinger.rules.models.channels import Channels
from wharfinger.rules.models.doors import Door, check_apart
from wharfinger.rules.models.traces import Traces
from wharfinger.rules.models.upstream import UpstreamProxy
from wharfinger.rules.models.values import Duration, Endpoint, Listen, PlainHost, Size, host

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A built-in tool file that is used: its name, or `{name: {parameter: value}}`."""

    name: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a name, or one port of it, is always reached."""

    address: str
    """A canonical IP address, IPv6 without brackets."""
    port: int | None
    """The port to dial; None for the one asked for."""


def _entry(value: Any) -> CatalogueEntry:
    if isinstance(value, str):
        return CatalogueEntry(value, {})
    if isinstance(value, dict) and len(value) == 1:
        ((name, parameters),) = value.items()
        if isinstance(parameters, dict) and all(isinstance(given, str) for given in parameters.values()):
            return CatalogueEntry(name, dict(parameters))
    raise wrong("expected the name of a tool file", "write it like github, or {jira: {site: acme}}")


def _pinned(value: Any) -> tuple[str, int | None]:
    name, port = _split_port(str(value))
    if host(name) != name:
        raise wrong(f'"{name}" is not in its plain form', f'write "{host(name)}"')
    return name, port


def _pin(value: Any) -> Pin:
    if not isinstance(value, str):
        raise wrong("expected an address", 'write it like "10.0.0.5" or "127.0.0.1:9443"')
    text, port = _split_port(value)
    try:
        ip = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise wrong(f'"{value}" is not an IP address', "pin the name to an address, not to a name") from None
    return Pin(ip.compressed, port)


def _split_port(text: str) -> tuple[str, int | None]:
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in name and not name.startswith("[")):
        return text, None
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise wrong(
            f'"{text}" is not host or host:port',
            "write it without scheme and path; ports are whole numbers from 1 to 65535",
        )
    return name, int(port)


def _networks(value: Any) -> Any:
    try:
        return tuple(ipaddress.ip_network(item) for item in listed(value) if isinstance(item, str))
    except (ValueError, TypeError):
        raise wrong(f'"{value}" is not a network', "write it like 10.0.0.0/8, without host bits") from None


Entry = Annotated[
    CatalogueEntry,
    BeforeValidator(_entry),
    WithJsonSchema({"type": ["string", "object"], "maxProperties": 1}),
]
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
Resolve = Annotated[
    dict[
        Annotated[tuple[str, int | None], BeforeValidator(_pinned)],
        Annotated[Pin, BeforeValidator(_pin)],
    ],
    WithJsonSchema(_TEXTS),
]
Networks = Annotated[
    tuple[Network, ...],
    Field(min_length=1),
    BeforeValidator(_networks),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]


class NetworkSettings(Written):
    """Which private addresses may be reached."""

    private: dict[PlainHost, Networks] = Field(
        default_factory=dict, description="Names that may resolve into these networks."
    )


class Upstream(Written):
    """How upstreams are reached and trusted."""

    ca: dict[PlainHost, Text] = Field(
        default_factory=dict, description="Extra trust: a PEM file for each host, or * for all."
    )
    proxy: UpstreamProxy | None = Field(default=None, description="A proxy to go out through.")


class PerAgent(Written):
    """Limits of each agent."""

    connections: Whole = Field(default=64, ge=1, le=65536, description="Open connections.")
    holds: Whole = Field(default=8, ge=1, le=1024, description="Requests held for approval.")


class Limits(Written):
    """How much of anything there may be."""

    body: Size = Field(default=32 << 20, ge=1024, le=2 << 30, description="Request body that is read.")
    parse: Size = Field(default=1 << 20, ge=1024, le=64 << 20, description="Body that rules may read.")
    headers: Size = Field(default=64 << 10, ge=1024, le=1 << 20, description="All headers of a message.")
    connections: Whole = Field(default=512, ge=1, le=65536, description="Open connections in total.")
    events: Whole = Field(
        default=10_000,
        ge=10,
        le=1_000_000,
        description="Audit events in a second, in total; one agent makes half of them at most.",
    )
    certificates: Whole = Field(
        default=50,
        ge=2,
        le=10_000,
        description="Certificates made in a second for hosts that are new; half of them for one agent.",
    )
    per_agent: PerAgent = Field(default_factory=PerAgent, description="Limits of each agent.")

    @model_validator(mode="after")
    def _parse_within_body(self) -> Self:
        if self.parse > self.body:
            raise wrong("limits.parse is greater than limits.body", "lower parse, or raise body")
        return self


class Approvals(Written):
    """How long an `ask` is held and kept."""

    hold: Duration = Field(
        default=timedelta(seconds=50), le=timedelta(minutes=15), description="How long a request waits."
    )
    expires: Duration = Field(default=timedelta(hours=1), description="How long the question stands.")
    resume_within: Duration = Field(
        default=timedelta(minutes=15), description="How long an approval may be used after it was given."
    )
    notify: tuple[Literal["console", "slack", "email", "webhook"], ...] = Field(
        default=("console",), description="Who is told of a question, besides those at the console."
    )


class Settings(Written):
    """wharfinger.yaml."""

    version: Literal[1] = Field(description="Version of the file's format.")
    listen: Listen = Field(default=Endpoint("127.0.0.1", 8080), description="The proxy's address.")
    console: Listen = Field(default=Endpoint("127.0.0.1", 8081), description="The console's address.")
    doors: tuple[Door, ...] = Field(
        default=(), description="Listeners that lead to one API each, for clients that take a base URL."
    )
    data: Text | None = Field(
        default=None, min_length=1, description="Data folder, relative to this file; default: the user's."
    )
    catalogue: tuple[Entry, ...] = Field(default=(), description="Built-in tool files that are used.")
    resolve: Resolve = Field(default_factory=dict, description="Names, or name:port, pinned to addresses.")
    network: NetworkSettings = Field(default_factory=NetworkSettings, description="Private networks.")
    upstream: Upstream = Field(default_factory=Upstream, description="Trust and proxies.")
    limits: Limits = Field(default_factory=Limits, description="How much of anything there may be.")
    approvals: Approvals = Field(default_factory=Approvals, description="How asks are held.")
    channels: Channels = Field(default_factory=Channels, description="Where people are told and answer.")
    audit: Audit = Field(default_factory=Audit, description="How the book is written.")
    traces: Traces | None = Field(default=None, description="Where spans of requests are sent.")

    @model_validator(mode="after")
    def _distinct_ports(self) -> Self:
        if self.listen == self.console and self.listen.port != 0:
            raise wrong(f"listen and console are both {self.listen}", "give one of them another port")
        check_apart(self.doors, (self.listen, self.console))
        return self

    @field_validator("version", mode="before")
    @classmethod
    def _version(cls, value: Any) -> Any:
        if value != 1 or isinstance(value, bool):
            raise wrong("this version of the file's format is not known", "write `version: 1`")
        return value

    def pin(self, host: str, port: int) -> Pin | None:
        """Where `resolve` pins this (canonical) name and port to; an entry with the port goes first."""
        return self.resolve.get((host, port)) or self.resolve.get((host, None))
