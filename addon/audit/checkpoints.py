"""Where checkpoints are kept: beside each file of the log, one of signed notes, each ended by an empty line.

Rules: only ever appended to, and synced before anybody hears of a checkpoint. What a crash left of a write
is cut off when the log is opened; whoever only reads tells of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from wharfinger.audit.errors import BookDamaged
from wharfinger.audit.folder import Folder, System
from wharfinger.audit.notes import NOTE_LIMIT, NotANote, PublicKey, Signed, parse

KEY_NAME = "book.vkey"
"""The public key, for whoever checks a copy of the folder. Where it counts, they have it from elsewhere."""
_NEW_KEY = "book.vkey.new"


def checkpoints_name(number: int) -> str:
    """File of the checkpoints taken while the log's part `number` was written."""
    return f"book-{number:06d}.checkpoints"


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored checkpoint."""

    signed: Signed
    file: str
    number: int
    """Which of the file's, from 1."""


def stored(folder: Folder, number: int) -> tuple[list[Kept], str]:
    """The checkpoints beside one file of the log, and what is wrong with what follows the last good one."""
    name = checkpoints_name(number)
    try:
        fd = folder.open_file(name, os.O_RDONLY)
    except FileNotFoundError:
        return [], ""
    with os.fdopen(fd, "rb") as file:
        data = file.read()
    found: list[Kept] = []
    for note, whole in _notes(data):
        where = f"checkpoint {len(found) + 1}"
        try:
            if not whole:
                raise NotANote("it is not whole")
            found.append(Kept(parse(note), name, len(found) + 1))
        except NotANote as wrong:
            return found, f"{where}: {wrong}"
    return found, ""


def _notes(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """The notes in a file, and whether each is there to its end."""
    blocks = data.split(b"\n\n")
    rest = blocks.pop()
    for text, signatures in zip(blocks[::2], blocks[1::2], strict=False):
        yield text + b"\n\n" + signatures + b"\n", True
    if rest or len(blocks) % 2:
        yield b"", False


def newest(folder: Folder) -> Kept | None:
    """The last checkpoint there is."""
    for number in reversed(folder.segments()):
        if found := stored(folder, number)[0]:
            return found[-1]
    return None


def last(folder: Folder) -> Signed | None:
    """The last whole checkpoint, found from the end of its file."""
    for number in reversed(folder.numbers(".checkpoints")):
        fd = folder.open_file(checkpoints_name(number), os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            data = os.pread(fd, 2 * NOTE_LIMIT, max(0, size - 2 * NOTE_LIMIT))
        finally:
            os.close(fd)
        *blocks, _ = data.split(b"\n\n")
        for text, signatures in zip(blocks[-2::-1], blocks[::-1], strict=False):
            try:
                return parse(text + b"\n\n" + signatures + b"\n")
            except NotANote:
                continue
    return None


def split(data: bytes) -> list[bytes]:
    """The notes in a text that holds one, or several with empty lines between them."""
    blocks = data.strip(b"\n").split(b"\n\n")
    return [b"%b\n\n%b\n" % pair for pair in zip(blocks[::2], blocks[1::2], strict=False)] or [data]


def published_key(folder: Folder) -> PublicKey | None:
    """The key that lies in the folder; None where there is none. Raises `BookDamaged` for what is no key."""
    try:
        fd = folder.open_file(KEY_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        text = file.read(4096)
    try:
        key = PublicKey.parse(text.decode("ascii"))
        if f"{key}\n".encode() == text:
            return key
        reason = "it has more in it than the key"
    except (NotANote, UnicodeDecodeError) as wrong:
        reason = str(wrong)
    raise BookDamaged(f"'{folder.path / KEY_NAME}' was changed: {reason}", "move it away: it is made again")


class Store:
    """Appends checkpoints, in the thread that signs them."""

    def __init__(self, folder: Folder, system: System) -> None:
        self._folder = folder
        self._system = system

    def publish(self, key: PublicKey) -> None:
        """Put the public key into the folder, if it is not there as it should be."""
        try:
            if published_key(self._folder) == key:
                return
        except BookDamaged:
            pass  # it is only a copy of ours
        fd = self._folder.open_file(_NEW_KEY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, self._system)
        try:
            self._system.write_all(fd, f"{key}\n".encode())
            self._system.fsync(fd)
        finally:
            os.close(fd)
        # Whole or not at all: whoever verifies after a crash, before the next start, must find no half of it.
        os.rename(_NEW_KEY, KEY_NAME, src_dir_fd=self._folder.fd, dst_dir_fd=self._folder.fd)
        self._system.fsync(self._folder.fd)

    def mend(self, number: int) -> None:
        """Cut off what a crash left behind the last whole checkpoint."""
        kept, wrong = stored(self._folder, number)
        if wrong:
            whole = sum(len(one.signed.note()) + 1 for one in kept)
            fd = self._folder.open_file(checkpoints_name(number), os.O_RDWR)
            try:
                os.ftruncate(fd, whole)
                self._system.fsync(fd)
            finally:
                os.close(fd)

    def add(self, number: int, signed: Signed) -> None:
        """Keep a checkpoint; returns when it is durable."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        fd = self._folder.open_file(checkpoints_name(number), flags, self._system)
        try:
            before = os.fstat(fd).st_size
            try:
                self._system.write_all(fd, signed.note() + b"\n")
            except BaseException:
                os.ftruncate(fd, before)
                raise
            self._system.fdatasync(fd)
            if not before:
                self._system.fsync(self._folder.fd)
        finally:
            os.close(fd)
