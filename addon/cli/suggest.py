"""`suggest`: the narrowest policy that would have allowed what was recorded. Nothing is changed."""

from __future__ import annotations

import os
from pathlib import Path

import click
from wharfinger.cli.common import REFUSED, WRONG, config_option, data_folder, fail
from wharfinger.cli.control import here


@click.command("suggest")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--since", metavar="WHEN", help="Calls from then on: a time, or 7d for a week ago.")
@click.option("--agent", metavar="NAME", help="Whose calls (may be left out where there are of one only).")
@click.option(
    "--include-denied", is_flag=True, help="Also calls that were denied, or that a person was asked about."
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a new file, not to stdout."
)
@config_option
def suggest_command(
    file: Path | None,
    since: str | None,
    agent: str | None,
    out: Path | None,
    config: Path | None,
    *,
    include_denied: bool,
) -> None:
    """Print a policy with tests, made of recorded calls: of FILE (events as JSON lines), or of the audit log.

    It is never applied by itself: look through it, put it into policies/, and name it in agents.yaml.
    """
    from wharfinger.cli.audit import moment
    from wharfinger.replaying import source
    from wharfinger.replaying.recorded import recorded
    from wharfinger.rules.types import Verdict
    from wharfinger.running.desk import DataFolder
    from wharfinger.suggesting.suggestion import suggest

    place = here(config)
    book = DataFolder(data_folder(place.found, place.configuration.settings.data)).audit
    if file is None and not book.is_dir():
        fail(f'there is no audit log in "{book}"', "name a file of events, or start: wharfinger up")
    events = source.events(None if file is not None else book, file, moment(since))
    every = [recorded(record.members) for record in events]
    held = [
        each
        for each in every
        if not each.lost
        and (each.verdict is Verdict.ALLOW or (include_denied and each.by_policy))
        and (agent is None or each.agent == agent)
    ]
    names = sorted({each.agent for each in held})
    if not names:
        fail("no such calls are recorded", "--include-denied takes those that were not allowed, too", REFUSED)
    if len(names) > 1:
        fail(f"there are calls of {', '.join(names)}", "say whose with --agent", WRONG)
    if names[0] not in place.configuration.agents:
        fail(f'there is no agent "{names[0]}" in agents.yaml', "its policy could not be tested", REFUSED)
    made = suggest(place.configuration, names[0], held)
    if out is None:
        click.echo(made.text, nl=False)
    else:
        _write(out, made.text)
    click.echo(
        f"made of {made.calls} requests; {made.proven} different ones were decided again, and allowed",
        err=True,
    )


def _write(out: Path, text: str) -> None:
    """Write a file that is not there yet."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        fail(f'"{out}" is there already', "name a new file", WRONG)
    except OSError as error:
        fail(f'"{out}" cannot be written: {(error.strerror or "unknown").lower()}')
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
