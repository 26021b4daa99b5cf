"""`channels:` in wharfinger.yaml: where people are told of what waits for them, and answer.

Values that prove anything (tokens, passwords, signing secrets) are named by where they come from, as those of
credentials are, and never written here.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator
from wharfinger.rules.conditions import addresses
from wharfinger.rules.models.base import Text, Written, listed, wrong
from wharfinger.rules.models.origins import From as Source
from wharfinger.rules.models.origins import Origin
from wharfinger.rules.models.values import Endpoint, Listen, host

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KINDS: Final = ("slack", "email", "webhook")
"""The channels that there are, beside the console."""
SLACK_API: Final = "https://slack.com/api/"
_SHAPES: Final = {"channel": "CG", "member": "UW"}
_SECRET_REMEDY: Final = "write where it comes from: env:NAME or file:/path"  # noqa: S105 - a hint


def _split(text: str) -> SplitResult:
    """A URL in parts, its host plain, without anything that no URL of ours needs."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if not parts.hostname or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise wrong("this is not a URL", "write it like https://example.com/path")
    if parts.username is not None or parts.fragment or port == 0:
        raise wrong("this URL has a user, a fragment or port 0", "write it like https://example.com/path")
    if host(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname).strip("[]") != parts.hostname:
        raise wrong("the host of this URL is not in its plain form", "write it in lower case")
    return parts


def loopback(name: str) -> bool:
    """Whether a host is this machine, by its address or as `localhost`."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def web_url(value: Any) -> str:
    """An https URL; http only where the host is this machine."""
    if not isinstance(value, str):
        raise wrong("expected a URL", "write it like https://example.com/path")
    parts = _split(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback(parts.hostname or "")):
        raise wrong("this URL is not https", "write https://…; http is for this machine only")
    return value


Url = Annotated[str, BeforeValidator(web_url), WithJsonSchema({"type": "string", "format": "uri"})]


def _base(value: Any) -> str:
    text = web_url(value)
    if _split(text).query or _split(text).path not in {"", "/"}:
        raise wrong("this URL has a path or a query", "write it like https://wharfinger.example.com")
    return text.rstrip("/")


Base = Annotated[str, BeforeValidator(_base), WithJsonSchema({"type": "string", "format": "uri"})]


def _networks(value: Any) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item) for item in listed(value) if isinstance(item, str))
    except ValueError:
        raise wrong("this is not a network", "write it like 10.0.0.0/8, without host bits") from None


def slack_id(text: str, kind: Literal["channel", "member"]) -> bool:
    """Whether a text is an id as Slack gives them: `C012AB3CD` for a channel, `U024BE7LH` for a member."""
    rest = text[1:]
    plain = rest.isascii() and rest.isalnum() and rest.upper() == rest
    return text[:1] in _SHAPES[kind] and 6 <= len(rest) <= 20 and plain


class Slack(Written):
    """Questions in a channel of Slack, answered by buttons."""

    remedies: ClassVar[dict[str, str]] = dict.fromkeys(("bot_token", "secret"), _SECRET_REMEDY)

    channel: Text = Field(description="Id of the channel that questions go to, as C012AB3CD.")
    token: Source = Field(description="Where the bot's token (xoxb-…) comes from.")
    app_token: Source | None = Field(
        default=None, description="Where the app's token (xapp-…) comes from: answers come by Socket Mode."
    )
    signing_secret: Source | None = Field(
        default=None,
        description="Where the signing secret comes from: answers come by HTTP, to /channels/slack.",
    )
    api: Url = Field(default=SLACK_API, description="Base of Slack's API; another for GovSlack.")

    @field_validator("channel")
    @classmethod
    def _channel(cls, value: str) -> str:
        if not slack_id(value, "channel"):
            raise wrong(
                f'"{value}" is not the id of a channel', "copy it from the channel's details: C012AB3CD"
            )
        return value

    @field_validator("api")
    @classmethod
    def _slash(cls, value: str) -> str:
        return value if value.endswith("/") else f"{value}/"

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.app_token is None and self.signing_secret is None:
            raise wrong(
                "there is no way for answers to come back from Slack",
                "add `app_token:` for Socket Mode, or `signing_secret:` for interactivity by HTTP",
            )
        return self

    @property
    def secrets(self) -> dict[str, Origin]:
        """Where its secret values come from, by key."""
        found = {"token": self.token, "app_token": self.app_token, "signing_secret": self.signing_secret}
        return {key: source for key, source in found.items() if source is not None}


class Email(Written):
    """A mail to each approver, with a link and a code."""

    server: Listen = Field(description="The mail server, as smtp.example.com:587.")
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is protected; none only on this machine."
    )
    ca: Text | None = Field(default=None, description="A PEM file to trust beside the public roots.")
    user: Text | None = Field(default=None, min_length=1, description="Who signs in at the server.")
    password: Source | None = Field(default=None, description="Where the password comes from.")
    sender: Text = Field(alias="from", description="The address that mails come from.")

    @field_validator("sender")
    @classmethod
    def _address(cls, value: str) -> str:
        if not addresses.email(value):
            raise wrong(f'"{value}" is not an e-mail address', "write it like wharfinger@example.com")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise wrong("`user` and `password` go together", "give both, or none")
        if self.tls == "none" and not loopback(self.server.host):
            raise wrong("without TLS, links and codes can be read on the way", "leave `tls:` out")
        if self.server.port == 0:
            raise wrong("a mail server has no port 0", "write it like smtp.example.com:587")
        return self

    @property
    def secrets(self) -> dict[str, Origin]:
        """Where its secret values come from, by key."""
        return {} if self.password is None else {"password": self.password}


class Webhook(Written):
    """A signed POST of every question and every answer. Nothing can be answered by it."""

    url: Url = Field(description="Where to; redirects are not followed.")
    secret: Source = Field(description="Where the signing secret comes from: whsec_ and base64.")
    private: Annotated[
        tuple[Network, ...],
        BeforeValidator(_networks),
        WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
    ] = Field(default=(), description="Private networks that its host may resolve into.")

    @property
    def secrets(self) -> dict[str, Origin]:
        """Where its secret values come from, by key."""
        return {"secret": self.secret}

    @property
    def host(self) -> str:
        """The host of its URL."""
        return urlsplit(self.url).hostname or ""


class Channels(Written):
    """Where people are told of what waits for them, beside the console; `approvals.notify` says which."""

    url: (
        Annotated[str, BeforeValidator(_base), WithJsonSchema({"type": "string", "format": "uri"})] | None
    ) = Field(default=None, description="Where people open the console; links begin with it.")
    slack: Slack | None = Field(default=None, description="Slack.")
    email: Email | None = Field(default=None, description="E-mail.")
    webhook: Webhook | None = Field(default=None, description="A signed webhook.")

    @property
    def host(self) -> str:
        """The host of `url`, if there is one: an agent never reaches it."""
        return urlsplit(self.url).hostname or "" if self.url else ""

    @property
    def declared(self) -> dict[str, Slack | Email | Webhook]:
        """The channels that there are, by name."""
        found = {"slack": self.slack, "email": self.email, "webhook": self.webhook}
        return {name: channel for name, channel in found.items() if channel is not None}

    @property
    def secrets(self) -> dict[str, Origin]:
        """Where the secret values of all channels come from: `slack.token` and the like."""
        return {
            f"{name}.{key}": source
            for name, channel in self.declared.items()
            for key, source in channel.secrets.items()
        }


__all__ = ["KINDS", "Channels", "Email", "Endpoint", "Slack", "Webhook", "loopback", "slack_id"]
