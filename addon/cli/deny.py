"""`deny`: the emergency deny list, which acts without a reload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from wharfinger.cli.common import WRONG, as_option, config_option, fail, json_option, print_json
from wharfinger.cli.control import ask, command
from wharfinger.rules.models.values import duration


@click.group("deny")
def deny_command() -> None:
    """Refuse a tool, a host or an agent at once, whatever policy says, until it is taken back."""


@deny_command.command("list")
@config_option
@json_option
def list_denials(config: Path | None, *, as_json: bool) -> None:
    """What is on the list."""
    rows = ask(config, "deny.list", {})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("the emergency deny list is empty")
        return
    table = Table(Column("id", no_wrap=True), "tool", "host", "agent", "because", "by", "until", box=None)
    for row in rows:
        shown = [row[name] or "any" for name in ("tool", "host", "agent")]
        last = (row["because"], row["person"], row["ends"] or "removed")
        table.add_row(row["id"], *map(escape, (*shown, *last)))
    Console().print(table)


@deny_command.command("add")
@click.option("--tool", metavar="GLOB", help="Tools of these names; * is every request.")
@click.option("--host", metavar="HOST", help="A host, or *.HOST for all below it.")
@click.option("--agent", metavar="NAME", help="An agent.")
@click.option("--because", metavar="TEXT", help="Why; the agent is told.")
@click.option("--for", "span", metavar="SPAN", help="How long, like 2h; else until it is removed.")
@config_option
@as_option
def add_denial(config: Path | None, person: str | None, span: str | None, **named: str | None) -> None:
    """Refuse what is of all that is named; streams that are open are closed."""
    args: dict[str, Any] = {name: value for name, value in named.items() if value}
    if not args.keys() & {"tool", "host", "agent"}:
        fail("nothing is named", "give --tool, --host or --agent", WRONG)
    if span is not None:
        args["seconds"] = _seconds(span)
    row = command(config, "deny.add", args, person)
    click.echo(f"{row['id']} holds" + (f" until {row['ends']}" if row["ends"] else ""))
    if row["unknown"]:
        click.echo(f'warning: no tool has a name like "{row["tool"]}", so nothing is refused by it', err=True)


def _seconds(span: str) -> int:
    try:
        return max(int(duration(span).total_seconds()), 1)
    except PydanticCustomError as error:
        fail(error.message(), str((error.context or {}).get("hint", "")), WRONG)


@deny_command.command("remove")
@click.argument("denial")
@config_option
@as_option
def remove_denial(config: Path | None, denial: str, person: str | None) -> None:
    """Take an entry off the list."""
    command(config, "deny.remove", {"id": denial}, person)
    click.echo(f"{denial} no longer holds")
