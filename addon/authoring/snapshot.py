"""A configuration folder, read once: what is checked, trusted and put to use is one set of bytes.

Only the files of DESIGN 5 are read, each through the folder's own descriptor, without following a
symbolic link, if it is a regular file of bounded size. What keeps a file from being read is reported
like any problem of the configuration, all of them at once.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from wharfinger.faults import Fault
from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Position, Problem, Problems, did_you_mean

SETTINGS_FILE = "wharfinger.yaml"
TOP_FILES = (SETTINGS_FILE, "agents.yaml", "people.yaml", "credentials.yaml")
FOLDERS = ("tools", "policies")
FILE_LIMIT = 5 << 20
TOTAL_LIMIT = 64 << 20
COUNT_LIMIT = 10_000


class FolderUnreadable(Fault):
    """There is no configuration folder there, or it cannot be opened."""


class Catalogue(Mapping[str, bytes]):
    """The built-in tool files by name (`github`), each read when it is first asked for."""

    def __init__(self) -> None:
        """Look at what there is; read nothing."""
        self._folder = resources.files("wharfinger.tools")
        names = (entry.name for entry in self._folder.iterdir())
        self._names = tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))
        self._read: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = (self._folder / f"{name}.yaml").read_bytes()
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a configuration folder held at one moment."""

    folder: Path
    files: Mapping[str, bytes]
    """By path within the folder: `agents.yaml`, `tools/stripe.yaml`."""
    problems: tuple[Problem, ...]
    """Files that were not read (errors), or that deserve a look (warnings)."""
    open_to_others: tuple[str, ...]
    """Files, and `.` for the folder, that someone besides the user and root could have written."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over names and contents; what `trust` remembers."""
        total = hashlib.sha256(b"wharfinger snapshot 1\0")
        for name, content in sorted(self.files.items()):
            for part in (name.encode(), content):
                total.update(len(part).to_bytes(8) + part)
        return total.hexdigest()


def read(folder: Path) -> Snapshot:
    """Read the configuration folder; raises `FolderUnreadable` if there is none."""
    try:
        folder = folder.resolve(strict=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, RuntimeError) as error:
        reason = (getattr(error, "strerror", None) or "too many symbolic links").lower()
        raise FolderUnreadable(
            f'the configuration folder "{folder}" cannot be read: {reason}',
            "name another with --config, or make one with: wharfinger init",
        ) from error
    try:
        reader = _Reader()
        reader.look(os.fstat(handle), str(folder), ".")
        reader.top(handle)
        for name in FOLDERS:
            reader.sub(handle, name)
    finally:
        os.close(handle)
    files = MappingProxyType(dict(sorted(reader.files.items())))
    return Snapshot(folder, files, tuple(reader.problems), tuple(reader.open_to_others))


@dataclass(slots=True)
class _Reader:
    files: dict[str, bytes] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    open_to_others: list[str] = field(default_factory=list)
    total: int = 0

    def top(self, handle: int) -> None:
        for name in _names(handle):
            if name in TOP_FILES:
                self.file(handle, name, name)
            elif name.endswith((".yaml", ".yml")):
                near = did_you_mean(Path(name).stem, (Path(top).stem for top in TOP_FILES))
                hint = near or f"tools and policies go into {FOLDERS[0]}/ and {FOLDERS[1]}/"
                self._left_out(name, "file", hint)
            elif name not in FOLDERS and (near := did_you_mean(name, FOLDERS)) and _is_folder(handle, name):
                self._left_out(f"{name}/", "folder", near)

    def sub(self, parent: int, folder: str) -> None:
        try:
            handle = os.open(
                folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent
            )
        except FileNotFoundError:
            return
        except OSError as error:
            self._unread(parent, folder, folder, error)
            return
        try:
            self.look(os.fstat(handle), f"{folder}/", f"{folder}/")
            for name in _names(handle):
                path = str(PurePosixPath(folder, name))
                if name.endswith(".yaml"):
                    self.file(handle, name, path)
                elif name.endswith(".yml"):
                    self._left_out(path, "file", f'name it "{name[:-4]}.yaml"')
                elif _is_folder(handle, name):
                    self._left_out(f"{path}/", "folder", f"move its files to {folder}/ itself")
        finally:
            os.close(handle)

    def file(self, parent: int, name: str, path: str) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, dir_fd=parent)
        except OSError as error:
            self._unread(parent, name, path, error)
            return
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                self.problems.error(
                    Position(path), "this is not a regular file", "put a regular file in its place"
                )
                return
            self.look(found, path, path)
            self._content(handle, path)
        except OSError as error:
            self._unread(parent, name, path, error)
        finally:
            os.close(handle)

    def look(self, found: os.stat_result, shown: str, name: str) -> None:
        if found.st_uid not in (os.geteuid(), 0):
            self.open_to_others.append(name)
            message = f"this belongs to user {found.st_uid}, who can change what the proxy allows"
            self.problems.warning(
                Position(shown), message, f"make it yours with: chown {os.geteuid()}", kinds.OPEN
            )
        elif found.st_mode & 0o022:
            self.open_to_others.append(name)
            message = (
                f"others may change what is allowed by writing this (mode {stat.S_IMODE(found.st_mode):04o})"
            )
            self.problems.warning(
                Position(shown), message, "take their right away with: chmod go-w", kinds.OPEN
            )

    def _left_out(self, path: str, what: str, hint: str) -> None:
        self.problems.warning(Position(path), f"this {what} is not read", hint, kinds.NOT_READ)

    def _content(self, handle: int, path: str) -> None:
        content = _read_up_to(handle, FILE_LIMIT + 1)
        self.total += len(content)
        if len(content) > FILE_LIMIT:
            self.problems.error(
                Position(path), f"this file is larger than {FILE_LIMIT >> 20} MiB", "split it"
            )
        elif self.total > TOTAL_LIMIT or len(self.files) >= COUNT_LIMIT:
            message = f"all files together are more than {TOTAL_LIMIT >> 20} MiB or {COUNT_LIMIT} files"
            self.problems.error(Position(path), message, "remove what is not needed")
        else:
            self.files[path] = content

    def _unread(self, parent: int, name: str, path: str, error: OSError) -> None:
        try:
            is_link = stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        except OSError:
            is_link = False
        if is_link:
            self.problems.error(
                Position(path), "this is a symbolic link, which is not followed", "copy the file"
            )
        else:
            reason = (error.strerror or "unknown error").lower()
            self.problems.error(
                Position(path), f"this cannot be read: {reason}", "check its owner and its mode"
            )


def _names(handle: int) -> list[str]:
    """The names in an opened folder, sorted, without hidden ones (editors leave those behind)."""
    return sorted(name for name in os.listdir(handle) if not name.startswith("."))


def _is_folder(parent: int, name: str) -> bool:
    """Whether there is a folder of that name, and one that can be told."""
    try:
        return name.isprintable() and stat.S_ISDIR(
            os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        )
    except OSError:
        return False


def _read_up_to(handle: int, limit: int) -> bytes:
    parts = []
    while limit and (part := os.read(handle, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
