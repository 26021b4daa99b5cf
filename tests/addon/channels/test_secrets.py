"""Secrets of channels: all or none, and of no credential's value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wharfinger.channels import secrets
from wharfinger.channels.secrets import ChannelsUnusable
from wharfinger.credentials.sources import Asked, Environment, Means
from wharfinger.secret import Secret


def asked(folder: Path, **values: str) -> Asked:
    return Asked(folder, Means(Environment(dict(values))))


async def test_they_are_fetched_and_handed_on(configure: Any, tmp_path: Path):
    channels = configure().settings.channels
    found = await secrets.fetch(channels, asked(tmp_path, BOT="xoxb-1234567890", APP="xapp-1234567890"))
    setup = secrets.setup(channels, found, "https://wharf.example.com", tmp_path)
    assert setup.channels["slack"]["token"] == "xoxb-1234567890"
    assert setup.channels["slack"]["app_token"] == "xapp-1234567890"
    assert setup.channels["email"] == {
        "host": "smtp.example.com", "port": 587, "tls": "starttls", "ca": None, "user": None,
        "sender": "wharf@example.com",
    }  # fmt: skip
    assert "xoxb" not in repr(setup) + repr(found)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"APP": "xapp-1234567890"}, "BOT"),
        ({"BOT": "abc12", "APP": "xapp-1234567890"}, "channels.slack.token"),
        ({"BOT": "xoxb-12345 \n", "APP": "xapp-1234567890"}, "channels.slack.token"),
        ({}, "APP"),
    ],
)
async def test_what_is_missing_or_wrong_is_told_without_a_value(
    configure: Any, tmp_path: Path, values: dict[str, str], told: str
):
    with pytest.raises(ChannelsUnusable) as wrong:
        await secrets.fetch(configure().settings.channels, asked(tmp_path, **values))
    assert told in wrong.value.message
    assert not any(value in wrong.value.message for value in values.values())


def test_no_value_is_that_of_a_credential():
    """Whatever the sources are called: an agent with the bot's token could answer for people."""
    own = {"slack.token": Secret("channels.slack.token", "xoxb-1234567890")}
    secrets.check_apart(own, [Secret("KEY", "xoxb-0987654321")])
    with pytest.raises(ChannelsUnusable, match="credential KEY have the same value"):
        secrets.check_apart(own, [Secret("OTHER", "x" * 20), Secret("KEY", "xoxb-1234567890")])
