"""`run`: a command behind the proxy, as an agent. It shares a running proxy, or has one that ends with it."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from wharfinger.certs.errors import CertificateError
from wharfinger.cli import isolated, unisolated
from wharfinger.cli.common import as_option, config_option, fail
from wharfinger.cli.control import Here, here
from wharfinger.cli.isolated import Isolation
from wharfinger.cli.issuing import Run, by_address, issued
from wharfinger.faults import Fault
from wharfinger.isolation import sandbox
from wharfinger.isolation.choice import ISOLATED, SANDBOXED, UNCONFINED, Choice, Kind, choose
from wharfinger.isolation.inside import OWN_FAILURE

_FOLDER = click.Path(exists=True, path_type=Path, resolve_path=True)
_fail = functools.partial(fail, code=OWN_FAILURE)


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--agent", required=True, metavar="NAME")
@click.option("--reason", metavar="R", help="The reason for whatever the command calls.")
@as_option
@click.option(
    "--isolate",
    is_flag=False,
    flag_value=SANDBOXED,
    default=None,
    metavar="[=netns:NAME]",
    help="In a sandbox with no way out but the proxy (bubblewrap): the default on Linux. With =netns:NAME, "
    "as root, in that network namespace, whose ways out are its own.",
)
@click.option("--no-isolate", is_flag=True, help="In no sandbox: the command can go round the proxy.")
@click.option(
    "--read", "read", multiple=True, type=_FOLDER, metavar="PATH", help="Show this to the sandbox, as well."
)
@click.option(
    "--write", "write", multiple=True, type=_FOLDER, metavar="DIR", help="Let the sandbox write here, too."
)
@click.option(
    "--transparent",
    is_flag=True,
    help="Lead whatever the sandbox connects to, to the proxy: for clients that ignore its variables.",
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
    isolate: str | None,
    no_isolate: bool,
    read: tuple[Path, ...],
    write: tuple[Path, ...],
    transparent: bool,
    shell: bool,
    only_print: bool,
) -> None:
    """Run COMMAND behind the proxy as the agent NAME; its exit code is COMMAND's.

    Own failures are 125, a command that is not executable 126, one that is not found 127.

    In a sandbox COMMAND sees the system's programs, its working folder, which it may write, and an empty
    folder in place of yours; it has no network but the proxy.
    """
    command = (os.environ.get("SHELL") or "/bin/sh",) if shell and not command else command
    try:
        choice = choose(isolate, no_isolate=no_isolate)
    except Fault as fault:
        _fail(fault.message, fault.hint)
    if not (command or only_print):
        _fail("name a COMMAND, or --shell")
    if (read or write) and not choice.in_sandbox:
        _fail("--read and --write are for a sandbox, and there is none", "leave out --no-isolate")
    if transparent and choice.kind is not Kind.SANDBOX:
        _fail(
            "--transparent is for a sandbox with a network of its own",
            "leave out --no-isolate and =netns:NAME",
        )
    try:
        place = here(config)
    except SystemExit:  # it has said why
        sys.exit(OWN_FAILURE)
    if agent not in place.configuration.agents:
        known = ", ".join(sorted(place.configuration.agents)) or "none is declared"
        _fail(f'there is no agent "{agent}"', f"declared in agents.yaml: {known}")
    if place.found.snapshot.open_to_others:
        names = ", ".join(place.found.snapshot.open_to_others[:3])
        _fail(
            f"others may write the configuration: {names}", f'chmod -R go-w "{place.found.snapshot.folder}"'
        )
    wanted = _Wanted(place, agent, reason, person, command, only_print)
    try:
        asked = Isolation(read, write, transparent)
        code = _isolated(wanted, choice, asked) if choice.in_sandbox else _unisolated(wanted)
    except (Fault, CertificateError) as fault:
        _fail(fault.message, fault.hint)
    sys.exit(code)


@dataclass(frozen=True, slots=True)
class _Wanted:
    place: Here
    agent: str
    reason: str | None
    person: str | None
    command: tuple[str, ...]
    only_print: bool


def _unisolated(wanted: _Wanted) -> int:
    reach = unisolated.reach(wanted.place)
    whose = wanted.place, wanted.agent, wanted.reason, wanted.person
    with issued(*whose, confinement=reach.confinement) as run:
        _say_removed(run)
        for notice in reach.notices():
            click.echo(notice, err=True)
        if wanted.only_print:
            return _print(run.environment)
        with isolated.attached(wanted.place, run.hello, None):
            return unisolated.execute(wanted.command, run.environment, reach, run.files)


def _isolated(wanted: _Wanted, choice: Choice, asked: Isolation) -> int:
    """In a sandbox, with a door of its own or in a namespace that exists."""
    sandbox.bubblewrap()
    with contextlib.ExitStack() as undo:
        namespace = undo.enter_context(isolated.entered(choice))
        if (
            choice.kind is Kind.NAMESPACE
            and wanted.place.configuration.agents[wanted.agent].source is not None
        ):
            run = by_address(wanted.place, wanted.agent)
        else:
            confinement = ISOLATED if choice.kind is Kind.SANDBOX else UNCONFINED
            whose = wanted.place, wanted.agent, wanted.reason, wanted.person
            run = undo.enter_context(issued(*whose, confinement=confinement))
        _say_removed(run)
        if choice.kind is Kind.NAMESPACE:
            click.echo(isolated.notice(choice.namespace), err=True)
        variables = sandbox.environment(run.environment)
        if wanted.only_print:
            return _print(variables)
        ways = isolated.Ways(asked, run.files, run.hello, namespace)
        return isolated.execute(wanted.place, ways, variables, wanted.command)


def _say_removed(run: Run) -> None:
    if run.removed:
        click.echo(f"note: taken out, they hold credentials: {', '.join(run.removed)}", err=True)


def _print(environment: Mapping[str, str]) -> int:
    for name, value in sorted(environment.items()):
        click.echo(f"{name}={value}")
    return 0
