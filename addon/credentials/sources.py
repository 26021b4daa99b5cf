"""Where a secret value comes from (DESIGN 5.4): a variable, a file, a command, a store here or elsewhere.

A source is asked by `fetch`, in a thread, whenever the value is loaded or refreshed. It gives the value with
how long it holds, or says what is wrong without quoting anything it has read.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from wharfinger.credentials import command, mounted
from wharfinger.credentials.values import LIMIT
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.rules.models.origins import Origin, Place
from wharfinger.rules.models.sources import DeclaredSource
from wharfinger.secret import Secret

if TYPE_CHECKING:
    from wharfinger.credentials.own_store import OwnStore

FILE_LIFE: Final = 2.0
"""Seconds after which a file that is used is looked at again: they rotate in place, as Kubernetes' do."""


class NotFetched(Fault):
    """A source has no value to give; says why, and the remedy, and never quotes what was read."""


@dataclass(frozen=True, slots=True, repr=False)
class Value:
    """A text that is secret, and how long it is good for (seconds since 1970)."""

    text: str
    version: str = ""
    """What the source itself calls this value among those it has had; empty where it does not say."""
    due: float | None = None
    """When to look for another; None for never by itself."""
    expires: float | None = None
    """From when on it is of no use; None for one that does not end."""
    hidden: tuple[str, ...] = ()
    """What else must never be shown: what was signed in with."""
    kept: bool = False
    """Whether it has to be looked at when due even while nobody uses it."""


class Source(Protocol):
    """Something that a secret value can be had from."""

    def fetch(self) -> Value:
        """The value as it is now; raises `NotFetched`. May block for seconds."""
        ...


class Client(Protocol):
    """A store of secrets elsewhere, signed in to, for as long as this process runs."""

    def read(self, place: Place) -> Value:
        """What is at this place; raises `NotFetched`. Called from several threads. May block for seconds."""
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

    def fetch(self) -> Value:
        """The variable's value."""
        value = self.environment.take(self.name)
        if value is None:
            raise NotFetched(
                f'the environment variable "{self.name}" is not set',
                f"set {self.name} where the proxy is started",
            )
        return Value(value)


@dataclass(frozen=True, slots=True)
class FileSource:
    """`file:PATH`: a file of the user's own that nobody else may read, in a folder nobody else may write."""

    path: Path
    now: Callable[[], float] = time.time

    def fetch(self) -> Value:
        """The file's content, without one line break at its end."""
        began = self.now()
        try:
            if mounted.is_mounted(self.path):
                content = mounted.read(self.path, limit=LIMIT + 2)
            else:
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
        return Value(text(content, f'the file "{self.path}"'), due=began + FILE_LIFE)


@dataclass(frozen=True, slots=True)
class CommandSource:
    """`exec:[/path, …]`: what a command prints."""

    argv: tuple[str, ...]
    timeout: float = command.TIMEOUT

    def fetch(self) -> Value:
        """What the command writes to its standard output, without one line break at its end."""
        try:
            printed = command.output(self.argv, limit=LIMIT + 2, timeout=self.timeout)
        except command.CommandFailed as failed:
            raise NotFetched(failed.message, failed.hint) from None
        return Value(text(printed, f'the command "{self.argv[0]}"'))


@dataclass(frozen=True, slots=True)
class StoreSource:
    """`store:NAME`: an entry of the encrypted store in the data folder."""

    name: str
    store: OwnStore | None

    def fetch(self) -> Value:
        """The entry's value."""
        if self.store is None:
            raise NotFetched(
                f'the entry "{self.name}" cannot be read: there is no data folder here',
                "fetch it by way of the proxy, or name another source",
            )
        entry, value = self.store.get(self.name)
        return Value(value, version=str(entry.generation))


@dataclass(frozen=True, slots=True)
class ElsewhereSource:
    """`SOURCE:WHERE`: an entry of a store that credentials.yaml declares."""

    client: Client
    place: Place

    def fetch(self) -> Value:
        """The entry's value, or that of its field."""
        return self.client.read(self.place)


class Means:
    """What sources are asked with: the variables, the store of our own, and who has signed in where.

    One for each process: it keeps connections' logins from one fetch to the next.
    """

    def __init__(
        self,
        environment: Environment | None = None,
        store: OwnStore | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` is in seconds since 1970."""
        self.environment = environment or Environment()
        self.store = store
        self.now = now
        self._clients: dict[str, tuple[DeclaredSource, Path, Client]] = {}
        self._lock = threading.Lock()

    def client(self, name: str, declared: DeclaredSource, folder: Path) -> Client:
        """The store elsewhere of that name; another once its declaration has changed."""
        from wharfinger.credentials.stores import opening  # noqa: PLC0415 - only where there is one

        with self._lock:
            held = self._clients.get(name)
            if held is None or held[:2] != (declared, folder):
                asked = Asked(folder, self)
                held = (declared, folder, opening.client(name, declared, asked))
                self._clients[name] = held
        return held[2]


@dataclass(frozen=True, slots=True)
class Asked:
    """Where sources are asked: the configuration's folder, with what, and which others are declared."""

    folder: Path
    means: Means
    declared: Mapping[str, DeclaredSource] = field(default_factory=lambda: MappingProxyType({}))

    def source(self, origin: Origin) -> Source:
        """The source that a `from:` or its like names; paths of files are relative to the folder."""
        means = self.means
        match origin.scheme:
            case "env":
                return EnvironmentSource(origin.text, means.environment)
            case "file":
                return FileSource(self.folder / Path(origin.text).expanduser(), means.now)
            case "exec":
                return CommandSource(origin.argv)
            case "store":
                return StoreSource(origin.text, means.store)
            case "keyring":
                from wharfinger.credentials.keychain import KeyringSource  # noqa: PLC0415 - an extra

                service, _, user = origin.text.partition("/")
                return KeyringSource(service, user)
        place, declared = Place.of(origin.text), self.declared.get(origin.scheme)
        if place is None or declared is None:
            raise NotFetched("its source is not declared", "declare it under `sources:` in credentials.yaml")
        return ElsewhereSource(means.client(origin.scheme, declared, self.folder), place)


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
