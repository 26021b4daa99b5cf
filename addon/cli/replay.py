"""`replay`: which recorded calls would be decided otherwise under changed policies. Nothing is sent."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from wharfinger.cli.common import (
    REFUSED,
    WRONG,
    config_option,
    data_folder,
    fail,
    find,
    json_option,
    print_json,
    report,
)

if TYPE_CHECKING:
    from wharfinger.authoring.snapshot import Snapshot
    from wharfinger.replaying.comparing import Tally
    from wharfinger.rules.configuration import Configuration

_COLOURS = {"allow": "green", "ask": "yellow", "deny": "red"}


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--since", metavar="WHEN", help="Calls from then on: a time, or 7d for a week ago.")
@click.option(
    "--policy", "policy", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="The changed policies: a folder of them, or a whole configuration (default: what is on disk).",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), help="Processes to work in (default: one per processor).")
@click.option("--fail-on-change", is_flag=True, help="Exit with 1 if any call would be decided otherwise.")
@config_option
@json_option
def replay_command(
    file: Path | None,
    since: str | None,
    policy: Path | None,
    jobs: int | None,
    config: Path | None,
    *,
    fail_on_change: bool,
    as_json: bool,
) -> None:
    """Decide recorded calls again: those of FILE (events as JSON lines), else of this machine's audit log."""
    from wharfinger.authoring import checking
    from wharfinger.cli.audit import moment
    from wharfinger.running.desk import DataFolder

    found = find(config)
    files = _files(found.snapshot, policy)
    checked = checking.check_files(files, run_cases=False)
    if checked.configuration is None:
        report(checked.errors)
        fail("the changed configuration cannot be used", "see all of it with: wharfinger check", WRONG)
    if file is None:
        book = DataFolder(data_folder(found, _data(found.snapshot, checked.configuration))).audit
        if not book.is_dir():
            fail(f'there is no audit log in "{book}"', "name a file of events, or start: wharfinger up")
    else:
        book = None
    tally = _compare(book, file, moment(since), files, jobs or os.cpu_count() or 1, quiet=as_json)
    if as_json:
        print_json(_as_json(tally, checked.configuration.digest))
    else:
        _show(tally)
    sys.exit(REFUSED if fail_on_change and tally.changes else 0)


def _data(snapshot: Snapshot, changed: Configuration) -> str | None:
    """The data folder that the configuration in force names, not the changed one."""
    from wharfinger.authoring import checking

    held = checking.check(snapshot, run_cases=False).configuration
    return (held or changed).settings.data


def _files(snapshot: Snapshot, policy: Path | None) -> Mapping[str, bytes]:
    """The files of the changed configuration: a whole one, or other policies among the files there are."""
    from wharfinger.authoring import snapshot as reading
    from wharfinger.rules.configuration import SETTINGS
    from wharfinger.rules.documents.problems import Severity

    if policy is None:
        return snapshot.files
    given = reading.read(policy)
    if SETTINGS in given.files:
        errors = [problem for problem in given.problems if problem.severity is Severity.ERROR]
        if errors:
            report(errors)
            fail(f'"{policy}" cannot be read whole', "", WRONG)
        return given.files
    policies = {path.name: path.read_bytes() for path in sorted(_yaml(policy))}
    if not policies:
        fail(f'there are no policies in "{policy}"', "name a folder of them, or a whole configuration", WRONG)
    others = {name: content for name, content in snapshot.files.items() if not name.startswith("policies/")}
    return {**others, **{f"policies/{name}": content for name, content in policies.items()}}


def _yaml(folder: Path) -> Iterator[Path]:
    below = folder / "policies"
    return (below if below.is_dir() else folder).glob("*.yaml")


def _compare(
    book: Path | None,
    file: Path | None,
    since: datetime | None,
    files: Mapping[str, bytes],
    jobs: int,
    *,
    quiet: bool,
) -> Tally:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from wharfinger.replaying import source
    from wharfinger.replaying.comparing import compare

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        bar = progress.add_task("deciding again", total=None)
        read = 0

        def lines() -> Iterator[bytes]:
            nonlocal read
            for record in source.events(book, file, since):
                read += 1
                yield record.line
            progress.update(bar, total=read)

        return compare(lines(), files, jobs, lambda done: progress.advance(bar, done))


def _as_json(tally: Tally, digest: str) -> dict[str, object]:
    from wharfinger.replaying.again import ASSUMED

    return {
        "policy_digest": digest,
        "calls": tally.calls,
        "same": tally.same,
        "changed": sum(tally.changes.values()),
        "not_by_policy": tally.skipped,
        "changes": [
            {"was": change.was, "now": change.now, "tool": change.tool, "agent": change.agent,
             "because": change.because, "count": count, "examples": tally.examples[change]}
            for change, count in sorted(tally.changes.items())
        ],
        "undecidable": [
            {"tool": tool, "why": why, "count": count}
            for (tool, why), count in sorted(tally.undecidable.items())
        ],
        "assumed": list(ASSUMED),
    }  # fmt: skip


def _show(tally: Tally) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from wharfinger.audit.reader import printable
    from wharfinger.replaying.again import ASSUMED

    out = Console(highlight=False)
    changed, lost = sum(tally.changes.values()), sum(tally.undecidable.values())
    if tally.changes:
        table = Table("was", "now", "calls", "tool", "agent", "because", "for example", box=None)
        for change, count in sorted(tally.changes.items(), key=lambda each: (-each[1], each[0])):
            was, now = (f"[{_COLOURS[verdict]}]{verdict}[/]" for verdict in (change.was, change.now))
            texts = (change.tool, change.agent, change.because, tally.examples[change][0])
            table.add_row(was, now, str(count), *(escape(printable(text)) for text in texts))
        out.print(table)
    for (tool, why), count in sorted(tally.undecidable.items()):
        out.print(
            f"undecidable: {count} of {escape(printable(tool))}: {escape(printable(why))}", soft_wrap=True
        )
    out.print(
        f"{tally.calls} calls: {changed} would be decided otherwise, {tally.same} the same, "
        f"{lost} undecidable, {tally.skipped} not decided by policy",
        soft_wrap=True,
    )
    out.print(f"assumed: {'; '.join(ASSUMED)}", style="dim", soft_wrap=True)
