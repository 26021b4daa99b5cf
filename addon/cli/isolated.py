"""`run --isolate`: what the sandbox of a run is to show and to hide, and its door."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import wharfinger
from wharfinger import certs, policies, rules, tools
from wharfinger.authoring.places import Places
from wharfinger.certs.environment import ClientFiles
from wharfinger.cli.control import Here
from wharfinger.isolation import sandbox
from wharfinger.isolation.attaching import Hello, attach
from wharfinger.isolation.sandbox import Sandbox
from wharfinger.isolation.view import Wanted


@dataclass(frozen=True, slots=True)
class Isolation:
    """What was asked for on the command line."""

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()


def execute(
    place: Here,
    asked: Isolation,
    hello: Hello,
    files: ClientFiles,
    environment: Mapping[str, str],
    command: tuple[str, ...],
) -> int:
    """Run the command isolated: its exit code. Raises `Fault`s."""
    variables = sandbox.environment(environment)
    sandboxed = Sandbox(_wanted(place, asked, files, variables, command[0]), variables, command)

    def open_door(listening: socket.socket) -> socket.socket:
        return attach(place.data, hello, listening)

    return sandbox.run(sandboxed, open_door)


def _wanted(
    place: Here, asked: Isolation, files: ClientFiles, environment: Mapping[str, str], command: str
) -> Wanted:
    own = Places.of_user()
    found = shutil.which(command, path=environment.get("PATH"))
    folders = [Path(name) for name in environment.get("PATH", "").split(os.pathsep) if name.startswith("/")]
    if found is not None:
        folders.append(Path(found).absolute().parent)
    return Wanted(
        work=Path.cwd(),
        home=Path(environment.get("HOME") or Path.home()),
        read=asked.read,
        write=asked.write,
        programs=(*folders, sandbox.interpreter().parent),
        hidden=(place.found.snapshot.folder, place.data, own.config, own.state),
        shown=(files.bundle.parent, files.ca),
        kept=(*_code(), Path(sys.prefix), Path(sys.base_prefix)),
    )


def _code() -> tuple[Path, ...]:
    """Our own code, which may lie in a working folder."""
    packages = (wharfinger, rules, certs, tools, policies)
    return tuple(Path(folder).resolve() for package in packages for folder in package.__path__)
