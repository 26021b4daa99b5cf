"""`grants`: what people have approved in advance."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from wharfinger.cli.common import as_option, config_option, json_option, print_json
from wharfinger.cli.control import ask, command
from wharfinger.cli.granting import pair, terms, terms_options

_REASON = click.option("--reason", help="Why; it stands in the audit log.")


@click.group("grants")
def grants_command() -> None:
    """List, show, add, approve and revoke what is approved in advance."""


def bound(row: dict[str, Any]) -> str:
    """What a grant says of one input, in words."""
    match row["is"]:
        case "fixed":
            return f"is {row['value']}" if row.get("value") else "is as it was in the call"
        case "absent":
            return "is not given"
        case "any":
            return "is ANYTHING"
    least, most = row["min"], row["max"]
    return " and ".join(
        words
        for words in (
            f"is at least {least}" if least is not None else "",
            f"is at most {most}" if most is not None else "",
        )
        if words
    )


def _ends(until: str) -> str:
    return datetime.fromisoformat(until).astimezone().strftime("%Y-%m-%d %H:%M")


@grants_command.command("list")
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Also those that have ended.")
def list_grants(config: Path | None, *, as_json: bool, everything: bool) -> None:
    """What is granted, or waits for more people to agree, newest first."""
    rows = ask(config, "grants.list", {"all": everything})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("nothing is granted")
        return
    table = Table(Column("id", no_wrap=True), "state", "agent", "tool", "used", "until", "given by", box=None)
    for row in rows:
        given = ", ".join(seat(each) for each in row["given"])
        missing = f" ({row['needed']} more)" if row["state"] == "proposed" else ""
        table.add_row(
            row["id"],
            row["state"],
            escape(row["agent"]),
            escape(row["tool"]),
            f"{row['used']} of {row['uses']}",
            _ends(row["until"]),
            escape(given) + missing,
        )
    Console().print(table)


def seat(given: dict[str, Any]) -> str:
    """Who agreed, and for whom."""
    person, principal = given["person"], given["principal"]
    return str(person) if person == principal else f"{person} for {principal}"


@grants_command.command("show")
@click.argument("grant")
@config_option
@json_option
def show_grant(config: Path | None, grant: str, *, as_json: bool) -> None:
    """One grant whole: what it holds fixed, what it bounds, what it leaves open."""
    row = ask(config, "grants.show", {"id": grant})
    if as_json:
        print_json(row)
    else:
        print_grant(row)


def print_grant(row: dict[str, Any]) -> None:
    """Show a grant, each input of it on a line of its own."""
    out = Console(highlight=False)
    ended = f": {row['comment']}" if row["state"] == "ended" and row["comment"] else ""
    out.print(f"[bold]{row['id']}[/] {row['state']}{escape(ended)}")
    out.print(f"  agent      {escape(row['agent'])}")
    out.print(f"  tool       [bold]{escape(row['tool'])}[/]")
    if row["place"]:
        out.print(f"  place      {escape(row['place'])}")
    for each in row["inputs"]:
        out.print(f"    {escape(each['name'])} {escape(bound(each))}")
    for name, what in (("extras", "fields beyond the inputs"), ("headers", "passed headers")):
        out.print(f"    {what}: {'ANYTHING' if row[name]['is'] == 'any' else 'none but those of the call'}")
    out.print(f"  uses       {row['used']} of {row['uses']}")
    out.print(f"  until      {_ends(row['until'])}")
    out.print(f"  given by   {escape(', '.join(map(seat, row['given'])) or 'nobody')}")
    if row["needed"]:
        out.print(f"  needs      {row['needed']} more of {escape(', '.join(row['approvers']))}")


@grants_command.command("add")
@click.option("--agent", required=True, help="Whose calls.")
@click.option("--tool", help="Calls of this tool.")
@click.option("--like", "approval", metavar="APPROVAL", help="Calls like the one an approval is about.")
@click.option("--until", required=True, help='"18:00", "2h", or an instant.')
@click.option("--fix", multiple=True, metavar="INPUT=VALUE", help="This input, exactly; JSON or a text.")
@terms_options
@_REASON
@config_option
@json_option
@as_option
def add_grant(
    config: Path | None,
    agent: str,
    tool: str | None,
    approval: str | None,
    person: str | None,
    reason: str | None,
    *,
    until: str,
    fix: tuple[str, ...],
    as_json: bool,
    **wish: Any,
) -> None:
    """Approve calls in advance. Each input is fixed, bounded or any; optional ones are else absent."""
    if (tool is None) == (approval is None):
        raise click.UsageError("say --tool NAME, or --like APPROVAL")
    args = terms(until, **wish) | ({"reason": reason} if reason else {})
    if approval is not None:
        row = command(config, "grants.propose", {"approval": approval, **args}, person)
    else:
        fixed = {name: _value(text) for name, text in (pair(each, "--fix") for each in fix)}
        row = command(config, "grants.add", {"agent": agent, "tool": tool, "fix": fixed, **args}, person)
    print_json(row) if as_json else print_grant(row)


def _value(text: str) -> Any:
    """JSON where it is JSON; else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@grants_command.command("approve")
@click.argument("grant")
@_REASON
@config_option
@as_option
def approve_grant(config: Path | None, grant: str, person: str | None, reason: str | None) -> None:
    """Agree to a grant that more people must agree to."""
    args = {"id": grant, **({"reason": reason} if reason else {})}
    row = command(config, "grants.approve", args, person)
    more = f", {row['needed']} more must agree" if row["needed"] else ""
    click.echo(f"{row['id']} is {row['state']}{more}")


@grants_command.command("revoke")
@click.argument("grant")
@_REASON
@config_option
@as_option
def revoke_grant(config: Path | None, grant: str, person: str | None, reason: str | None) -> None:
    """End a grant, from this moment."""
    args = {"id": grant, **({"reason": reason} if reason else {})}
    row = command(config, "grants.revoke", args, person)
    click.echo(f"{row['id']} is {row['state']}")
