"""`approvals`: what waits for a person, and the person's answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from wharfinger.cli.approvals_watch import watch
from wharfinger.cli.common import as_option, config_option, json_option, print_json
from wharfinger.cli.control import ask, command, control, here
from wharfinger.cli.granting import terms, terms_options
from wharfinger.cli.grants import print_grant, seat

_REASON = click.option("--reason", help="Why; the agent is told, and it stands in the audit log.")


@click.group("approvals")
def approvals_command() -> None:
    """List, show, approve and deny what waits for a person."""


approvals_command.add_command(watch)


@approvals_command.command("list")
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Also those that have been answered.")
def list_approvals(config: Path | None, *, as_json: bool, everything: bool) -> None:
    """What waits for a person, newest first."""
    states = ["pending", "approved", "denied", "expired", "cancelled", "used"]
    with control(here(config)) as at:
        rows: Any = at.do("approvals.list", {"states": states} if everything else {})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("nothing waits for a person")
        return
    table = Table(
        Column("id", no_wrap=True), "state", "agent", "tool", "inputs", "approvers", "expires in", box=None
    )
    for row in rows:
        calls = row["request"]["calls"]
        table.add_row(
            row["id"],
            row["state"],
            escape(row["agent"]),
            escape(", ".join(call["tool"] for call in calls)),
            escape(_inputs(calls)),
            escape(_needs(row)),
            _left(row["expires"]) if row["state"] == "pending" else "",
        )
    Console().print(table)


def _needs(row: dict[str, Any]) -> str:
    """Whom it asks for, and how many of them."""
    asked = ", ".join(row["approvers"]) or ", ".join(row["people"])
    return asked if row["quorum"] == 1 else f"{row['quorum']} of {asked} ({row['needed']} more)"


def _inputs(calls: list[dict[str, Any]]) -> str:
    text = "; ".join(
        f"{name}={json.dumps(value)}" for call in calls for name, value in call["inputs"].items()
    )
    return text if len(text) <= 80 else f"{text[:77]}…"


def _left(expires: str) -> str:
    seconds = int((datetime.fromisoformat(expires) - datetime.now(UTC)).total_seconds())
    return f"{max(seconds, 0) // 60}m {max(seconds, 0) % 60}s"


@approvals_command.command("show")
@click.argument("approval")
@config_option
@json_option
def show_approval(config: Path | None, approval: str, *, as_json: bool) -> None:
    """One approval whole: who asks, for what, and what policy says."""
    row = ask(config, "approvals.show", {"id": approval})
    if as_json:
        print_json(row)
        return
    asked = row["request"]
    out = Console(highlight=False)
    out.print(f"[bold]{row['id']}[/] {row['state']}")
    out.print(f"  agent      {escape(row['agent'])}")
    for call in asked["calls"]:
        out.print(
            f"  tool       [bold]{escape(call['tool'])}[/] ({call['effect']}) {escape(call['description'])}"
        )
        if call.get("blast"):
            out.print(f"    blast {escape(call['blast'])}")
        for name, value in call["inputs"].items():
            out.print(f"    {escape(name)} = {escape(json.dumps(value, ensure_ascii=False))}")
    out.print(
        f"  request    {asked['method']} {asked['scheme']}://{escape(asked['host'])}{escape(asked['path'])}"
    )
    out.print(f"  body       {asked['body_size']} bytes, sha256 {asked['body_sha256'][:16]}…")
    out.print(f"  decided by {', '.join(row['rules'])}")
    out.print(f"  needs      {escape(_needs(row))}")
    for each in row["given"]:
        said = f": {each['comment']}" if each["comment"] else ""
        out.print(f"  approved   {escape(seat(each) + said)}")
    out.print(f"  expires    {row['expires']}")
    if asked["reason"]:
        out.print(f"  the agent says: {escape(json.dumps(asked['reason'], ensure_ascii=False))}")
    for name, value in asked["headers"]:
        out.print(f"  not bound: {escape(name)}: {escape(value)}")
    if not asked["complete"]:
        out.print("  [bold]something was cut here: see it whole before you decide[/]")


def _answer(action: str, config: Path | None, approval: str, person: str | None, reason: str | None) -> None:
    args = {"id": approval, **({"reason": reason} if reason else {})}
    row = command(config, action, args, person)
    click.echo(_standing(row))


def _standing(row: dict[str, Any]) -> str:
    """How an approval stands now, in one line."""
    more = f": {row['needed']} more must approve" if row["state"] == "pending" and row["needed"] else ""
    return f"{row['id']} is {row['state']}{more}"


@approvals_command.command("approve")
@click.argument("approval")
@_REASON
@click.option("--grant", "until", metavar="WHEN", help='And calls like it in advance: "until 18:00".')
@terms_options
@config_option
@as_option
def approve(
    config: Path | None,
    approval: str,
    person: str | None,
    reason: str | None,
    *,
    until: str | None,
    **wish: Any,
) -> None:
    """Let the request go through, once; with --grant, calls like it as well."""
    if until is None:
        if any(wish.values()):
            raise click.UsageError("--uses, --any, --min and --max go with --grant")
        _answer("approvals.approve", config, approval, person, reason)
        return
    args = terms(until, **wish) | {"approval": approval, "approve": True}
    args |= {"reason": reason} if reason else {}
    row = command(config, "grants.propose", args, person)
    click.echo(_standing(row["answered"]))
    print_grant(row)


@approvals_command.command("deny")
@click.argument("approval")
@_REASON
@config_option
@as_option
def deny(config: Path | None, approval: str, person: str | None, reason: str | None) -> None:
    """Refuse the request."""
    _answer("approvals.deny", config, approval, person, reason)


@approvals_command.command("cancel")
@click.argument("approval")
@_REASON
@config_option
@as_option
def cancel(config: Path | None, approval: str, person: str | None, reason: str | None) -> None:
    """Withdraw the question, or an answer that has not been used."""
    _answer("approvals.cancel", config, approval, person, reason)


@approvals_command.command("reviews")
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Also those that have been looked at.")
def list_reviews(config: Path | None, *, as_json: bool, everything: bool) -> None:
    """Calls that went out under `review: true` and wait to be looked at, newest first."""
    with control(here(config)) as at:
        rows: Any = at.do("approvals.reviews", {"all": everything})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("nothing waits to be looked at")
        return
    table = Table(Column("decision", no_wrap=True), "at", "agent", "tool", "inputs", "outcome", box=None)
    for row in rows:
        calls = row["request"]["calls"]
        status = f" {row['status']}" if row["status"] else ""
        seen = f", seen by {row['person']}" if row["person"] else ""
        table.add_row(
            row["decision"],
            row["at"][:19],
            escape(row["agent"]),
            escape(", ".join(call["tool"] for call in calls)),
            escape(_inputs(calls)),
            f"{row['outcome'] or 'under way'}{status}{seen}",
        )
    Console().print(table)


@approvals_command.command("reviewed")
@click.argument("decision")
@click.option("--comment", default="", help="What there is to say of it; it stands in the audit log.")
@config_option
@as_option
def mark_reviewed(config: Path | None, decision: str, comment: str, person: str | None) -> None:
    """Note that a call of the review queue has been looked at."""
    args = {"decision": decision, **({"comment": comment} if comment else {})}
    command(config, "approvals.reviewed", args, person)
    click.echo(f"{decision} has been looked at")
