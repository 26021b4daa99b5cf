"""An entry of `sources:` in credentials.yaml: a store of secrets elsewhere, and how to sign in to it.

A credential names it in its `from:` by `NAME:WHERE`. What signs in is itself named by where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator
from wharfinger.rules.models.base import Text, Written, wrong
from wharfinger.rules.models.origins import BUILT_IN, NEVER, REMEDY, From, Origin
from wharfinger.rules.models.values import Duration

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "vault": frozenset({
        "address", "ca", "namespace", "mount", "login_at", "token", "role_id", "secret_id", "role", "jwt",
    }),
    "aws_secrets": frozenset({
        "address", "ca", "region", "profile", "access_key", "secret_key", "session_token",
    }),
    "aws_parameters": frozenset({
        "address", "ca", "region", "profile", "access_key", "secret_key", "session_token",
    }),
    "google_secrets": frozenset({"address", "ca", "project", "key"}),
    "azure_vault": frozenset({
        "address", "ca", "tenant", "client_id", "client_secret", "jwt", "login_at",
    }),
}  # fmt: skip
"""What each kind of source may say, beside `kind` and `refresh`."""
REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    "vault": frozenset({"address"}),
    "aws_secrets": frozenset({"region"}),
    "aws_parameters": frozenset({"region"}),
    "google_secrets": frozenset({"project"}),
    "azure_vault": frozenset({"address"}),
}
_OWN: Final = (
    "address", "ca", "namespace", "mount", "login_at", "token", "role_id", "secret_id", "role", "jwt",
    "region", "profile", "access_key", "secret_key", "session_token", "project", "key", "tenant",
    "client_id", "client_secret",
)  # fmt: skip
_LOGINS: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    # Ways to sign in, each by the keys that it takes; the empty one is what the machine itself has.
    "vault": (
        frozenset({"token"}), frozenset({"role_id", "secret_id"}), frozenset({"role"}),
        frozenset({"role", "jwt"}),
    ),
    "aws_secrets": (
        frozenset(), frozenset({"profile"}), frozenset({"access_key", "secret_key"}),
        frozenset({"access_key", "secret_key", "session_token"}),
    ),
    "google_secrets": (frozenset(), frozenset({"key"})),
    "azure_vault": (
        frozenset(), frozenset({"client_id"}), frozenset({"tenant", "client_id", "client_secret"}),
        frozenset({"tenant", "client_id", "jwt"}),
    ),
}  # fmt: skip
_HOW: Final = {
    "vault": "write `token`, or `role_id` and `secret_id`, or `role` (and `jwt`)",
    "aws_secrets": "write `access_key` and `secret_key`, or `profile`, or none of them",
    "google_secrets": "write `key`, or leave it out on a machine of Google's",
    "azure_vault": "write `tenant`, `client_id` and `client_secret` or `jwt`, or none of them",
}
_SIGNING_IN: Final = frozenset({
    "token", "role_id", "secret_id", "role", "jwt", "profile", "access_key", "secret_key", "session_token",
    "key", "tenant", "client_id", "client_secret",
})  # fmt: skip


class DeclaredSource(Written):
    """A store of secrets elsewhere."""

    remedies: ClassVar[dict[str, str]] = dict.fromkeys(("value", "secret", "password"), f"{NEVER}: {REMEDY}")

    kind: Literal["vault", "aws_secrets", "aws_parameters", "google_secrets", "azure_vault"] = Field(
        description="What it is: HashiCorp Vault (KV 2), AWS Secrets Manager, AWS Systems Manager's "
        "parameters, Google Secret Manager, Azure Key Vault."
    )
    refresh: Duration = Field(
        default=timedelta(minutes=1), description="How often a value that is used is looked at again."
    )
    address: Text = Field(default="", validate_default=True, description="Its URL (https).")
    ca: Text = Field(default="", description="A PEM file with what its certificate is signed by.")
    namespace: Text = Field(default="", description="Of vault: the namespace.")
    mount: Text = Field(default="", description="Of vault: where its engine is; `secret` if left out.")
    login_at: Text = Field(
        default="", description="Of vault: where the method of signing in is; of azure_vault: its URL."
    )
    token: From | None = Field(default=None, description="Of vault: where its token is.")
    role_id: Text = Field(default="", description="Of vault, AppRole: the role's id.")
    secret_id: From | None = Field(default=None, description="Of vault, AppRole: where the secret id is.")
    role: Text = Field(default="", description="Of vault, Kubernetes: the role.")
    jwt: From | None = Field(
        default=None,
        description="Where the workload's token is; for vault that of the pod if left out.",
    )
    region: Text = Field(default="", validate_default=True, description="Of aws: the region.")
    profile: Text = Field(default="", description="Of aws: a profile of its own configuration files.")
    access_key: From | None = Field(default=None, description="Of aws: where the access key's id is.")
    secret_key: From | None = Field(default=None, description="Of aws: where the secret access key is.")
    session_token: From | None = Field(default=None, description="Of aws: where its session token is.")
    project: Text = Field(default="", validate_default=True, description="Of google_secrets: the project.")
    key: From | None = Field(
        default=None, description="Of google_secrets: where the service account's JSON is."
    )
    tenant: Text = Field(default="", description="Of azure_vault: the tenant.")
    client_id: Text = Field(default="", description="Of azure_vault: the application's or identity's id.")
    client_secret: From | None = Field(default=None, description="Of azure_vault: where its secret is.")

    @field_validator("address", "login_at")
    @classmethod
    def _over_tls(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "login_at" and info.data.get("kind") != "azure_vault":
            return value
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        whole = parts.hostname and not (parts.username or parts.query or parts.fragment)
        if value and not (whole and (parts.scheme == "https" or local)):
            raise wrong("this is not an https URL", "secrets are sent there: write https://…")
        return value.rstrip("/")

    @field_validator(*_OWN)
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("kind", "")
        if kind in KEYS and not value and info.field_name in REQUIRED[kind]:
            raise wrong(f'missing key "{info.field_name}"')
        if kind in KEYS and value and info.field_name not in KEYS[kind]:
            raise wrong(f'"{info.field_name}" does not go with the kind "{kind}"', "leave it out")
        if isinstance(value, Origin) and value.is_declared:
            raise wrong("what signs in to a source is not in a source itself", f"use {', '.join(BUILT_IN)}")
        return value

    @model_validator(mode="after")
    def _signs_in(self) -> Self:
        kind = "aws_secrets" if self.kind == "aws_parameters" else self.kind
        given = frozenset(name for name in _SIGNING_IN if getattr(self, name))
        if given not in _LOGINS[kind]:
            raise wrong(f"this is not a way to sign in to a source of kind {self.kind}", _HOW[kind])
        return self

    @property
    def origins(self) -> Mapping[str, Origin]:
        """Where everything secret about it is, by key."""
        held = {name: getattr(self, name) for name in _OWN}
        return {name: value for name, value in held.items() if isinstance(value, Origin)}
