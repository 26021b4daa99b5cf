"""`audit resume` and `forget`: what a person decides about the book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from wharfinger.cli.common import as_option, config_option, ending_where_refused
from wharfinger.cli.control import command
from wharfinger.cli.people_keys import person_key
from wharfinger.cli.remote import running


@click.command("resume")
@config_option
@as_option
def resume(config: Path | None, person: str | None) -> None:
    """Let the running proxy go on after its audit log could not be written.

    What was written is checked first; the log goes on in a new file, for what the disk did with the old one
    can no longer be known.
    """
    with running(config) as client, ending_where_refused():
        told: Any = client.do("audit.resume", {}, person_key(person))
    click.echo(f"the audit log goes on in {told['file']}")


@click.command("forget")
@click.argument("segment", type=click.IntRange(1))
@config_option
@as_option
def forget(config: Path | None, segment: int, person: str | None) -> None:
    """Destroy the key of the sensitive inputs in one finished file of the log, for ever.

    The file stays as it is, and proves what it proved; nobody can tell from it any more whether a given value
    was sent.
    """
    told = command(config, "audit.forget", {"segment": segment}, person)
    click.echo(f"{told['file']}: " + ("forgotten" if told["done"] else "was forgotten before"))


COMMANDS = (resume, forget)
