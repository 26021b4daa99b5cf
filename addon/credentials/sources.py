"""Where a credential's value comes from (DESIGN 5.4): a variable, a file, or a command.

A source is asked by `fetch`, in a thread, whenever the value is loaded or refreshed. It says what is
wrong without quoting anything it has read.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import stat
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wharfinger.credentials import command
from wharfinger.credentials.values import LIMIT
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.rules.models.credentials import Origin
from wharfinger.secret import Secret


class NotFetched(Fault):
    """A source has no value to give; says why, and the remedy, and never quotes what was read."""


class Source(Protocol):
    """Something that a credential's value can be had from."""

    def fetch(self) -> str:
        """The value as it is now; raises `NotFetched`. May block for seconds."""
        ...


class Environment:
    """The variables that the process was started with, each taken out of it when first read.

    A value that has been taken is no longer inherited by anything the process starts, and stays to be had
    from here: variables do not change while a process runs.
    """

    def __init__(self, variables: MutableMapping[str, str] | None = None) -> None:
        """Of `os.environ`, unless a test brings its own."""
        self._variables = os.environ if variables is None else variables
        self._taken: dict[str, Secret] = {}
        self._lock = threading.Lock()

    def take(self, name: str) -> str | None:
        """The variable's value, removed from the environment; None if it was never set."""
        with self._lock:
            if self._variables is os.environ:
                _erase(name)
            value = self._variables.pop(name, None)
            if value is not None:
                self._taken[name] = Secret(name, value)
            secret = self._taken.get(name)
        return None if secret is None else secret.reveal()


def _erase(name: str) -> None:
    """Overwrite the variable's value where the process was given it.

    Taken out of the environment only, it would still stand in /proc/PID/environ (proc_pid_environ(5)).
    """
    head = os.fsencode(name) + b"="
    entries = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
    if not entries:  # type: ignore[truthy-bool] # a null pointer is false
        return
    for address in itertools.takewhile(bool, (entries[number] for number in itertools.count())):
        entry = ctypes.string_at(address)
        if entry.startswith(head):
            ctypes.memset(address + len(head), 0, len(entry) - len(head))


@dataclass(frozen=True, slots=True)
class EnvironmentSource:
    """`env:NAME`."""

    name: str
    environment: Environment

    def fetch(self) -> str:
        """The variable's value."""
        value = self.environment.take(self.name)
        if value is None:
            raise NotFetched(
                f'the environment variable "{self.name}" is not set',
                f"set {self.name} where the proxy is started",
            )
        return value


@dataclass(frozen=True, slots=True)
class FileSource:
    """`file:PATH`: a file of the user's own that nobody else may read, in a folder nobody else may write."""

    path: Path

    def fetch(self) -> str:
        """The file's content, without one line break at its end."""
        try:
            content = private.read(self.path, limit=LIMIT + 2)
            _check_folder(self.path.parent)
        except FileNotFoundError:
            raise NotFetched(
                f'the file "{self.path}" is not there', "put the value there, and chmod 600"
            ) from None
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise NotFetched(
                f'the file "{self.path}" cannot be read: {reason}', "check its owner and mode"
            ) from None
        except Fault as fault:
            raise NotFetched(fault.message, fault.hint) from None
        return text(content, f'the file "{self.path}"')


@dataclass(frozen=True, slots=True)
class CommandSource:
    """`exec:[/path, …]`: what a command prints."""

    argv: tuple[str, ...]
    timeout: float = command.TIMEOUT

    def fetch(self) -> str:
        """What the command writes to its standard output, without one line break at its end."""
        try:
            printed = command.output(self.argv, limit=LIMIT + 2, timeout=self.timeout)
        except command.CommandFailed as failed:
            raise NotFetched(failed.message, failed.hint) from None
        return text(printed, f'the command "{self.argv[0]}"')


def source(origin: Origin, folder: Path, environment: Environment) -> Source:
    """The source that a credential's `from:` names; paths of files are relative to `folder`."""
    if origin.scheme == "env":
        return EnvironmentSource(origin.text, environment)
    if origin.scheme == "file":
        return FileSource(folder / Path(origin.text).expanduser())
    return CommandSource(origin.argv)


def text(content: bytes, what: str) -> str:
    """The content as text, without one line break at its end; raises `NotFetched` if it is no UTF-8."""
    content = content.removesuffix(b"\n").removesuffix(b"\r") if content.endswith(b"\n") else content
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise NotFetched(f"{what} does not give text", "credentials are text in UTF-8") from None


def _check_folder(folder: Path) -> None:
    """Whoever may write the folder may put another file in the place of this one."""
    found = folder.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise NotFetched(
            f'the folder "{folder}" belongs to user {found.st_uid}', "keep it in a folder of your own"
        )
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise NotFetched(f'the folder "{folder}" may be written by others', f'chmod go-w "{folder}"')
