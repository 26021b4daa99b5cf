"""`run`: a command behind the proxy, as an agent. It shares a running proxy, or has one that ends with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from wharfinger.certs.environment import ClientFiles
from wharfinger.certs.errors import CertificateError
from wharfinger.cli import isolated, starting
from wharfinger.cli.common import as_option, config_option
from wharfinger.cli.control import Here, here
from wharfinger.cli.env import placeholders
from wharfinger.cli.isolated import Isolation
from wharfinger.cli.people_keys import person_key
from wharfinger.control.client import Client, NotRunning
from wharfinger.faults import Fault
from wharfinger.isolation import sandbox, signals
from wharfinger.isolation.attaching import Hello, attach
from wharfinger.isolation.sandbox import ADDRESS
from wharfinger.keeping.keys import Keys
from wharfinger.keeping.people import PersonKey
from wharfinger.running import door
from wharfinger.running.desk import DataFolder
from wharfinger.running.door import Door

_FOLDER = click.Path(exists=True, path_type=Path, resolve_path=True)
OWN_FAILURE = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
_LOG = "run-proxy.log"

UNPROTECTED = (
    "note: not isolated: this command runs as your own user, so it can go round the proxy and read your files"
)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has been issued: its token, and the environment for its command."""

    run_id: str
    door: Door
    hello: Hello
    files: ClientFiles
    environment: Mapping[str, str]
    removed: tuple[str, ...]


def connect(place: Here) -> Client:
    """The running proxy, or one started for this run. Raises `NotStarted`."""
    try:
        return Client.connect(place.data)
    except NotRunning:
        starting.start(place, _LOG, "--for-runs")
        return Client.connect(place.data)


@contextlib.contextmanager
def issued(
    place: Here, agent: str, reason: str | None, person: str | None, *, isolate: bool = False
) -> Iterator[Run]:
    """A run of `agent`, ended when the block ends."""
    key = person_key(person)
    with connect(place) as client:
        args = {"agent": agent, "isolated": isolate, **({"reason": reason} if reason else {})}
        given: Any = client.do("runs.issue", args, key)
        rows: Any = client.do("agents.list")
        status: Any = client.do("status")
        removed: Any = client.do("screen", {"values": dict(os.environ)})
    keys = Keys.open(place.data)
    files = door.client_files(DataFolder(place.data), place.configuration, place.found.snapshot.folder)
    at_door = Door(agent, None if isolate else given["token"], ADDRESS if isolate else status["proxy"])
    base = door.without(os.environ, frozenset(removed))
    variables = door.environment(at_door, place.configuration, files, placeholders(place, rows, keys), base)
    try:
        taken_out = tuple(sorted(set(removed) - set(variables)))
        hello = Hello(given["run"], agent, given["token"])
        yield Run(given["run"], at_door, hello, files, base | variables, taken_out)
    finally:
        _end(place, given["run"], key)


def _end(place: Here, run_id: str, key: PersonKey) -> None:
    with contextlib.suppress(Fault), Client.connect(place.data) as client:
        client.do("runs.end", {"run": run_id}, key)


def execute(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Run the command in the foreground, pass signals on, and give its exit code."""
    try:
        process = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        click.echo(f"error: {command[0]}: not found", err=True)
        return NOT_FOUND
    except OSError as error:
        click.echo(f"error: {command[0]}: {(error.strerror or 'cannot be run').lower()}", err=True)
        return NOT_EXECUTABLE

    # The terminal sends SIGINT and SIGQUIT to the command by itself.
    held = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        with signals.passing_on((signal.SIGTERM, signal.SIGHUP), process.send_signal) as woken:
            return signals.wait(process, woken)
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--agent", required=True, metavar="NAME")
@click.option("--reason", metavar="R", help="The reason for whatever the command calls.")
@as_option
@click.option(
    "--isolate/--no-isolate",
    default=False,
    help="In a sandbox with no way out but the proxy (Linux, bubblewrap); or not, which is the default.",
)
@click.option(
    "--read", "read", multiple=True, type=_FOLDER, metavar="PATH", help="Show this to the sandbox, as well."
)
@click.option(
    "--write", "write", multiple=True, type=_FOLDER, metavar="DIR", help="Let the sandbox write here, too."
)
@click.option("--shell", is_flag=True, help="Run a shell, and no COMMAND.")
@click.option("--print", "only_print", is_flag=True, help="Show the environment, and run nothing.")
@config_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run_command(
    config: Path | None,
    agent: str,
    reason: str | None,
    person: str | None,
    command: tuple[str, ...],
    *,
    isolate: bool,
    read: tuple[Path, ...],
    write: tuple[Path, ...],
    shell: bool,
    only_print: bool,
) -> None:
    """Run COMMAND behind the proxy as the agent NAME; its exit code is COMMAND's.

    Own failures are 125, a command that is not executable 126, one that is not found 127.

    In a sandbox COMMAND sees the system's programs, its working folder, which it may write, and an empty
    folder in place of yours; it has no network but the proxy.
    """
    command = (os.environ.get("SHELL") or "/bin/sh",) if shell and not command else command
    if not (command or only_print) or ((read or write) and not isolate):
        wrong = "--read and --write go with --isolate" if read or write else "name a COMMAND, or --shell"
        click.echo(f"error: {wrong}", err=True)
        sys.exit(OWN_FAILURE)
    try:
        place = here(config)
    except SystemExit:  # it has said why
        sys.exit(OWN_FAILURE)
    if agent not in place.configuration.agents:
        known = ", ".join(sorted(place.configuration.agents)) or "none is declared"
        click.echo(f'error: there is no agent "{agent}"\n  hint: declared in agents.yaml: {known}', err=True)
        sys.exit(OWN_FAILURE)
    _check_folders(place, isolate=isolate)
    try:
        if isolate:
            sandbox.bubblewrap()
        with issued(place, agent, reason, person, isolate=isolate) as run:
            if run.removed:
                click.echo(f"note: taken out, they hold credentials: {', '.join(run.removed)}", err=True)
            if not isolate:
                click.echo(UNPROTECTED, err=True)
            if only_print:
                for name, value in sorted(run.environment.items()):
                    click.echo(f"{name}={value}")
                code = 0
            elif isolate:
                asked = Isolation(read, write)
                code = isolated.execute(place, asked, run.hello, run.files, run.environment, command)
            else:
                with attach(place.data, run.hello, None):
                    code = execute(command, run.environment)
    except (Fault, CertificateError) as fault:
        click.echo(f"error: {fault.message}", err=True)
        if fault.hint:
            click.echo(f"  hint: {fault.hint}", err=True)
        code = OWN_FAILURE
    sys.exit(code)


def _check_folders(place: Here, *, isolate: bool) -> None:
    """Refuse a configuration that others could have written; say where the command could write it."""
    if place.found.snapshot.open_to_others:
        names = ", ".join(place.found.snapshot.open_to_others[:3])
        click.echo(f"error: others may write the configuration: {names}", err=True)
        click.echo(f'  hint: chmod -R go-w "{place.found.snapshot.folder}"', err=True)
        sys.exit(OWN_FAILURE)
    if isolate:  # the sandbox hides them
        return
    work = Path.cwd().resolve()
    for what, folder in (("configuration", place.found.snapshot.folder), ("data", place.data)):
        if folder.resolve().is_relative_to(work):
            click.echo(
                f'warning: the {what} folder "{folder}" lies in the working folder; move it out of the '
                "command's reach",
                err=True,
            )
