"""`run` in a sandbox: what it is to show and to hide, and its door, or the namespace it is in instead."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import wharfinger
from wharfinger import certs, policies, rules, tools
from wharfinger.certs.environment import ClientFiles
from wharfinger.cli.control import Here
from wharfinger.isolation import entrances, namespaces, sandbox
from wharfinger.isolation.attaching import Hello, attach
from wharfinger.isolation.choice import Choice, Kind
from wharfinger.isolation.entrances import Entrances
from wharfinger.isolation.sandbox import Sandbox
from wharfinger.isolation.view import Wanted


@dataclass(frozen=True, slots=True)
class Isolation:
    """What was asked for on the command line."""

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    transparent: bool = False
    """Whether connections to any address end at the proxy, for clients that know of none."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What a sandbox is made with: what it shows, and how its command goes out."""

    asked: Isolation
    files: ClientFiles
    hello: Hello | None
    """None for an agent that is known by its address."""
    namespace: int | None
    """A descriptor of the network namespace to be in; None for one of its own, with a door."""


@contextlib.contextmanager
def entered(choice: Choice) -> Iterator[int | None]:
    """A descriptor of the namespace that was named, if one was. Raises `CannotIsolate`."""
    if choice.kind is not Kind.NAMESPACE:
        yield None
        return
    handle = namespaces.opened(choice.namespace)
    try:
        yield handle
    finally:
        os.close(handle)


def notice(namespace: str) -> str:
    """What the person is told of such a run."""
    return (
        f'note: the command has the ways out that the network namespace "{namespace}" has; whether there are '
        "others than the proxy is not known here, so events do not call it isolated"
    )


def attached(
    place: Here,
    hello: Hello | None,
    listening: socket.socket | None,
    more: Mapping[socket.socket, str] = MappingProxyType({}),
) -> contextlib.AbstractContextManager[object]:
    """Tied to the proxy for as long as this is open; without a run there is nothing to tie."""
    return contextlib.nullcontext() if hello is None else attach(place.data, hello, listening, more)


def execute(place: Here, ways: Ways, variables: Mapping[str, str], command: tuple[str, ...]) -> int:
    """Run the command in a sandbox: its exit code. Raises `Fault`s."""
    wanted = _wanted(place, ways.asked, ways.files, variables, command[0])
    sandboxed = Sandbox(wanted, variables, command, namespace=ways.namespace)

    ports = tuple(door.listen.port for door in place.configuration.settings.doors)

    def open_door(listening: socket.socket | None) -> contextlib.AbstractContextManager[object]:
        if listening is None:
            return attached(place, ways.hello, None)
        with entrances.opened(listening, Entrances(ports, ways.asked.transparent)) as more:
            return attached(place, ways.hello, listening, more)

    return sandbox.run(sandboxed, open_door)


def _wanted(
    place: Here, asked: Isolation, files: ClientFiles, environment: Mapping[str, str], command: str
) -> Wanted:
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
        hidden=tuple(place.folders.values()),
        shown=(files.bundle.parent, files.ca),
        kept=(*_code(), Path(sys.prefix), Path(sys.base_prefix)),
    )


def _code() -> tuple[Path, ...]:
    """Our own code, which may lie in a working folder."""
    packages = (wharfinger, rules, certs, tools, policies)
    return tuple(Path(folder).resolve() for package in packages for folder in package.__path__)
