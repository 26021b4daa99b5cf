"""What the commands share: where the configuration is, how problems are printed, what exit codes mean."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from wharfinger.authoring.places import Found, NotTrusted, Places
from wharfinger.authoring.snapshot import FolderUnreadable
from wharfinger.control.protocol import ControlError
from wharfinger.faults import Fault
from wharfinger.rules.documents.problems import Problem, Severity

REFUSED = 1
"""Exit code: the thing was refused, or failed."""
WRONG = 2
"""Exit code: wrong usage, or a configuration that cannot be used."""

F = TypeVar("F", bound=Callable[..., Any])


def config_option[F: Callable[..., Any]](command: F) -> F:
    """`--config DIR`, as on every command."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="The configuration folder (default: a trusted folder upwards, else the user's).",
    )(command)


def json_option[F: Callable[..., Any]](command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def as_option[F: Callable[..., Any]](command: F) -> F:
    """`--as NAME`, on every command that a person's key signs."""
    return click.option("--as", "person", metavar="NAME", help="Whose key to sign with.")(command)


def find(config: Path | None) -> Found:
    """The configuration folder for this command; says on stderr what was passed over.

    Ends with exit code 2 where there is none that can be used.
    """
    try:
        found = Places.of_user().find(config, Path.cwd())
    except (FolderUnreadable, NotTrusted) as fault:
        fault_exit(fault, WRONG)
    for notice in found.notices:
        click.echo(f"note: {notice}", err=True)
    return found


def data_folder(found: Found, configured: str | None) -> Path:
    """The data folder of this configuration."""
    return Places.of_user().data(configured, found.snapshot.folder)


def report(problems: Iterable[Problem], *, warnings: bool = True) -> int:
    """Print problems to stderr, each with its hint; how many of them are errors."""
    errors = 0
    for problem in problems:
        is_error = problem.severity is Severity.ERROR
        errors += is_error
        if is_error or warnings:
            click.echo(str(problem), err=True)
    return errors


def fail(message: str, hint: str = "", code: int = REFUSED) -> NoReturn:
    """End with an error in the house's form."""
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)
    sys.exit(code)


@contextlib.contextmanager
def ending_where_refused() -> Iterator[None]:
    """End the command where what it asks for is refused, with the reason."""
    try:
        yield
    except ControlError as error:
        fail(error.message, error.hint)


def print_json(value: Any) -> None:
    """Print JSON for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def fault_exit(fault: Fault, code: int = REFUSED) -> NoReturn:
    """End with what a fault says."""
    fail(fault.message, fault.hint, code)
