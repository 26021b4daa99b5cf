"""`reload` and `stop`: what is asked of a running proxy."""

from __future__ import annotations

from pathlib import Path

import click

from wharfinger.cli.common import config_option, data_folder, fail, find
from wharfinger.cli.people_keys import person_key
from wharfinger.control.client import Client
from wharfinger.control.protocol import ControlError
from wharfinger.rules import documents
from wharfinger.snapshot import SETTINGS_FILE

_AS = click.option("--as", "person", metavar="NAME", help="Whose key to sign with.")


def running(config: Path | None) -> Client:
    """The running proxy of this configuration; needs no more of it than where its data lies."""
    found = find(config)
    content = found.snapshot.files.get(SETTINGS_FILE, b"")
    configured = documents.peek(SETTINGS_FILE, content, "data")
    return Client.connect(data_folder(found, configured))


@click.command("reload")
@config_option
@_AS
def reload_command(config: Path | None, person: str | None) -> None:
    """Have the running proxy read, check and test its configuration, and take it over in one step."""
    with running(config) as client:
        try:
            answer = client.do("reload", {}, person_key(person))
        except ControlError as error:
            fail(error.message, error.hint)
    digest = answer.get("policy_digest", "") if isinstance(answer, dict) else ""
    click.echo(f"reloaded: policy {str(digest)[:12]}")


@click.command("stop")
@config_option
@_AS
@click.option("--reason", default="", help="Why; it stands in the audit log.")
def stop_command(config: Path | None, person: str | None, reason: str) -> None:
    """Refuse everything of everyone at once, then end the proxy (the kill switch)."""
    with running(config) as client:
        try:
            client.do("stop", {"reason": reason}, person_key(person))
        except ControlError as error:
            fail(error.message, error.hint)
    click.echo("stopped")
