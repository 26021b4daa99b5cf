"""`audit resume` and `forget`: what a person decides about the book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from wharfinger.cli.common import config_option, fail
from wharfinger.cli.control import control, here
from wharfinger.cli.people_keys import person_key
from wharfinger.cli.remote import running
from wharfinger.control.protocol import ControlError

_AS = click.option("--as", "person", metavar="NAME", help="Whose key to sign with.")


@click.command("resume")
@config_option
@_AS
def resume(config: Path | None, person: str | None) -> None:
    """Let the running proxy go on after its audit log could not be written.

    What was written is checked first; the log goes on in a new file, for what the disk did with the old one
    can no longer be known.
    """
    with running(config) as client:
        try:
            told: Any = client.do("audit.resume", {}, person_key(person))
        except ControlError as error:
            fail(error.message, error.hint)
    click.echo(f"the audit log goes on in {told['file']}")


@click.command("forget")
@click.argument("segment", type=click.IntRange(1))
@config_option
@_AS
def forget(config: Path | None, segment: int, person: str | None) -> None:
    """Destroy the key of the sensitive inputs in one finished file of the log, for ever.

    The file stays as it is, and proves what it proved; nobody can tell from it any more whether a given value
    was sent.
    """
    with control(here(config)) as at:
        try:
            told: Any = at.do("audit.forget", {"segment": segment}, person_key(person))
        except ControlError as error:
            fail(error.message, error.hint)
    click.echo(f"{told['file']}: " + ("forgotten" if told["done"] else "was forgotten before"))


COMMANDS = (resume, forget)
