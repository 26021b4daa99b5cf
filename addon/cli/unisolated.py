"""`run --no-isolate`: a command as one's own user, kept from what is ours where the kernel has Landlock."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from wharfinger.certs.environment import ClientFiles
from wharfinger.cli.control import Here
from wharfinger.isolation import landlock, signals
from wharfinger.isolation.choice import LANDLOCK, UNCONFINED
from wharfinger.isolation.inside import NOT_EXECUTABLE, NOT_FOUND
from wharfinger.isolation.landlock import NoLandlock

_OPEN = "this command runs as your own user, so it can go round the proxy"
UNPROTECTED = f"note: not isolated: {_OPEN} and read your files"
HIDDEN = f"note: not isolated: {_OPEN} and read your files; Landlock, no wall, hides wharfinger's own"
NOWHERE = "note: there is no sandbox on this system; on Linux a command is isolated"


@dataclass(frozen=True, slots=True)
class Reach:
    """What of ours the command could reach, if nothing were done about it."""

    hidden: tuple[Path, ...]
    """What Landlock is to hide."""
    open: tuple[tuple[str, Path], ...]
    """What cannot be hidden, for the working folder is in it, or around it; and what it is."""

    @property
    def confinement(self) -> str:
        """What may be said of a run of it: nothing, where not all can be hidden."""
        return LANDLOCK if landlock.is_there() and not self.open else UNCONFINED

    def notices(self, system: str = sys.platform) -> Iterator[str]:
        """What the person is told before the command runs."""
        if system != "linux":
            yield NOWHERE
        for what, folder in self.open:
            yield (
                f'warning: the {what}, "{folder}", lies in the working folder or around it; '
                "move it out of the command's reach"
            )
        yield HIDDEN if self.confinement == LANDLOCK else UNPROTECTED


def reach(place: Here) -> Reach:
    """Of a command that is started in the present working folder."""
    work = Path.cwd().resolve()
    named = {name: folder.resolve() for name, folder in place.folders.items()}
    is_open = {
        folder: name for name, folder in reversed(named.items())
        if folder.is_dir() and (folder.is_relative_to(work) or work.is_relative_to(folder))
    }  # fmt: skip
    return Reach(
        tuple(folder for folder in named.values() if folder not in is_open),
        tuple((name, folder) for folder, name in reversed(is_open.items())),
    )


def execute(
    command: tuple[str, ...], environment: Mapping[str, str], found: Reach, files: ClientFiles
) -> int:
    """Run the command in the foreground, pass signals on, and give its exit code. Raises `NoLandlock`."""
    rules = None
    if found.confinement == LANDLOCK:
        rules = landlock.ruleset(found.hidden, (files.bundle.parent, files.ca))
    before = None if rules is None else functools.partial(landlock.restrict, rules)
    try:
        process = subprocess.Popen(command, env=environment, preexec_fn=before)  # noqa: PLW1509 - there is one thread
    except FileNotFoundError:
        click.echo(f"error: {command[0]}: not found", err=True)
        return NOT_FOUND
    except OSError as error:
        click.echo(f"error: {command[0]}: {(error.strerror or 'cannot be run').lower()}", err=True)
        return NOT_EXECUTABLE
    except subprocess.SubprocessError as error:
        raise NoLandlock("wharfinger's own files could not be hidden, so the command was not run") from error
    finally:
        if rules is not None:
            os.close(rules)

    # The terminal sends SIGINT and SIGQUIT to the command by itself.
    held = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        with signals.passing_on((signal.SIGTERM, signal.SIGHUP), process.send_signal) as woken:
            return signals.wait(process, woken)
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
