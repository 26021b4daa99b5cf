"""`agents`: what the store adds to what is declared."""

from __future__ import annotations

import json
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
    """List, show, add, suspend, resume, rotate and retire agents."""


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
    with control(here(config)) as at:
        rows: Any = at.do("agents.list", {})
        others: Any = at.do("agents.registered", {})
    rows = [row | ({"status": "retired"} if row["name"] in others["retired"] else {}) for row in rows]
    rows += [
        {"owner": None, "environment": None, "description": "", "policies": [], "suspended": None} | row
        for row in others["registered"]
    ]
    if as_json:
        print_json(rows)
        return
    table = Table(Column("agent", no_wrap=True), "owner", "environment", "policies", "status", box=None)
    for row in rows:
        status = row["status"] + (f" ({row['suspended']})" if row["suspended"] else "")
        table.add_row(
            row["name"],
            row["owner"] or "",
            row["environment"] or "",
            ", ".join(row["policies"]) or "none",
            status,
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


@agents_command.command("add")
@click.argument("agent")
@click.option("--owner", required=True, help="The person who answers for it.")
@click.option("--policy", "policies", multiple=True, help="What it may do; may be given more than once.")
@click.option("--environment", help="Where it runs: prod, test, …")
@click.option("--description", help="What it is for.")
@config_option
@_AS
def add_agent(
    config: Path | None,
    agent: str,
    person: str | None,
    *,
    owner: str,
    policies: tuple[str, ...],
    environment: str | None,
    description: str | None,
) -> None:
    """Register an agent, and print what to write into agents.yaml: until then it can do nothing."""
    row: Any = _do(config, "agents.add", {"agent": agent}, person, signed=True)
    if row["status"] == "active":
        click.echo(f"{agent} is registered anew; agents.yaml has it already", err=True)
    else:
        click.echo(f"{agent} is registered, and can do nothing until agents.yaml has it:", err=True)
    entry: dict[str, Any] = {"owner": owner}
    entry |= {"description": description} if description else {}
    entry |= {"policies": list(policies)} if policies else {}
    entry |= {"environment": environment} if environment else {}
    keys = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items())
    click.echo(f"agents:\n  {agent}: {{{keys}}}")


@agents_command.command("retire")
@click.argument("agent")
@click.option("--reason", default="", help="Why; it stands in the audit log.")
@config_option
@_AS
def retire_agent(config: Path | None, agent: str, reason: str, person: str | None) -> None:
    """End an agent for good: its tokens, approvals and grants. Its name may be added anew."""
    args = {"agent": agent, **({"reason": reason} if reason else {})}
    _do(config, "agents.retire", args, person, signed=True)
    click.echo(f"{agent} is retired; take it out of agents.yaml, or add it anew")


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
