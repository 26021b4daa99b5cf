"""An entry of credentials.yaml: a secret value, where it is fetched from or how it is made (DESIGN 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from wharfinger.rules.documents.reading import flow_list
from wharfinger.rules.models.base import Flag, Text, Written, later, wrong
from wharfinger.rules.models.values import HostPattern, Prefix, Variable
from wharfinger.rules.requests.spelling import covers

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a kind of credential is made of: keys that must be there, and keys that may be."""

    required: frozenset[str] = frozenset({"from"})
    optional: frozenset[str] = frozenset()


KINDS: Final = {
    "bearer": Needs(),
    "basic": Needs(),
    "header": Needs(),
    "query": Needs(),
    "aws": Needs(frozenset(), frozenset({"from", "access_key", "secret_key", "session_token"})),
    "oauth2": Needs(
        frozenset({"token_url", "client_id", "client_secret"}), frozenset({"refresh", "scopes", "audience"})
    ),
    "github_app": Needs(frozenset({"app_id", "installation", "key"}), frozenset({"api_url"})),
    "google": Needs(frozenset({"key", "scopes"}), frozenset({"subject"})),
}
MINTED: Final = frozenset({"oauth2", "github_app", "google"})
"""Kinds of which the value is had from an API, and ends after a time."""
_OWN_FIELDS: Final = (
    "source", "access_key", "secret_key", "session_token", "token_url", "client_id", "client_secret",
    "refresh", "scopes", "audience", "app_id", "installation", "api_url", "key", "subject",
)  # fmt: skip
"""What belongs to some kinds only."""


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


From = Annotated[
    Origin, BeforeValidator(origin), WithJsonSchema({"type": "string", "pattern": "^(env|file|exec):"})
]


def _by_kind() -> Any:
    """For editors: which keys go with which kind."""
    rules: list[dict[str, Any]] = []
    for kind, needs in KINDS.items():
        is_kind: dict[str, Any] = {"properties": {"kind": {"const": kind}}}
        if kind != "bearer":  # which a credential is that does not say it
            is_kind["required"] = ["kind"]
        strange = {field if field != "source" else "from" for field in _OWN_FIELDS}
        strange -= needs.required | needs.optional
        then = {"required": sorted(needs.required), "properties": dict.fromkeys(sorted(strange), False)}
        rules.append({"if": is_kind, "then": then})
    return rules


class Credential(Written):
    """A named secret value with the hosts it may go to."""

    model_config = ConfigDict(json_schema_extra={"allOf": _by_kind()})

    remedies: ClassVar[dict[str, str]] = dict.fromkeys(
        ("value", "secret", "token", "password"),
        f"the value of a credential is never written in a file: {_REMEDY}",
    )
    later: ClassVar[frozenset[str]] = frozenset({"region"})

    hosts: tuple[HostPattern, ...] = Field(min_length=1, description="Exact names of the hosts it may go to.")
    kind: Literal["bearer", "basic", "header", "query", "aws", "oauth2", "github_app", "google"] = Field(
        default="bearer",
        description="What the value is; basic: `user:password`; aws signs, and the last three are minted.",
    )
    source: From | None = Field(
        default=None,
        alias="from",
        validate_default=True,
        description="env:NAME, file:PATH or exec:[/command, …].",
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
    access_key: From | None = Field(
        default=None, validate_default=True, description="Of aws: where the access key's id is."
    )
    secret_key: From | None = Field(
        default=None, validate_default=True, description="Of aws: where the secret access key is."
    )
    session_token: From | None = Field(
        default=None, validate_default=True, description="Of aws: where its session token is."
    )
    token_url: Text = Field(
        default="", validate_default=True, description="Of oauth2: where tokens are had from (https)."
    )
    client_id: Text = Field(default="", validate_default=True, description="Of oauth2: the client's id.")
    client_secret: From | None = Field(
        default=None, validate_default=True, description="Of oauth2: where the client's secret is."
    )
    refresh: From | None = Field(
        default=None,
        validate_default=True,
        description="Of oauth2: the file of a refresh token; a new one is written back to it.",
    )
    scopes: tuple[Text, ...] = Field(
        default=(), validate_default=True, description="Of oauth2 and google: what to ask for."
    )
    audience: Text = Field(
        default="", validate_default=True, description="Of oauth2: `audience`, where the server wants one."
    )
    app_id: Text = Field(default="", validate_default=True, description="Of github_app: the app's id.")
    installation: Text = Field(
        default="", validate_default=True, description="Of github_app: the installation's id."
    )
    api_url: Text = Field(
        default="", validate_default=True, description="Of github_app: the API, if it is not github.com's."
    )
    key: From | None = Field(
        default=None,
        validate_default=True,
        description="Of github_app: its private key (PEM); of google: the account's JSON.",
    )
    subject: Text = Field(default="", validate_default=True, description="Of google: the user to act for.")

    @field_validator("kind", mode="before")
    @classmethod
    def _kind(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in KINDS:
            raise later("this kind of credential")
        return value

    @field_validator("token_url", "api_url")
    @classmethod
    def _over_tls(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        if value and not (parts.hostname and not parts.username and (parts.scheme == "https" or local)):
            raise wrong("this is not an https URL", "secrets are sent there: write https://…")
        return value

    @field_validator(*_OWN_FIELDS)
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        needs = KINDS.get(info.data.get("kind", ""))
        key = "from" if info.field_name == "source" else info.field_name
        if needs is not None and not value and key in needs.required:
            raise wrong(f'missing key "{key}"')
        if needs is not None and value and key not in needs.required | needs.optional:
            raise wrong(f'"{key}" does not go with the kind "{info.data["kind"]}"', "leave it out")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "aws" and self.origins.keys() not in _AWS_KEYS:
            raise wrong(
                "an aws credential has `access_key` and `secret_key`, or `from`",
                "`from` gives what a credential_process prints",
            )
        if self.refresh is not None and self.refresh.scheme != "file":
            raise wrong(
                "a refresh token is kept in a file", "servers replace it, and the new one is written back"
            )
        return self

    @model_validator(mode="after")
    def _exact_hosts(self) -> Self:
        wild = [host for host in self.hosts if "*" in host]
        if "*" in wild:
            raise wrong('a credential cannot go to all hosts ("*")', "list the hosts it is for")
        if wild and self.multi_tenant is None and self.kind != "aws":  # whose secret never leaves
            raise wrong(
                f'the host "{wild[0]}" has a wildcard, and anyone may own a name under it',
                "list exact names, or add `multi_tenant: accepted`",
            )
        return self

    @property
    def origins(self) -> Mapping[str, Origin]:
        """Where everything secret about it is fetched from, by key."""
        held = {
            "from": self.source,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "session_token": self.session_token,
            "client_secret": self.client_secret,
            "refresh": self.refresh,
            "key": self.key,
        }
        return {key: value for key, value in held.items() if value is not None}

    @property
    def is_minted(self) -> bool:
        """Whether the value is had from an API, and ends after a time."""
        return self.kind in MINTED

    def goes_to(self, host: str) -> bool:
        """Whether the credential may be sent to this (canonical) host."""
        return any(covers(allowed, host) for allowed in self.hosts)


_AWS_KEYS: Final = (
    {"from"},
    {"access_key", "secret_key"},
    {"access_key", "secret_key", "session_token"},
)
