"""`up`: the proxy (and its office) in the foreground."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import click
from wharfinger.cli.common import WRONG, config_option, data_folder, fail, find, report

SWITCH = 0.0001
"""Seconds after which a thread that works lets another one have the interpreter, when that asks for it.

A thread that waits begins to count anew with every call to the system that the working one makes, so with
5 ms (as Python has it) the book's gets its turn by luck while the event loop is busy: after 20 ms or more.
"""


@click.command("up")
@config_option
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Write F (JSON: proxy, console, ca, bundle, pid) once connections are accepted.",
)
@click.option("--for-runs", is_flag=True, hidden=True, help="End when the last `run` has ended.")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input does.")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def up_command(
    config: Path | None, ready_file: Path | None, *, for_runs: bool, with_parent: bool, verbose: bool
) -> None:
    """Run the proxy in the foreground. SIGHUP reloads the configuration, SIGINT and SIGTERM end it."""
    found = find(config)
    from wharfinger.authoring import checking

    checked = checking.check(found.snapshot)
    report(checked.problems)
    for case in checked.failed:
        click.echo(str(case), err=True)
    if checked.configuration is None or not checked.good:
        fail("the configuration cannot be used, so nothing is started", "mend what is named above", WRONG)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    from wharfinger.running.serving import serve
    from wharfinger.turns import Loop

    data = data_folder(found, checked.configuration.settings.data)
    sys.setswitchinterval(SWITCH)
    if with_parent:
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    code = asyncio.run(
        serve(found.snapshot, checked.configuration, data, ready_file=ready_file, for_runs=for_runs),
        loop_factory=Loop,
    )
    sys.exit(code)


def _end_with_parent() -> None:
    """End in good order when whoever started this has gone, however they went: their end of a pipe closes."""
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
