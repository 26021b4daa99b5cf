"""`reload` and `stop`: what is asked of a running proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from wharfinger.authoring.snapshot import SETTINGS_FILE
from wharfinger.cli.common import as_option, config_option, data_folder, ending_where_refused, find
from wharfinger.cli.people_keys import person_key
from wharfinger.control.client import Client
from wharfinger.rules.documents import reading as documents
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source


def data_of(config: Path | None) -> Path:
    """The data folder of this configuration, which otherwise may be as broken as it likes."""
    found = find(config)
    content = found.snapshot.files.get(SETTINGS_FILE, b"")
    settings = documents.read(Source(SETTINGS_FILE, content), Problems())
    configured = settings.get("data") if settings is not None else None
    return data_folder(found, configured if isinstance(configured, str) else None)


def running(config: Path | None) -> Client:
    """The running proxy of this configuration."""
    return Client.connect(data_of(config))


@click.command("reload")
@config_option
@as_option
def reload_command(config: Path | None, person: str | None) -> None:
    """Have the running proxy read, check and test its configuration, and take it over in one step."""
    with running(config) as client, ending_where_refused():
        answer = client.do("reload", {}, person_key(person))
    told: Any = answer
    click.echo(f"reloaded: policy {str(told.get('policy_digest', ''))[:12]}")
    for remark in told.get("remarks", ()):
        click.echo(f"note: {remark}", err=True)


@click.command("stop")
@config_option
@as_option
@click.option("--reason", default="", help="Why; it stands in the audit log.")
def stop_command(config: Path | None, person: str | None, reason: str) -> None:
    """Refuse everything of everyone at once, then end the proxy (the kill switch)."""
    with running(config) as client, ending_where_refused():
        client.do("stop", {"reason": reason}, person_key(person))
    click.echo("stopped")
