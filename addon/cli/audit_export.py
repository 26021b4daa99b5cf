"""`audit export`, `follow` and `sinks`: the log for other systems."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click
from wharfinger.audit import reader
from wharfinger.audit.reader import Query, Record
from wharfinger.cli.audit_proofs import book_folder, data_option
from wharfinger.cli.common import config_option, fail, json_option, print_json
from wharfinger.cli.moments import moment
from wharfinger.cli.remote import data_of
from wharfinger.exporting.formats import FORMATS
from wharfinger.running.desk import DataFolder

format_option = click.option(
    "--format", "name", type=click.Choice(list(FORMATS)), default="jsonl", show_default=True
)


def _write(records: Iterable[Record], name: str) -> None:
    chosen = FORMATS[name]
    if chosen.head:
        click.echo(chosen.head)
    for record in records:
        click.echo(chosen.line(record))


@click.command("export")
@format_option
@click.option("--from", "first", type=click.IntRange(0), default=0, metavar="SEQ", help="From this event on.")
@click.option("--to", "last", type=click.IntRange(0), metavar="SEQ", help="Up to this event.")
@click.option("--since", help="From then on: a time, or 24h for a day ago.")
@click.option("--until", help="Before then.")
@data_option
@config_option
def export(
    config: Path | None,
    data: Path | None,
    name: str,
    first: int,
    last: int | None,
    since: str | None,
    until: str | None,
) -> None:
    """Write events to standard output, oldest first, in the form that another system reads.

    jsonl is the stored form, with all that proves it. OCSF is of version 1.3.0, ECS of 8.11, CloudEvents of
    1.0, CEF of version 0; a cell of CSV that a spreadsheet would take for a formula begins with an
    apostrophe.
    """
    query = Query(since=moment(since), until=moment(until))
    tail = reader.Tail(book_folder(config, data), after=first - 1)
    try:
        found = (record for record in tail.new() if query.matches(record))
        _write(found if last is None else _up_to(found, last), name)
    finally:
        tail.close()


def _up_to(records: Iterable[Record], last: int) -> Iterable[Record]:
    for record in records:
        if record.seq > last:
            return
        yield record


@click.command("follow")
@format_option
@click.option("--after", type=click.IntRange(-1), metavar="SEQ", help="Begin behind this event; -1: all.")
@config_option
def follow(config: Path | None, name: str, after: int | None) -> None:
    """Write events as they come, until interrupted."""
    try:
        _write(reader.follow(book_folder(config), after=after), name)
    except KeyboardInterrupt:
        sys.exit(0)


@click.command("sinks")
@config_option
@json_option
def sinks(config: Path | None, *, as_json: bool) -> None:
    """How far each place of `audit.checkpoints` and `audit.sinks` has got. Exit code 1 if one is down."""
    import json

    from wharfinger.keeping import private

    path = DataFolder(data_of(config)).root / "shipping" / "status.json"
    try:
        places = json.loads(private.read(path, limit=1024 * 1024))
    except FileNotFoundError:
        fail("nothing has been copied yet", "set audit.checkpoints or audit.sinks, and start the proxy")
    if as_json:
        print_json(places)
    else:
        for place in places:
            sent = "nothing yet" if place.get("sent") is None else f"{place['sent']} at {place.get('at')}"
            click.echo(f"{place['place']:<50} {sent}")
            if place.get("error"):
                click.echo(f"  down since {place.get('failed')}: {place['error']}")
    sys.exit(1 if any(place.get("error") for place in places) else 0)


COMMANDS = (export, follow, sinks)
