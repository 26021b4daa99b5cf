"""`agents`: what the store adds to what is declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from wharfinger.cli.common import as_option, config_option, json_option, print_json
from wharfinger.cli.control import ask, command, control, here


@click.group("agents")
def agents_command() -> None:
    """List, show, add, suspend, resume, rotate and retire agents."""


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
    print_json(ask(config, "agents.show", {"agent": agent}))


@agents_command.command("add")
@click.argument("agent")
@click.option("--owner", required=True, help="The person who answers for it.")
@click.option("--policy", "policies", multiple=True, help="What it may do; may be given more than once.")
@click.option("--environment", help="Where it runs: prod, test, …")
@click.option("--description", help="What it is for.")
@config_option
@as_option
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
    row = command(config, "agents.add", {"agent": agent}, person)
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
@as_option
def retire_agent(config: Path | None, agent: str, reason: str, person: str | None) -> None:
    """End an agent for good: its tokens, approvals and grants. Its name may be added anew."""
    args = {"agent": agent, **({"reason": reason} if reason else {})}
    command(config, "agents.retire", args, person)
    click.echo(f"{agent} is retired; take it out of agents.yaml, or add it anew")


@agents_command.command("suspend")
@click.argument("agent")
@click.option("--reason", default="", help="Why; the agent is told.")
@config_option
@as_option
def suspend_agent(config: Path | None, agent: str, reason: str, person: str | None) -> None:
    """Refuse everything of an agent, from this moment."""
    args = {"agent": agent, **({"reason": reason} if reason else {})}
    command(config, "agents.suspend", args, person)
    click.echo(f"{agent} is suspended")


@agents_command.command("resume")
@click.argument("agent")
@config_option
@as_option
def resume_agent(config: Path | None, agent: str, person: str | None) -> None:
    """Lift a suspension."""
    command(config, "agents.resume", {"agent": agent}, person)
    click.echo(f"{agent} is active")


@agents_command.command("rotate")
@click.argument("agent")
@config_option
@as_option
def rotate_agent(config: Path | None, agent: str, person: str | None) -> None:
    """Make every token of an agent issued so far useless."""
    command(config, "agents.rotate", {"agent": agent}, person)
    click.echo(f"{agent} needs a new environment: wharfinger env --agent {agent}")
