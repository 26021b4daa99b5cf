"""`tokens`: what machines present to the console's API, on behalf of the person who made it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from wharfinger.cli.common import as_option, config_option, json_option, print_json
from wharfinger.cli.control import command


@click.group("tokens")
def tokens_command() -> None:
    """Tokens with which machines use the console's API."""


@tokens_command.command("list")
@config_option
@json_option
@as_option
def list_tokens(config: Path | None, person: str | None, *, as_json: bool) -> None:
    """Your tokens, or everybody's for an admin; never what they are."""
    rows = command(config, "tokens.list", {}, person)
    if as_json:
        print_json(rows)
        return
    table = Table("id", "for", "of", "may", "last used", "until", box=None)
    for row in rows:
        table.add_row(
            row["id"],
            escape(row["label"]),
            escape(row["person"]),
            row["role"],
            row["seen"][:16],
            row["ends"][:10],
        )
    Console().print(table)


@tokens_command.command("add")
@click.argument("label")
@click.option(
    "--role", type=click.Choice(["viewer", "approver", "admin"]), default="viewer", show_default=True
)
@click.option("--days", default=90, show_default=True, help="How long it is good.")
@config_option
@as_option
def add(config: Path | None, label: str, role: str, days: int, person: str | None) -> None:
    """Make a token for what LABEL says, and print it: it is never shown again."""
    made = command(config, "tokens.add", {"label": label, "role": role, "days": days}, person)
    click.echo(made["token"])
    click.echo(f"{made['id']}: {role} on behalf of {made['person']}, until {made['ends'][:10]}", err=True)


@tokens_command.command("revoke")
@click.argument("token_id", metavar="ID")
@config_option
@as_option
def revoke(config: Path | None, token_id: str, person: str | None) -> None:
    """Let a token do nothing any more."""
    command(config, "tokens.revoke", {"id": token_id}, person)
    click.echo(f"{token_id} is revoked")
