"""The secret values of the channels: fetched like those of credentials, hidden like them, and never shared.

Rules: a channel whose secret has the same value as a credential of agents' is not opened at all, since an
agent could then answer for people; the value is compared here, whatever its source is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wharfinger.channels.notices import Setup
from wharfinger.credentials.sources import Asked, NotFetched
from wharfinger.faults import Fault
from wharfinger.rules.models.channels import Channels, Email, Slack, Webhook
from wharfinger.rules.models.origins import Origin
from wharfinger.secret import Secret


class ChannelsUnusable(Fault):
    """Secrets of channels cannot be had, or are not theirs alone."""


async def fetch(channels: Channels, asked: Asked) -> dict[str, Secret]:
    """The values by name (`slack.token`), all of them. Raises `ChannelsUnusable`, naming everything wrong."""
    return await asyncio.to_thread(_fetch, channels.secrets, asked)


def _fetch(wanted: Mapping[str, Origin], asked: Asked) -> dict[str, Secret]:
    found: dict[str, Secret] = {}
    wrong: list[str] = []
    for name, origin in wanted.items():
        try:
            value = asked.source(origin).fetch().text
        except NotFetched as fault:
            wrong.append(f"channels.{name}: {fault.message}\n  hint: {fault.hint}")
            continue
        if len(value) < 8 or not value.isascii() or not value.isprintable() or value != value.strip():
            wrong.append(f"channels.{name}: the value is short, or has characters that it should not have")
            continue
        found[name] = Secret(f"channels.{name}", value)
    if wrong:
        raise ChannelsUnusable("channels cannot be opened:\n" + "\n".join(wrong))
    return found


def check_apart(secrets: Mapping[str, Secret], credentials: Iterable[Secret]) -> None:
    """Raise `ChannelsUnusable` where a channel and a credential have one value."""
    credentials = tuple(credentials)
    for secret in secrets.values():
        for other in credentials:
            if secret.same_as(other):
                raise ChannelsUnusable(
                    f"{secret.name} and the credential {other.name} have the same value, so an agent could "
                    "answer for people",
                    "make an app, a bot or a mailbox for the channel that no agent has",
                )


def setup(channels: Channels, secrets: Mapping[str, Secret], url: str, folder: Path) -> Setup:
    """What the process of the channels is told first."""
    written = {name: _settings(channel, folder) for name, channel in channels.declared.items()}
    for name, secret in secrets.items():
        channel, _, key = name.partition(".")
        written[channel][key] = secret.reveal()
    return Setup(url, written)


def _settings(channel: Slack | Email | Webhook, folder: Path) -> dict[str, Any]:
    match channel:
        case Slack():
            return {"channel": channel.channel, "api": channel.api}
        case Webhook():
            return {"url": channel.url, "private": [str(network) for network in channel.private]}
        case Email():
            ca = None if channel.ca is None else str(folder / channel.ca)
            at = {"host": channel.server.host, "port": channel.server.port, "tls": channel.tls, "ca": ca}
            return at | {"user": channel.user, "sender": channel.sender}
