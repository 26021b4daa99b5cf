"""`limits`: how far they are used."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from wharfinger.cli.common import config_option, json_option, print_json
from wharfinger.cli.control import ask


@click.group("limits")
def limits_command() -> None:
    """Show how far the limits of policies are used."""


@limits_command.command("list")
@click.option("--agent", metavar="NAME", help="Of this agent only.")
@config_option
@json_option
def list_limits(config: Path | None, agent: str | None, *, as_json: bool) -> None:
    """Every limit of every agent, what it has counted, and when there is room again."""
    rows = ask(config, "limits.list", {"agent": agent} if agent else {})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no policy of these agents has limits")
        return
    table = Table(Column("agent", no_wrap=True), "tool", "counts", "used", "then", "free again", box=None)
    for row in rows:
        window = row["window"] + (f" {row['run'][:8]}" if row["run"] else "")
        used = f"{row['used']} of {row['most']}/{window}"
        table.add_row(
            row["agent"],
            escape(row["tool"]),
            row["counts"],
            f"[bold]{used}[/]" if row["reached"] else used,
            row["then"],
            row["frees"] or "",
        )
    Console().print(table)
