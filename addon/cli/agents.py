"""`agents`: what the store adds to what is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from wharfinger.cli.common import config_option, fail, json_option, print_json
from wharfinger.cli.control import control, here
from wharfinger.cli.people_keys import person_key
from wharfinger.control.protocol import ControlError
from wharfinger.rules.types import JSON

_AS = click.option("--as", "person", metavar="NAME", help="Whose key to sign with.")


@click.group("agents")
def agents_command() -> None:
    """List, suspend, resume and rotate agents."""


def _do(config: Path | None, action: str, args: dict[str, Any], person: str | None, *, signed: bool) -> JSON:
    with control(here(config)) as at:
        try:
            return at.do(action, args, person_key(person) if signed else None)
        except ControlError as error:
            fail(error.message, error.hint)


@agents_command.command("list")
@config_option
@json_option
def list_agents(config: Path | None, *, as_json: bool) -> None:
    """All agents of the configuration, and how they stand."""
    rows: Any = _do(config, "agents.list", {}, None, signed=False)
    if as_json:
        print_json(rows)
        return
    table = Table(Column("agent", no_wrap=True), "owner", "environment", "policies", "status", box=None)
    for row in rows:
        status = row["status"] + (f" ({row['suspended']})" if row["suspended"] else "")
        table.add_row(
            row["name"], row["owner"], row["environment"] or "", ", ".join(row["policies"]) or "none", status
        )
    Console().print(table)
    if not rows:
        click.echo("no agents yet; declare them in agents.yaml")


@agents_command.command("show")
@click.argument("agent")
@config_option
def show_agent(config: Path | None, agent: str) -> None:
    """One agent, as JSON."""
    print_json(_do(config, "agents.show", {"agent": agent}, None, signed=False))


@agents_command.command("suspend")
@click.argument("agent")
@click.option("--reason", default="", help="Why; the agent is told.")
@config_option
@_AS
def suspend_agent(config: Path | None, agent: str, reason: str, person: str | None) -> None:
    """Refuse everything of an agent, from this moment."""
    args = {"agent": agent, **({"reason": reason} if reason else {})}
    _do(config, "agents.suspend", args, person, signed=True)
    click.echo(f"{agent} is suspended")


@agents_command.command("resume")
@click.argument("agent")
@config_option
@_AS
def resume_agent(config: Path | None, agent: str, person: str | None) -> None:
    """Lift a suspension."""
    _do(config, "agents.resume", {"agent": agent}, person, signed=True)
    click.echo(f"{agent} is active")


@agents_command.command("rotate")
@click.argument("agent")
@config_option
@_AS
def rotate_agent(config: Path | None, agent: str, person: str | None) -> None:
    """Make every token of an agent issued so far useless."""
    _do(config, "agents.rotate", {"agent": agent}, person, signed=True)
    click.echo(f"{agent} needs a new environment: wharfinger env --agent {agent}")
