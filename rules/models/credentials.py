"""An entry of credentials.yaml: a secret value, where it is fetched from or how it is made (DESIGN 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.models.base import Flag, Text, Written, wrong
from wharfinger.rules.models.origins import NEVER, REMEDY, From, Origin
from wharfinger.rules.models.values import Duration, HostPattern, Prefix, Variable
from wharfinger.rules.requests.spelling import covers

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a kind of credential is made of: keys that must be there, and keys that may be."""

    required: frozenset[str] = frozenset({"from"})
    optional: frozenset[str] = frozenset()


_AWS: Final = ("from", "access_key", "secret_key", "session_token")
_OF_ROLE: Final = ("session_name", "external_id", "region", "api_url", "life")
KINDS: Final = {
    "bearer": Needs(),
    "basic": Needs(),
    "header": Needs(),
    "query": Needs(),
    "aws": Needs(
        frozenset(),
        frozenset({*_AWS, *_OF_ROLE, "role"}),
    ),
    "oauth2": Needs(
        frozenset({"token_url", "client_id", "client_secret"}), frozenset({"refresh", "scopes", "audience"})
    ),
    "github_app": Needs(frozenset({"app_id", "installation", "key"}), frozenset({"api_url"})),
    "google": Needs(frozenset({"key"}), frozenset({"scopes", "audience", "subject"})),
    "jwt": Needs(
        frozenset({"key", "algorithm", "claims"}),
        frozenset({"key_id", "life", "token_url", "scopes", "audience"}),
    ),
    "azure": Needs(
        frozenset({"tenant", "client_id", "scopes"}),
        frozenset({"client_secret", "certificate", "api_url"}),
    ),
    "mtls": Needs(frozenset({"certificate", "key"})),
}
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "HS256", "HS384", "HS512",
)  # fmt: skip
"""What a JWT may be signed by."""
MINTED: Final = frozenset({"oauth2", "github_app", "google", "jwt", "azure"})
"""Kinds of which the value is had from an API, and ends after a time."""
_OWN_FIELDS: Final = (
    "source", "access_key", "secret_key", "session_token", "token_url", "client_id", "client_secret",
    "refresh", "scopes", "audience", "app_id", "installation", "api_url", "key", "subject",
    "algorithm", "claims", "key_id", "life", "tenant", "certificate", "role", "session_name",
    "external_id", "region",
)  # fmt: skip
"""What belongs to some kinds only."""


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
        f"{NEVER}: {REMEDY}",
    )

    hosts: tuple[HostPattern, ...] = Field(min_length=1, description="Exact names of the hosts it may go to.")
    kind: Literal[
        "bearer", "basic", "header", "query", "aws", "mtls", "oauth2", "github_app", "google", "jwt", "azure"
    ] = Field(
        default="bearer",
        description="What the value is; basic: `user:password`; aws signs, mtls is a client certificate, "
        "and the last five are minted.",
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
    confinement: Literal["isolated"] | None = Field(
        default=None, description="isolated: for agents behind `run --isolate` only."
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
        default="", validate_default=True, description="Of oauth2 and jwt: where tokens are had from (https)."
    )
    client_id: Text = Field(
        default="", validate_default=True, description="Of oauth2 and azure: the client's id."
    )
    client_secret: From | None = Field(
        default=None, validate_default=True, description="Of oauth2 and azure: where the client's secret is."
    )
    refresh: From | None = Field(
        default=None,
        validate_default=True,
        description="Of oauth2: the file of a refresh token; a new one is written back to it.",
    )
    scopes: tuple[Text, ...] = Field(
        default=(), validate_default=True, description="Of all that are minted: what to ask for."
    )
    audience: Text = Field(
        default="",
        validate_default=True,
        description="Of oauth2: `audience`, where the server wants one; of google: whom an ID token is for; "
        "of jwt: whom the assertion is for, if that is not `token_url`.",
    )
    app_id: Text = Field(default="", validate_default=True, description="Of github_app: the app's id.")
    installation: Text = Field(
        default="", validate_default=True, description="Of github_app: the installation's id."
    )
    api_url: Text = Field(
        default="",
        validate_default=True,
        description="Of github_app, azure and aws: the API that is asked, if it is not the public one.",
    )
    key: From | None = Field(
        default=None,
        validate_default=True,
        description="Of github_app and mtls: the private key (PEM); of google: the account's JSON; of jwt: "
        "what is signed with.",
    )
    subject: Text = Field(default="", validate_default=True, description="Of google: the user to act for.")
    algorithm: Literal[*ALGORITHMS] | None = Field(  # type: ignore[valid-type] # they are a constant
        default=None, validate_default=True, description="Of jwt: what it is signed by (RFC 7518)."
    )
    claims: dict[Text, Any] = Field(
        default_factory=dict,
        validate_default=True,
        description="Of jwt: its claims; `iat` and `exp` are added, and ${id} stands for a fresh id.",
    )
    key_id: Text = Field(default="", validate_default=True, description="Of jwt: `kid` in its header.")
    life: Duration | None = Field(
        default=None,
        validate_default=True,
        description="Of jwt (5m) and of the role of aws (1h): how long it is to hold.",
    )
    tenant: Text = Field(default="", validate_default=True, description="Of azure: the tenant.")
    certificate: From | None = Field(
        default=None,
        validate_default=True,
        description="Of mtls: the certificate, and those that lead to its root (PEM); of azure: certificate "
        "and key of the application (PEM).",
    )
    role: Text = Field(default="", validate_default=True, description="Of aws: the role to assume (its ARN).")
    session_name: Text = Field(
        default="", validate_default=True, description="Of aws: the name of the role's session."
    )
    external_id: Text = Field(
        default="", validate_default=True, description="Of aws: what the role's owner asks for."
    )
    region: Text = Field(
        default="", validate_default=True, description="Of aws: where STS is asked; us-east-1 if left out."
    )

    @field_validator("kind", mode="before")
    @classmethod
    def _kind(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in KINDS:
            hint = did_you_mean(value, KINDS) or f"there are: {', '.join(KINDS)}"
            raise wrong("there is no such kind of credential", hint)
        return value

    @field_validator("claims")
    @classmethod
    def _plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, claim in value.items():
            claims = claim if isinstance(claim, list) else [claim]
            if not all(isinstance(each, str | int | float | bool) for each in claims):
                raise wrong(f'the claim "{name}" is no text, number, boolean or list of them', "write it so")
        if strange := sorted(value.keys() & {"iat", "exp", "nbf"}):
            raise wrong(f'the claim "{strange[0]}" is made anew each time', "leave it out, and write `life`")
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
        if self.kind == "google" and not self.scopes and not self.audience:
            raise wrong("a google credential has `scopes`, or the `audience` of an ID token", "write one")
        if self.kind == "azure" and (self.client_secret is None) == (self.certificate is None):
            raise wrong("an azure credential has `client_secret` or `certificate`", "write one of them")
        if self.kind == "aws" and not self.role and any(getattr(self, key) for key in _OF_ROLE):
            raise wrong("this goes with a `role`", f"leave out {', '.join(_OF_ROLE)}, or name the role")
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
            "certificate": self.certificate,
        }
        return {key: value for key, value in held.items() if value is not None}

    @property
    def is_minted(self) -> bool:
        """Whether the value is had from an API, and ends after a time."""
        return self.kind in MINTED or bool(self.role)

    def goes_to(self, host: str) -> bool:
        """Whether the credential may be sent to this (canonical) host."""
        return any(covers(allowed, host) for allowed in self.hosts)


_AWS_KEYS: Final = (
    {"from"},
    {"access_key", "secret_key"},
    {"access_key", "secret_key", "session_token"},
)
