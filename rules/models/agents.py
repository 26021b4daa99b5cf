"""agents.yaml, people.yaml and credentials.yaml: who may act, who may approve, and with what (DESIGN 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator
from wharfinger.rules.documents import flow_list
from wharfinger.rules.models.base import Flag, Text, Written, later, wrong
from wharfinger.rules.models.policies import Until
from wharfinger.rules.models.values import HostPattern, Name, Prefix, Variable
from wharfinger.rules.spelling import covers

KINDS = ("bearer", "basic", "header", "query")


class Agent(Written):
    """A registered client of the proxy."""

    later: ClassVar[frozenset[str]] = frozenset({"from", "token"})
    remedies: ClassVar[dict[str, str]] = {"policy": "write `policies: […]`"}

    owner: Name = Field(description="The person who answers for it.")
    description: Text = Field(default="", description="What the agent is for.")
    policies: tuple[Name, ...] = Field(default=(), description="What it may do; without one, nothing.")
    environment: Name | None = Field(default=None, description="Where it runs, for conditions: prod, test, …")
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


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a credential's value is fetched from; never the value."""

    scheme: Literal["env", "file", "exec"]
    text: str
    """The variable's name, or the file's path; for `exec` the list as written."""
    argv: tuple[str, ...] = ()
    """For `exec`: the command and its arguments."""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.text}"


_REMEDY = "write `from: env:NAME`, `from: file:/path` or `from: exec:[/path/to/command, …]`"


def origin(value: Any) -> Origin:
    """`env:NAME`, `file:PATH` or `exec:[/command, …]`. Never repeats the text: it may be a secret."""
    scheme, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    rest = rest.strip()
    if not colon or scheme not in {"env", "file", "exec"}:
        raise wrong("the value of a credential is never written in a file", _REMEDY)
    if scheme == "exec":
        argv = flow_list(rest)
        if not argv or not argv[0].startswith("/"):
            raise wrong("exec: needs a list that begins with an absolute path", "exec:[/usr/bin/op, read, …]")
        return Origin("exec", rest, tuple(argv))
    if not rest or not rest.isprintable():
        raise wrong(f"{scheme}: needs a {'name' if scheme == 'env' else 'path'}", _REMEDY)
    if scheme == "env":
        if not (rest.isascii() and rest.isidentifier()):
            raise wrong("env: needs the name of an environment variable", "write it like env:STRIPE_API_KEY")
        return Origin("env", rest)
    return Origin("file", rest)


class Credential(Written):
    """A named secret value with the hosts it may go to."""

    remedies: ClassVar[dict[str, str]] = dict.fromkeys(
        ("value", "secret", "token", "password"),
        f"the value of a credential is never written in a file: {_REMEDY}",
    )
    later: ClassVar[frozenset[str]] = frozenset(
        {"app_id", "installation", "client_id", "refresh", "scopes", "region", "key"}  # of minted kinds
    )

    source: Annotated[
        Origin, BeforeValidator(origin), WithJsonSchema({"type": "string", "pattern": "^(env|file|exec):"})
    ] = Field(alias="from", description="env:NAME, file:PATH or exec:[/command, …].")
    hosts: tuple[HostPattern, ...] = Field(min_length=1, description="Exact names of the hosts it may go to.")
    kind: Literal["bearer", "basic", "header", "query"] = Field(
        default="bearer", description="What the value is; basic: `user:password`."
    )
    placeholder: Prefix = Field(
        default="", description="What the placeholder begins with, for clients that check it."
    )
    weak: Flag = Field(default=False, description="Whether the value may be shorter than 16 bytes.")
    multi_tenant: Literal["accepted"] | None = Field(
        default=None, description="accepted: hosts may have wildcards."
    )
    env: tuple[Variable, ...] = Field(
        default=(), description="Variables that hold the placeholder, beside the credential's name."
    )

    @field_validator("kind", mode="before")
    @classmethod
    def _kind(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in KINDS:
            raise later("this kind of credential")
        return value

    @model_validator(mode="after")
    def _exact_hosts(self) -> Self:
        wild = [host for host in self.hosts if "*" in host]
        if "*" in wild:
            raise wrong('a credential cannot go to all hosts ("*")', "list the hosts it is for")
        if wild and self.multi_tenant is None:
            raise wrong(
                f'the host "{wild[0]}" has a wildcard, and anyone may own a name under it',
                "list exact names, or add `multi_tenant: accepted`",
            )
        return self

    def goes_to(self, host: str) -> bool:
        """Whether the credential may be sent to this (canonical) host."""
        return any(covers(allowed, host) for allowed in self.hosts)


class CredentialsFile(Written):
    """credentials.yaml."""

    credentials: dict[Variable, Credential] = Field(
        default_factory=dict, description="The credentials by name."
    )
