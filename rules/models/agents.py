"""agents.yaml, people.yaml and credentials.yaml: who may act, who may approve, and with what (DESIGN 5.4)."""

from __future__ import annotations

import ipaddress
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, field_validator
from wharfinger.rules.models.base import Text, Written, wrong
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.origins import SourceName
from wharfinger.rules.models.policies import Until
from wharfinger.rules.models.settings import Network, Networks
from wharfinger.rules.models.sources import DeclaredSource
from wharfinger.rules.models.values import Name, Variable

_SHARED: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class Source(Written):
    """Where an agent comes from: what says who it is in place of a token."""

    later: ClassVar[frozenset[str]] = frozenset({"socket"})

    cidr: Networks = Field(
        description="Networks, as 10.200.0.2/32, whose every address is this agent's and no one else's."
    )

    @field_validator("cidr")
    @classmethod
    def _of_one_agent(cls, value: tuple[Network, ...]) -> tuple[Network, ...]:
        if any(
            network.overlaps(one) for network in value for one in _SHARED if one.version == network.version
        ):
            raise wrong(
                "addresses of loopback are those of every process of this machine",
                "give the agent a network of its own: scripts/netns, a container's, or run --isolate",
            )
        return value


class Agent(Written):
    """A registered client of the proxy."""

    later: ClassVar[frozenset[str]] = frozenset({"token"})
    remedies: ClassVar[dict[str, str]] = {"policy": "write `policies: […]`"}

    owner: Name = Field(description="The person who answers for it.")
    description: Text = Field(default="", description="What the agent is for.")
    policies: tuple[Name, ...] = Field(default=(), description="What it may do; without one, nothing.")
    environment: Name | None = Field(default=None, description="Where it runs, for conditions: prod, test, …")
    source: Source | None = Field(
        default=None, alias="from", description="Where it comes from, if its address says who it is."
    )
    status: Literal["active", "suspended"] = Field(default="active", description="suspended: may do nothing.")


class AgentsFile(Written):
    """agents.yaml."""

    agents: dict[Name, Agent] = Field(default_factory=dict, description="The agents by name.")


class Away(Written):
    """That a person is away, and who answers for them."""

    remedies: ClassVar[dict[str, str]] = {"by": "write `to`", "from": "it begins when it is loaded; drop it"}

    until: Until = Field(description="When they are back: an instant, or a date's first moment.")
    to: Name = Field(description="The person who may answer in their stead until then.")


class Person(Written):
    """A human who may approve or administer."""

    email: Text | None = Field(default=None, description="Where to write to.")
    slack: Text | None = Field(default=None, description="Member id in Slack.")
    role: Literal["viewer", "approver", "admin"] = Field(
        default="approver",
        description="viewer sees everything and changes nothing, approver answers, admin may do everything.",
    )
    away: Away | None = Field(default=None, description="Who answers for them while they are away.")

    @field_validator("email")
    @classmethod
    def _email(cls, value: str | None) -> str | None:
        if value is not None and value.count("@") != 1:
            raise wrong(f'"{value}" is not an e-mail address', "write it like alice@example.com")
        return value


class PeopleFile(Written):
    """people.yaml."""

    people: dict[Name, Person] = Field(default_factory=dict, description="The people by name.")
    teams: dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]] = Field(
        default_factory=dict, description="Names of people, by the name of the team."
    )


class CredentialsFile(Written):
    """credentials.yaml."""

    credentials: dict[Variable, Credential] = Field(
        default_factory=dict, description="The credentials by name."
    )
    sources: dict[SourceName, DeclaredSource] = Field(
        default_factory=dict, description="Stores of secrets elsewhere, by the name that `from` has for them."
    )
