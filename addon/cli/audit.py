"""`audit`: read and verify the book. Reading takes no lock and stops at what is durable."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text
from wharfinger.audit import reader
from wharfinger.audit.reader import Query, Record, printable
from wharfinger.cli import audit_export, audit_keeping, audit_proofs
from wharfinger.cli.audit_proofs import book_folder
from wharfinger.cli.common import config_option, fail, json_option
from wharfinger.cli.moments import moment

__all__ = ["audit_command", "book_folder", "moment"]

INDEX = "audit-index.db"
"""The search index, in the data folder."""
_STYLES = {"allow": "green", "ask": "yellow", "deny": "red"}


@click.group("audit")
def audit_command() -> None:
    """Read and verify the audit log."""


for command in (*audit_proofs.COMMANDS, *audit_export.COMMANDS, *audit_keeping.COMMANDS):
    audit_command.add_command(command)


def _print(records: Iterable[Record], *, as_json: bool) -> int:
    console, count = Console(highlight=False, soft_wrap=True), 0
    for record in records:
        count += 1
        if as_json:
            click.echo(record.line.decode("ascii"))
        else:
            console.print(_line(record))
    return count


def _line(record: Record) -> Text:
    held = record.members
    verdict = str(held.get("verdict", ""))
    what = " ".join(record.tools) or _commanded(held)
    where = f"{held.get('method', '')} {held.get('host', '')}{held.get('path', '')}" if "host" in held else ""
    status = " ".join(
        str(held[name])
        for name in ("outcome", "status", "state", "person")
        if held.get(name) not in (None, "")
    )
    text = Text(f"{record.seq:>6} {record.time.astimezone():%H:%M:%S} {record.kind:<9} ")
    text.append(f"{verdict:<5} ", _STYLES.get(verdict, ""))
    if observed := str(held.get("observed", "")):
        text.append(f"observed {observed} ", _STYLES.get(observed, ""))
    parts = [str(held.get("agent", "")), what, where, status, str(held.get("reason", ""))]
    text.append(printable("  ".join(part for part in parts if part)))
    text.append(f"  {held.get('decision') or held.get('approval') or ''}", "dim")
    return text


def _commanded(held: Mapping[str, Any]) -> str:
    """What a person commanded: the action, and its arguments that say something."""
    args = held.get("detail", {}).get("args", {}) if held.get("kind") == "control" else {}
    shown = [f"{name}={value}" for name, value in args.items() if isinstance(value, str) and value]
    return " ".join([str(held.get("action", "")), *shown])


@audit_command.command("tail")
@click.option("-n", "count", default=20, show_default=True, help="How many of the last events.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new ones as they come.")
@config_option
@json_option
def tail(config: Path | None, count: int, *, follow: bool, as_json: bool) -> None:
    """The last events."""
    folder = book_folder(config)
    last = reader.tail(folder, count)
    _print(last, as_json=as_json)
    if follow:
        try:
            _print(reader.follow(folder, after=last[-1].seq if last else None), as_json=as_json)
        except KeyboardInterrupt:
            sys.exit(0)


@audit_command.command("search")
@click.argument("text", required=False)
@click.option("--agent", help="Events of this agent.")
@click.option("--tool", help="Calls of this tool.")
@click.option("--verdict", type=click.Choice(["allow", "ask", "deny"]))
@click.option("--kind", help="intent, denied, held, approval, outcome, control, …")
@click.option("--since", help="From then on: a time, or 24h for a day ago.")
@click.option("--until", help="Before then.")
@config_option
@json_option
def search(
    config: Path | None,
    text: str | None,
    agent: str | None,
    tool: str | None,
    verdict: str | None,
    kind: str | None,
    since: str | None,
    until: str | None,
    *,
    as_json: bool,
) -> None:
    """Events that match everything given, oldest first. Exit code 1 if there are none."""
    query = Query(agent, tool, verdict, kind, moment(since), moment(until), text)
    if not _print(found(book_folder(config), query), as_json=as_json):
        sys.exit(1)


def found(folder: Path, query: Query) -> Iterator[Record]:
    """The events that match: by the index where there is one, else by reading the log."""
    path = folder.parent / INDEX
    if not path.exists():
        yield from reader.search(folder, query)
        return
    from wharfinger.indexing.index import Index

    index = Index(path, folder)
    try:
        yield from index.search(query)
    finally:
        index.close()


@audit_command.command("index")
@config_option
def index_log(config: Path | None) -> None:
    """Make the search index, or bring it up to date: searches use it from then on, and do so themselves.

    It is made from the log and can be removed at any time.
    """
    from wharfinger.indexing.index import Index

    folder = book_folder(config)
    index = Index(folder.parent / INDEX, folder)
    try:
        click.echo(f"{index.update()} events more in {folder.parent / INDEX}")
    finally:
        index.close()


@audit_command.command("show")
@click.argument("reference")
@config_option
@json_option
def show(config: Path | None, reference: str, *, as_json: bool) -> None:
    """All events of one decision (d_…), approval (a_…) or event."""
    found = reader.show(book_folder(config), reference)
    if not found:
        fail(f'nothing in the audit log is called "{reference}"', "wharfinger audit tail shows the last ones")
    if as_json:
        _print(found, as_json=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    for record in found:
        console.print(_line(record))
        for name, value in record.members.items():
            if name not in {"version", "prev", "leaf", "mono_ns"}:
                console.print(Text(f"         {name:<16} {printable(str(value))}", "dim"))
