"""The folder of the book, and the rules for touching it: no links, nobody else's files, no loose modes.

Everything is opened relative to one descriptor of the folder, so that a folder swapped under a running
proxy is noticed instead of written to.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from wharfinger.audit import room
from wharfinger.audit.errors import BookDamaged, BookUnavailable

_NAME = re.compile(r"book-([0-9]{6,12})(\.[a-z]+)")


def segment_name(number: int) -> str:
    """File name of the log's part `number`, counted from 1."""
    return f"book-{number:06d}.jsonl"


class System:
    """The system calls on the way of an event, in one place so that tests can make them fail."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """As `os.write`: may write less than asked."""
        return os.write(fd, data)

    def fdatasync(self, fd: int) -> None:
        """As `os.fdatasync`."""
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        """As `os.fsync`, for folders."""
        os.fsync(fd)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        """As `os.pwrite`."""
        return os.pwrite(fd, data, offset)

    def allocate(self, fd: int, offset: int, length: int) -> None:
        """As fallocate(2), leaving the size as it is."""
        room.allocate(fd, offset, length)

    def open(self, name: str, flags: int, mode: int, folder: int) -> int:
        """As `os.open`, below `folder`."""
        return os.open(name, flags, mode, dir_fd=folder)

    def stat(self, path: str) -> os.stat_result:
        """As `os.lstat`."""
        return os.lstat(path)

    def write_all(self, fd: int, data: bytes) -> None:
        """Write all of `data`, in as many calls as it takes."""
        view = memoryview(data)
        while view:
            if (done := self.write(fd, view)) <= 0:
                raise OSError(0, "nothing was written")
            view = view[done:]


@dataclass(frozen=True, slots=True)
class Folder:
    """An open folder that has been checked."""

    path: Path
    fd: int

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Folder:
        """Open the folder of a book; `create` makes it (0700) where it is missing."""
        try:
            if create and not path.exists():
                path.mkdir(mode=0o700, parents=True)
                sync_folder(path.parent)
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise BookUnavailable(f"the book's folder '{path}' cannot be opened: {error.strerror}") from error
        folder = cls(path, fd)
        try:
            folder.check(os.fstat(fd), str(path), "700")
        except BaseException:
            folder.close()
            raise
        return folder

    def close(self) -> None:
        """Let go of the descriptor."""
        os.close(self.fd)

    def segments(self) -> list[int]:
        """Numbers of the segment files, in order."""
        return self.numbers(".jsonl")

    def numbers(self, ending: str) -> list[int]:
        """Numbers of the files beside or of segments, with this ending, in order."""
        names = os.listdir(self.fd)  # noqa: PTH208 - the folder that was opened, whatever has its name now
        found = [match for name in names if (match := _NAME.fullmatch(name))]
        return sorted(int(match[1]) for match in found if match[2] == ending)

    def has(self, name: str) -> bool:
        """Whether there is anything of this name."""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def open_file(self, name: str, flags: int, system: System | None = None) -> int:
        """A descriptor of a regular file of ours; O_EXCL and O_CREAT as given in `flags`."""
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        fd = (system or System()).open(name, flags, 0o600, self.fd)
        try:
            self.check(os.fstat(fd), f"{self.path}/{name}", "600")
        except BaseException:
            os.close(fd)
            raise
        return fd

    @staticmethod
    def check(found: os.stat_result, path: str, mode: str) -> None:
        """Refuse what another user could have written or replaced."""
        if mode == "600" and not stat.S_ISREG(found.st_mode):
            raise BookDamaged(f"'{path}' is not a regular file", "move it away")
        if found.st_uid != os.geteuid():
            raise BookDamaged(
                f"'{path}' belongs to user {found.st_uid}, not to {os.geteuid()} who runs this",
                "run as the user who owns the book, or give the file to the user who runs this",
            )
        if found.st_mode & 0o077:
            raise BookDamaged(
                f"'{path}' is open to other users (mode {stat.S_IMODE(found.st_mode):o})",
                f"chmod {mode} '{path}', once you know that nobody changed it: see `audit verify`",
            )


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
